"""Answers that stand beside the messages of their request, as some logs have them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ANSWERED, QUESTION, only

CHUNK = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": ANSWERED}}]}
ENDED = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}


@pytest.mark.parametrize("key", ["response", "completion", "output", "answer"])
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (ANSWERED, None),
        (ANSWER, None),
        (rows.COMPLETION, "stop"),
        (json.dumps(rows.COMPLETION), "stop"),
        (rows.RESPONSE, "stop"),
        (rows.MESSAGE, "stop"),
        (rows.CANDIDATES, "stop"),
        ([CHUNK, ENDED], "length"),
        (f"data: {json.dumps(CHUNK)}\n\ndata: {json.dumps(ENDED)}\n\ndata: [DONE]\n\n", "length"),
        ([CHUNK], "error"),
    ],
)
def test_answer_beside_messages_is_their_answer(key: str, given: Any, reason: str | None) -> None:
    call = only({"messages": [QUESTION], key: given, "id": "r7"}, "openai")
    assert (call.messages, call.finish_reason, call.metadata) == ([QUESTION, ANSWER], reason, {"id": "r7"})


def test_answer_beside_an_answered_conversation_is_metadata() -> None:
    assert only({"messages": [QUESTION, ANSWER], "output": "van"}).metadata == {"output": "van"}


@pytest.mark.parametrize("text", ['{"place": "van"}', "[1, 2]", '{"error": "no order"}', '"van"', "data: 7", " x "])
def test_answer_in_json_stays_as_it_is(text: str) -> None:
    assert only({"messages": [QUESTION], "response": text}).messages[-1] == {"role": "assistant", "content": text}


def test_failed_answer_is_no_call() -> None:
    failed = {"error": {"message": "quota"}}
    for given in (failed, json.dumps(failed)):
        assert list(formats.calls_in({"messages": [QUESTION], "response": given})) == []


@pytest.mark.parametrize("given", [{"label": 3}, [1, 2], 7, True, {"choices": []}])
def test_answer_that_cannot_be_read_is_refused_by_name(given: Any) -> None:
    with pytest.raises(DataError, match="response beside messages cannot be read as their answer"):
        only({"messages": [QUESTION], "response": given})
