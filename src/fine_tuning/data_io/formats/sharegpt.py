"""ShareGPT rows: {"conversations": [{"from": "human", "value": ...}, ...]}."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NotRequired, TypedDict, cast

from fine_tuning.data_io.formats.call import Call, call_from_row
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    is_list,
    is_object,
    list_of_objects,
    parse_embedded_json,
    to_json_text,
)
from fine_tuning.data_io.messages import Message, Tool, ToolCall, as_tools
from fine_tuning.errors import DataError

NAME = "sharegpt"
_TURN_KEYS = ("conversations", "conversation")
_KEYS = (*_TURN_KEYS, "tools", "system", "id")
_FUNCTION_CALL = "function_call"
_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
    "function_call": _FUNCTION_CALL,
    "tool_call": _FUNCTION_CALL,
}
_SPEAKERS = {"user": "human", "assistant": "gpt"}


class ShareGptRow(TypedDict):
    """A row of this format; `tools` is JSON text."""

    conversations: list[JsonObject]
    tools: NotRequired[str]


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return any(is_list(row.get(key)) for key in _TURN_KEYS)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    key = next(key for key in _TURN_KEYS if is_list(row.get(key)))
    messages: list[Message] = []
    system = row.get("system")
    if isinstance(system, str) and system:
        messages.append({"role": "system", "content": system})
    for number, turn in enumerate(list_of_objects(row.get(key), key)):
        messages.append(_message(turn, f"{key}[{number}]", messages))
    yield call_from_row(row, _KEYS, messages, as_tools(row.get("tools")))


def _message(turn: Row, where: str, before: list[Message]) -> Message:
    speaker = turn.get("from") or turn.get("role")
    role = _ROLES.get(str(speaker).lower())
    if role is None:
        raise DataError(f"{where}.from is {speaker!r}; known are {', '.join(_ROLES)}")
    others = {key: value for key, value in turn.items() if key not in {"from", "role", "value", "content"}}
    content = turn.get("content", turn.get("value"))
    if role == _FUNCTION_CALL:
        return {"role": "assistant", "content": None, "tool_calls": _tool_calls(content, where, len(before))}
    if role == "tool" and "tool_call_id" not in others:
        others["tool_call_id"] = _next_unanswered_call(before, where)
    return cast("Message", {"role": role, "content": content, **others})


def _tool_calls(value: object, where: str, message_number: int) -> list[ToolCall]:
    parsed = parse_embedded_json(value)
    calls: list[ToolCall] = []
    for number, call in enumerate(parsed if is_list(parsed) else [parsed]):
        name = call.get("name") if is_object(call) else None
        if not is_object(call) or not isinstance(name, str):
            raise DataError(f"{where}.value must be JSON with name and arguments of the call")
        function = {"name": name, "arguments": to_json_text(call.get("arguments", {}))}
        calls.append(
            cast("ToolCall", {"id": f"call_{message_number}_{number}", "type": "function", "function": function})
        )
    return calls


def _next_unanswered_call(before: list[Message], where: str) -> str:
    """The id of the call that a tool message answers: the first one of the last calls that has no result yet."""
    for place in range(len(before) - 1, -1, -1):
        if calls := before[place].get("tool_calls"):
            answered = sum(message["role"] == "tool" for message in before[place:])
            return str(calls[min(answered, len(calls) - 1)]["id"])
    raise DataError(f"{where} answers a tool call that does not exist")


def row_of(messages: Sequence[Message], tools: Sequence[Tool] | None = None) -> ShareGptRow:
    """A conversation as a row of this format; fields that the format lacks are kept under OpenAI's names."""
    turns: list[JsonObject] = []
    for message in messages:
        others: JsonObject = {key: value for key, value in message.items() if key not in {"role", "content"}}
        content = message.get("content")
        if not isinstance(content, str):
            others["content"] = content
        value = to_json_text("" if content is None else content)
        turns.append({"from": _SPEAKERS.get(message["role"], message["role"]), "value": value, **others})
    row: ShareGptRow = {"conversations": turns}
    if tools:
        row["tools"] = json.dumps(tools, ensure_ascii=False)
    return row
