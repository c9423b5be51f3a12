"""Tools as text, for models whose chat template has no tools: listed in the system message, called with JSON.

Training and serving write them alike, so that a model fine-tuned on rows with tools is prompted as it was trained.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import cast

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.messages import Message, Tool, ToolCall, parsed_arguments
from fine_tuning.data_io.schema_references import moved

TOOL_CALLS = "tool_calls"
_INSTRUCTION = 'To call some of them, answer with JSON alone: {"tool_calls": [{"name": ..., "arguments": {...}}]}'


def template_supports_tools(chat_template: str | None) -> bool:
    """Whether a chat template writes tools itself."""
    return "tools" in (chat_template or "")


def with_tools_as_text(messages: Sequence[Message], tools: Sequence[Tool] | None) -> list[Message]:
    """The conversation with its tools, tool calls and tool results as text."""
    found: list[Message] = []
    names: dict[str, str] = {}
    follows_result = False
    for message in messages:
        if calls := message.get("tool_calls"):
            names |= {str(call.get("id")): str(call["function"]["name"]) for call in calls}
            found.append(_calls_as_text(message, calls))
        elif message["role"] == "tool":
            result = f"Result of {names.get(str(message.get('tool_call_id')), 'the call')}: {message.get('content')}"
            if follows_result:
                found[-1]["content"] = f"{found[-1].get('content')}\n{result}"
            else:
                found.append({"role": "user", "content": result})
        else:
            found.append(message.copy())
        follows_result = message["role"] == "tool"
    if not tools:
        return found
    listed = "\n".join(["You can call these functions:", *(_compact(tool["function"]) for tool in tools), _INSTRUCTION])
    if found and found[0]["role"] in {"system", "developer"}:
        found[0]["content"] = f"{found[0]['content']}\n\n{listed}"
        return found
    return [{"role": "system", "content": listed}, *found]


def _calls_as_text(message: Message, calls: Sequence[ToolCall]) -> Message:
    kept = {key: value for key, value in message.items() if key not in {"content", TOOL_CALLS, "tool_call_id"}}
    content = message.get("content")
    texts = [str(content)] if content else []
    called = [{"name": call["function"]["name"], "arguments": parsed_arguments(call)} for call in calls]
    return cast("Message", {**kept, "content": "\n".join([*texts, _compact({TOOL_CALLS: called})])})


def with_argument_objects(messages: Sequence[Message]) -> list[JsonObject]:
    """The conversation for a chat template that has tools: Hugging Face's templates take arguments as objects.

    Source: https://huggingface.co/docs/transformers/chat_extras
    """
    return [_with_objects(message) for message in messages]


def _with_objects(message: Message) -> JsonObject:
    calls = message.get("tool_calls")
    return {**message, TOOL_CALLS: [_with_object(call) for call in calls]} if calls else {**message}


def _with_object(call: ToolCall) -> JsonObject:
    return {**call, "function": {**call["function"], "arguments": parsed_arguments(call)}}


def tool_call_schema(tools: Sequence[Tool], *, parallel: bool, other: JsonObject | None = None) -> JsonObject:
    """The JSON schema of an answer that calls one of these tools, or several if `parallel`.

    Args:
        other: the schema of an answer that calls none of them, where there may be one.
    """
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
    if other is not None:
        parameters["other"] = other
    calling = {
        "type": "object",
        "properties": {TOOL_CALLS: items},
        "required": [TOOL_CALLS],
        "additionalProperties": False,
    }
    answer = calling if other is None else {"anyOf": [calling, {"$ref": "#/$defs/other"}]}
    return {**answer, "$defs": {name: moved(each, ("$defs", name)) for name, each in parameters.items()}}


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
