"""Tools in words, for models whose chat template does not know any: said in the system message, called by JSON.

Trainer and server write them alike, so that a model that was fine-tuned on rows with tools is asked as it was taught.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from fine_tuning.data_io.formats.call import Message

CALLS = "tool_calls"
_HOW = 'To call some of them, answer with JSON alone: {"tool_calls": [{"name": ..., "arguments": {...}}]}'


def knows_tools(chat_template: str | None) -> bool:
    """Whether a chat template writes tools itself."""
    return "tools" in (chat_template or "")


def in_words(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None) -> list[Message]:
    """The conversation with its tools, their calls and results as text."""
    found: list[Message] = []
    names: dict[str, str] = {}
    for message in messages:
        rest = {key: value for key, value in message.items() if key not in {"content", CALLS, "tool_call_id"}}
        if message.get(CALLS):
            names |= {str(call.get("id")): str(call["function"]["name"]) for call in message[CALLS]}
            said = [message["content"]] if message.get("content") else []
            found.append({**rest, "content": "\n".join([*said, _calls(message[CALLS])])})
        elif message["role"] == "tool":
            result = f"Result of {names.get(str(message.get('tool_call_id')), 'the call')}: {message.get('content')}"
            if found and found[-1]["role"] == "user" and found[-1].get("content", "").startswith("Result of "):
                found[-1] = {**found[-1], "content": f"{found[-1]['content']}\n{result}"}
            else:
                found.append({"role": "user", "content": result})
        else:
            found.append(dict(message))
    if not tools:
        return found
    told = "\n".join(["You can call these functions:", *(_compact(tool["function"]) for tool in tools), _HOW])
    if found and found[0]["role"] in {"system", "developer"}:
        return [{**found[0], "content": f"{found[0]['content']}\n\n{told}"}, *found[1:]]
    return [{"role": "system", "content": told}, *found]


def _calls(calls: Sequence[Mapping[str, Any]]) -> str:
    return _compact({CALLS: [{"name": c["function"]["name"], "arguments": _parsed(c)} for c in calls]})


def _parsed(call: Mapping[str, Any]) -> Any:
    arguments = call["function"].get("arguments")
    try:
        return json.loads(arguments)
    except (TypeError, ValueError, RecursionError):
        return arguments


def schema(tools: Sequence[Mapping[str, Any]], *, parallel: bool) -> dict[str, Any]:
    """The JSON schema of an answer that calls one of these tools, or several."""
    parameters = {f"tool{n}": tool["function"].get("parameters") or {"type": "object"} for n, tool in enumerate(tools)}
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": tool["function"]["name"]},
                "arguments": {"$ref": f"#/$defs/tool{n}"},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for n, tool in enumerate(tools)
    ]
    items = {"type": "array", "items": {"anyOf": calls}, "minItems": 1, "maxItems": 8 if parallel else 1}
    return {
        "type": "object",
        "properties": {CALLS: items},
        "required": [CALLS],
        "additionalProperties": False,
        "$defs": {name: _moved(each, f"#/$defs/{name}") for name, each in parameters.items()},
    }


def _moved(schema: Any, root: str) -> Any:
    """A schema for another place: what it says of its own root leads to the new one."""
    if isinstance(schema, Mapping):
        return {
            key: f"{root}{value[1:]}" if key == "$ref" and isinstance(value, str) else _moved(value, root)
            for key, value in schema.items()
        }
    return [_moved(item, root) for item in schema] if isinstance(schema, list) else schema


def calls_in(text: str, tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """The calls that an answer makes, in OpenAI's words; None where it is no call of one of these tools."""
    try:
        calls = json.loads(text)[CALLS]
        known = {tool["function"]["name"] for tool in tools}
        if not calls or not all(call["name"] in known and isinstance(call["arguments"], dict) for call in calls):
            return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return [
        {
            "id": f"call_{uuid.uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": call["name"], "arguments": _sendable(_compact(call["arguments"]))},
        }
        for call in calls
    ]


def _sendable(text: str) -> str:
    """The same JSON; where a model wrote half of a pair of surrogates, escaped as the model escaped it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(json.loads(text))
    return text


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
