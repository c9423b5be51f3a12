"""Messages as LangChain's and Anthropic's streams leave them: chunks, partial JSON, calls that nobody could read."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.messages import Message
from fine_tuning.errors import DataError

ASKED = {"type": "human", "content": "Weather in Oslo?"}
CALL = {"name": "weather", "args": {"city": "Oslo"}, "id": "c", "type": "tool_call"}
CHUNK = {"name": "weather", "args": '{"city": "Oslo"}', "id": "c", "index": 1, "type": "tool_call_chunk"}
BLOCK = {"type": "tool_use", "id": "c", "name": "weather", "input": {}, "partial_json": '{"city": "Oslo"}', "index": 1}
WHOLE = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
INVALID = {"name": "weather", "args": '{"city": "Os', "id": "c", "error": "Unterminated string"}


def read(*turns: dict[str, Any]) -> list[Message]:
    *before, last = turns
    outputs = {"generations": [[{"text": "", "message": last}]]}
    row = {"id": "1", "run_type": "llm", "inputs": {"messages": [[ASKED, *before]]}, "outputs": outputs}
    (call,) = formats.calls_in({**row, "status": "success"})
    return call.messages[1:]


@pytest.mark.parametrize(
    "made",
    [
        {"content": "", "tool_calls": [CALL], "tool_call_chunks": [CHUNK], "invalid_tool_calls": []},
        {"content": [BLOCK], "tool_calls": [CALL], "tool_call_chunks": [CHUNK]},
        {"content": [BLOCK], "tool_call_chunks": [CHUNK]},
        {"content": [BLOCK]},
        {"content": "", "tool_call_chunks": [CHUNK]},
        {"content": "", "tool_calls": [CALL], "invalid_tool_calls": [{"name": None, "args": "", "id": None}]},
    ],
)
@pytest.mark.parametrize("is_constructor", [True, False])
def test_chunk_of_an_answer_has_its_call_once(made: dict[str, Any], is_constructor: bool) -> None:
    message: dict[str, Any] = {"type": "AIMessageChunk", **made}
    if is_constructor:
        names = ["langchain", "schema", "messages", "AIMessageChunk"]
        message = {"lc": 1, "type": "constructor", "id": names, "kwargs": message}
    asking = {"role": "assistant", "content": None, "tool_calls": [WHOLE]}
    assert read(message) == [asking]
    result = {"type": "ToolMessageChunk", "content": "rain", "tool_call_id": "c"}
    answer = {"type": "AIMessageChunk", "content": "Rain."}
    told = {"role": "tool", "tool_call_id": "c", "content": "rain"}
    assert read(message, result, answer) == [asking, told, {"role": "assistant", "content": "Rain."}]


@pytest.mark.parametrize("others", [{}, {"tool_calls": [CALL]}])
@pytest.mark.parametrize("is_last", [True, False])
def test_call_that_nobody_could_read_is_refused_by_name(others: dict[str, Any], is_last: bool) -> None:
    made = {"type": "ai", "content": "Let me look.", "invalid_tool_calls": [INVALID], **others}
    turns = [made] if is_last else [made, ASKED, {"type": "ai", "content": "Rain."}]
    with pytest.raises(DataError, match=r"invalid_tool_calls\[0\]: the model wrote a call whose arguments are no JSON"):
        read(*turns)


def test_partial_json_that_is_cut_off_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"\(partial_json\) are no JSON object"):
        read({"type": "ai", "content": [{**BLOCK, "partial_json": '{"city": "Os'}]})


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"type": "error-text", "value": "city unknown"}, "Error: city unknown"),
        ({"type": "error-json", "value": {"code": 404}}, 'Error: {"code": 404}'),
        ({"type": "error-text", "value": "TypeError: city"}, "TypeError: city"),
        ({"type": "execution-denied", "reason": "no"}, "Error: no"),
        ({"type": "execution-denied"}, "Error: Tool execution denied."),
        ({"type": "json", "value": {"code": 404}}, '{"code": 404}'),
    ],
)
def test_failure_of_a_tool_of_vercels_begins_with_error(output: dict[str, Any], text: str) -> None:
    asking = {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "w", "input": {}}]}
    part = {"type": "tool-result", "toolCallId": "c", "toolName": "w", "output": output}
    turns = [{"role": "user", "content": "Q"}, asking, {"role": "tool", "content": [part]}]
    (call,) = formats.calls_in({"messages": [*turns, {"role": "assistant", "content": "A"}]})
    assert call.messages[2]["content"] == text
