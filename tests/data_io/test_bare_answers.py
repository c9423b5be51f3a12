"""Answers that a log keeps as the message alone, without the response around it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError

REQUEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Weather in Bonn?"}]}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
TEXT = [{"type": "text", "text": "I look."}]


def answer_of(row: dict[str, Any]) -> Any:
    (call,) = formats.calls_in(row)
    return call.messages[-1]


@pytest.mark.parametrize("names", [("request", "response"), ("request_body", "response_body"), ("input", "output")])
@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}, {"content": "I look."}, {"content": TEXT}])
@pytest.mark.parametrize("is_text", [False, True])
def test_bare_message_keeps_its_tool_calls(names: tuple[str, str], content: dict[str, Any], is_text: bool) -> None:
    message: object = {"role": "assistant", **content, "tool_calls": [CALL]}
    row = {names[0]: REQUEST, names[1]: json.dumps(message) if is_text else message}
    said = "I look." if content.get("content") else None
    assert answer_of(row) == {"role": "assistant", "content": said, "tool_calls": [CALL]}
    assert formats.format_of(row) == "openai-log"


def test_bare_message_keeps_its_refusal_and_its_earlier_function_call() -> None:
    refused = {"role": "assistant", "content": None, "refusal": "I cannot say."}
    assert answer_of({"request": REQUEST, "response": refused}) == refused
    called = {"role": "assistant", "content": None, "function_call": CALL["function"]}
    for row in ({"request": REQUEST, "response": called}, {**REQUEST, "response": called}):
        assert answer_of(row)["tool_calls"][0]["function"] == CALL["function"]
    del called["role"]
    assert answer_of({**REQUEST, "response": called})["tool_calls"][0]["function"] == CALL["function"]


def test_bare_message_is_read_beside_messages_and_in_batches() -> None:
    message = {"role": "assistant", "content": "I look.", "tool_calls": [CALL]}
    assert answer_of({**REQUEST, "response": message}) == message
    assert answer_of({"custom_id": "1", "request": REQUEST, "response": {"body": message}}) == message


def test_message_of_anthropic_goes_on_with_what_the_request_began_and_one_of_openai_does_not() -> None:
    request = {**REQUEST, "messages": [*REQUEST["messages"], {"role": "assistant", "content": "It is"}]}
    response = {"role": "assistant", "content": " dry."}
    assert (
        answer_of({"request": request, "response": {**response, "stop_reason": "end_turn"}})["content"] == "It is dry."
    )
    (call,) = formats.calls_in({"request": request, "response": response})
    assert [each["content"] for each in call.messages[1:]] == ["It is", " dry."]


def test_bare_message_ended_where_it_says() -> None:
    message = {"role": "assistant", "content": "It is", "finish_reason": "length"}
    (call,) = formats.calls_in({"request": REQUEST, "response": message})
    assert call.finish_reason == "length"


def test_answer_that_rests_on_what_the_host_has_found_is_refused() -> None:
    answer = {"role": "assistant", "content": "Dry.", "context": {"citations": [{"content": "Bonn is dry."}]}}
    for response in (answer, {"choices": [{"message": answer}]}):
        with pytest.raises(DataError, match="has citations: the answer rests on what its host has found"):
            answer_of({"request": REQUEST, "response": response})
