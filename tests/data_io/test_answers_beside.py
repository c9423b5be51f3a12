"""Answers that stand beside the messages of their request, as some logs have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

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
    row = {"messages": [QUESTION], key: given, "id": "r7"}
    call = only(row)
    assert (call.messages, call.finish_reason) == ([QUESTION, ANSWER], reason)
    assert {name: value for name, value in call.metadata.items() if name != "response"} == {"id": "r7"}
    is_text = given in (ANSWERED, ANSWER)  # training data, which has no response of an API
    assert (formats.format_of(row) in formats.LOGS) is not is_text


REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "chat": ({**rows.CHAT, "tool_choice": "required", "metadata": {"team": "shop"}}, rows.COMPLETION),
    "anthropic": (rows.MESSAGES_REQUEST, rows.MESSAGE),
    "converse": (rows.CONVERSE_REQUEST, rows.CONVERSE_RESPONSE),
    "gemini": (rows.CONTENTS_REQUEST, rows.CANDIDATES),
    "responses": ({"model": "gpt-5", "input": ASKED, "tools": [rows.FUNCTION]}, rows.RESPONSE),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request_spread_beside_its_response_is_the_logged_call(name: str, tmp_path: Path, workspace: Path) -> None:
    request, response = REQUESTS[name]
    logged = {"request": request, "response": response, "user": "ann"}
    for key in ("response", "completion", "output"):
        for given in (response, json.dumps(response)):
            row = {**request, key: given, "user": "ann"}
            assert formats.format_of(row) == formats.format_of(logged)
            found, expected = only(row), only(logged)
            assert (found.messages, found.tools, found.model) == (expected.messages, expected.tools, expected.model)
            assert (found.usage, found.finish_reason) == (expected.usage, expected.finish_reason)
            assert expected.metadata.items() <= found.metadata.items()  # other options stay beside
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({**request, "response": response}) + "\n")
    collector = DistillationDataCollector()
    assert collector.import_files([file]).captured == 1
    assert [each["rating"] for each in collector.get_curated_examples(min_rating=1)] == [3]


def test_answer_that_a_request_repeats_or_begins_is_read_once() -> None:
    row = {"messages": [QUESTION, ANSWER], "response": rows.COMPLETION}
    assert only(row, "openai-log").messages == [QUESTION, ANSWER]
    begun = {"messages": [QUESTION, {"role": "assistant", "content": "On ", "prefix": True}]}
    rest = {**rows.MESSAGE, "content": [{"type": "text", "text": "its way."}]}
    assert only({**begun, "response": rest}, "anthropic").messages == [QUESTION, ANSWER]
    said = {"messages": [QUESTION, {"role": "assistant", "content": "On"}]}  # as it is, or the beginning
    with pytest.raises(DataError, match="response is another answer"):
        only({**said, "response": rest})


def test_messages_as_input_and_arguments_of_a_call_are_requests() -> None:
    for asked in ({"input": [QUESTION], "output": rows.COMPLETION}, {"kwargs": rows.CHAT, "response": rows.COMPLETION}):
        assert only(asked, "openai-log").messages == [QUESTION, ANSWER]


def test_answer_beside_an_answered_conversation_is_metadata() -> None:
    assert only({"messages": [QUESTION, ANSWER], "output": "van"}).metadata == {"output": "van"}


@pytest.mark.parametrize("text", ['{"place": "van"}', "[1, 2]", '{"error": "no order"}', '"van"', "data: 7", " x "])
def test_answer_in_json_stays_as_it_is(text: str) -> None:
    assert only({"messages": [QUESTION], "response": text}).messages[-1] == {"role": "assistant", "content": text}


def test_failed_answer_is_no_call() -> None:
    failed = {"error": {"message": "quota"}}
    for given in (failed, json.dumps(failed)):
        assert list(formats.calls_in({"messages": [QUESTION], "response": given})) == []


@pytest.mark.parametrize("given", [{"label": 3}, [1, 2], 7, True])
def test_answer_that_cannot_be_read_is_refused_by_name(given: Any) -> None:
    with pytest.raises(DataError, match="response beside messages cannot be read as their answer"):
        only({"messages": [QUESTION], "response": given})
