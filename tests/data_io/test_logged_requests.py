"""Fields inside a logged request, beside its messages: read into the call, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.call import Call
from fine_tuning.errors import DataError

USER = {"role": "user", "content": "Weather in Bonn?"}
ANSWER = {"role": "assistant", "content": "Dry."}
RESPONSE = {"object": "chat.completion", "model": "m", "choices": [{"message": ANSWER, "finish_reason": "stop"}]}
PICTURE = "data:image/png;base64,iVBORw0KGgo="
SPAN = {"kwargs": {"content": "Dry."}, "id": ["AIMessage"], "type": "constructor"}
Row = dict[str, Any]
LOGS: dict[str, Callable[[Row], Row]] = {
    "openai-log": lambda request: {"request": request, "response": RESPONSE},
    "batch": lambda request: {"custom_id": "1", "request": request, "response": {"body": RESPONSE}},
    "helicone": lambda request: {"request_id": "1", "request_body": request, "response_body": RESPONSE},
    "litellm": lambda request: {"call_type": "completion", "proxy_server_request": request, "response": RESPONSE},
    "portkey": lambda request: {"ai_model": "m", "request": request, "response": RESPONSE},
    "langfuse": lambda request: {"traceId": "1", "type": "GENERATION", "input": request, "output": RESPONSE},
    "langsmith": lambda request: {
        "run_type": "llm",
        "inputs": request,
        "outputs": {"generations": [[{"message": SPAN}]]},
    },
    "stored-completion": lambda request: {**request, **RESPONSE},
}
HARMLESS = {
    "temperature": 0.2,
    "stream": True,
    "user": "u",
    "metadata": {"a": "b"},
    "top_p": 1,
    "seed": 3,
    "n": 1,
    "stop": ["x"],
    "logit_bias": {},
    "store": True,
    "stream_options": {"include_usage": True},
    "max_tokens": 3,
    "modalities": ["text"],
    "tool_choice": "auto",
    "function_call": "auto",
    "parallel_tool_calls": True,
    "service_tier": "auto",
    "background": True,
    "documents": [],
    "context": None,
    "images": [],
}


def call_of(log: str, fields: Row) -> Call:
    row = LOGS[log]({"model": "m", "messages": [USER], **fields})
    name, calls = formats.read(row)
    assert name == log
    (call,) = calls
    return call


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"images": [PICTURE]}, [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]),
        ({"chat_history": [["Hi", "Hello"]]}, [{"role": "user", "content": "Hi"}, {**ANSWER, "content": "Hello"}]),
        ({"history": [USER, ANSWER]}, [USER, ANSWER]),
        ({"system_prompt": "Be short."}, [{"role": "system", "content": "Be short."}]),
        ({"instructions": "Be short."}, [{"role": "system", "content": "Be short."}]),
    ],
)
def test_field_of_a_request_is_read_into_the_call(log: str, fields: Row, messages: list[Row]) -> None:
    found = call_of(log, fields).messages
    if "images" in fields:
        assert found[0]["content"][0] == messages[0]["content"][0]  # type: ignore[index]
    else:
        assert found == [*messages, USER, ANSWER]


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize(
    "fields",
    [
        {"context": "Bonn lies on the Rhine."},
        {"context": [1, 2, 3]},
        {"documents": [{"text": "Bonn lies on the Rhine."}]},
        {"attachments": ["report.pdf"]},
        {"audio": "UklGRg=="},
        {"input": "Another question"},
        {"contents": [{"role": "user", "parts": [{"text": "Another question"}]}]},
        {"functions": [{"name": "f"}], "tools": [{"type": "function", "function": {"name": "g"}}]},
    ],
)
def test_field_of_a_request_that_would_be_lost_is_refused_by_name(log: str, fields: Row) -> None:
    if log == "openai-log" and "contents" in fields:
        pytest.skip("a request of Gemini's, whose messages are lost instead")
    with pytest.raises(DataError, match=next(iter(fields))):
        call_of(log, fields)


@pytest.mark.parametrize("log", LOGS)
def test_options_of_transport_are_accepted(log: str) -> None:
    assert call_of(log, HARMLESS).messages == [USER, ANSWER]


@pytest.mark.parametrize("log", LOGS)
def test_functions_of_a_request_are_its_tools(log: str) -> None:
    assert [each["function"]["name"] for each in call_of(log, {"functions": [{"name": "f"}]}).tools or []] == ["f"]


def test_second_conversation_of_a_request_is_refused() -> None:
    contents = [{"role": "user", "parts": [{"text": "Another question"}]}]
    with pytest.raises(DataError, match="contents"):
        list(formats.calls_in({"request": {"messages": [USER], "contents": contents}, "response": RESPONSE}))
    with pytest.raises(DataError, match="data_sources"):
        list(formats.calls_in({"request": {"messages": [USER], "data_sources": [{}]}, "response": RESPONSE}))
