"""ShareGPT rows: {"conversations": [{"from": "human", "value": ...}, ...]}."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fine_tuning.data_io.formats.call import Call, Message, Row, list_of_objects, parsed, record_facts, tools_of
from fine_tuning.errors import DataError

NAME = "sharegpt"
_TURNS = ("conversations", "conversation")
_KNOWN = (*_TURNS, "tools", "system", "id")
_ROLES = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "model": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "system": "system", "developer": "developer",
    "tool": "tool", "observation": "tool", "function_response": "tool", "function_call": "function_call",
    "tool_call": "function_call",
}  # fmt: skip
_NAMES = {"user": "human", "assistant": "gpt"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return any(isinstance(row.get(key), list) for key in _TURNS)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    key = next(key for key in _TURNS if isinstance(row.get(key), list))
    messages: list[Message] = []
    if isinstance(row.get("system"), str) and row["system"]:
        messages.append({"role": "system", "content": row["system"]})
    for number, turn in enumerate(list_of_objects(row[key], key)):
        messages.append(_message(turn, f"{key}[{number}]", messages))
    yield Call(messages, tools_of(row.get("tools")), **record_facts(row, _KNOWN))


def _message(turn: Mapping[str, Any], where: str, before: list[Message]) -> Message:
    speaker = turn.get("from") or turn.get("role")
    role = _ROLES.get(str(speaker).lower())
    if role is None:
        raise DataError(f"{where}.from is {speaker!r}; known are {', '.join(_ROLES)}")
    rest = {key: value for key, value in turn.items() if key not in {"from", "role", "value", "content"}}
    content = turn["content"] if "content" in turn else turn.get("value")
    if role == "function_call":
        return {"role": "assistant", "content": None, "tool_calls": _tool_calls(content, where, len(before))}
    if role == "tool" and "tool_call_id" not in rest:
        rest["tool_call_id"] = _last_call(before, where)
    return {"role": role, "content": content, **rest}


def _tool_calls(value: Any, where: str, place: int) -> list[dict[str, Any]]:
    found = parsed(value)
    wanted = found if isinstance(found, list) else [found]
    if not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in wanted):
        raise DataError(f"{where}.value must be JSON with name and arguments of the call")
    return [
        {
            "id": f"call_{place}_{number}",
            "type": "function",
            "function": {"name": call["name"], "arguments": _as_text(call.get("arguments", {}))},
        }
        for number, call in enumerate(wanted)
    ]


def _last_call(before: list[Message], where: str) -> str:
    answered = sum(message["role"] == "tool" for message in before[_last_asking(before, where) :])
    asked = before[_last_asking(before, where)]["tool_calls"]
    return str(asked[min(answered, len(asked) - 1)]["id"])


def _last_asking(before: list[Message], where: str) -> int:
    for place in range(len(before) - 1, -1, -1):
        if before[place].get("tool_calls"):
            return place
    raise DataError(f"{where} answers a call that nobody made")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def row_of(messages: list[Message], tools: Any = None) -> dict[str, Any]:
    """A conversation as a row of this format; what the format has no word for stands beside it in OpenAI's words."""
    turns = []
    for message in messages:
        rest = {key: value for key, value in message.items() if key not in {"role", "content"}}
        content = message.get("content")
        if not isinstance(content, str):
            rest["content"] = content
        text = content if isinstance(content, str) else _as_text(content if content is not None else "")
        turns.append({"from": _NAMES.get(message["role"], message["role"]), "value": text, **rest})
    return {"conversations": turns} | ({"tools": json.dumps(tools, ensure_ascii=False)} if tools else {})
