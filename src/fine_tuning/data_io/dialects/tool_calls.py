"""Calls of tools in any vendor's words, as OpenAI's: with an id, and arguments as JSON text."""

from __future__ import annotations

import json
import re
from typing import NamedTuple, cast

from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.json_values import JsonObject, first_value, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, ToolCall

_ID_KEYS = ("call_id", "tool_call_id", "toolCallId", "toolUseId", "id")  # the id of an item is not that of its call
NAME_KEYS = ("name", "toolName", "tool_name")
_ARGUMENT_KEYS = ("arguments", "args", "input", "parameters")
_READ = frozenset(
    (*_ID_KEYS, *NAME_KEYS, *_ARGUMENT_KEYS, "function", "functionCall", "function_call", "toolUse", "type", "index")
) | {
    *(
        "status",
        "state",
        "step",
        "rawInput",
        "partial_json",
        "result",
        "output",
        "errorText",
        "error",
        "providerExecuted",
        "caller",
    ),
    *("callProviderMetadata", "providerMetadata", "providerOptions", "thoughtSignature", "thought_signature"),
    *("cache_control", "extra_content", "provider_specific_fields", "role", "content", "from", "value", "dynamic"),
    *("created_at", "object", "response", "approval", "preliminary", "toolInvocation", "title", "toolCallType"),
}
_MADE_ID = re.compile(r"call_[0-9]+_[0-9]+")
TAGGED_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)  # as Hermes and Qwen write them


class CalledFunction(NamedTuple):
    """The function of a call: its name, its arguments as text or object, and the object that holds both."""

    name: str
    arguments: object
    written: JsonObject


def tool_call(given: object, made_id: str) -> ToolCall | None:
    """A call of OpenAI's, of LangChain's, Anthropic's, Gemini's or Vercel's words; None for what is none.

    Args:
        made_id: for a call without an id.
    """
    given = parse_embedded_json(given)
    function = called_function(given)
    if function is None or not is_object(given):
        return None
    unread_keys.note(given, _READ, "call")
    if function.written is not given:
        unread_keys.note(function.written, _READ, "call.function")
    own = next((str(each[key]) for each in (given, function.written) for key in _ID_KEYS if each.get(key)), None)
    return {
        "id": made_id if own is None else own,
        "type": "function",
        "function": {"name": function.name, "arguments": arguments_text(function.arguments)},
    }


def called_function(given: object) -> CalledFunction | None:
    """The function of a call in any vendor's words; None for what is no call."""
    if not is_object(given):
        return None
    inner = first_value(given, "function", "functionCall", "function_call", "toolUse")
    function = inner if is_object(inner) else given
    name = first_value(function, *NAME_KEYS)
    if not isinstance(name, str):
        return None
    arguments = next((function[key] for key in _ARGUMENT_KEYS if function.get(key) is not None), {})
    return CalledFunction(name, arguments, function)


def arguments_text(arguments: object) -> str:
    """Arguments as the JSON text of an object; what is neither is left to the checks."""
    if isinstance(arguments, str):
        return arguments if arguments.strip() else "{}"
    return json.dumps(arguments, ensure_ascii=False)


def tool_calls(given: object, place: int) -> list[ToolCall] | None:
    """The calls of the message at this place of a conversation; None where some are not calls."""
    given = parse_embedded_json(given)
    found = given if is_list(given) else [given]
    calls = [tool_call(each, made_id(place, number)) for number, each in enumerate(found)]
    known = [call for call in calls if call is not None]
    return known if known and len(known) == len(calls) else None


def calls_of(message: Message) -> list[ToolCall]:
    """The calls of a message that was read."""
    calls: object = message.get("tool_calls")
    return list(cast("list[ToolCall]", calls)) if is_list(calls) else []


def made_id(place: int, number: int) -> str:
    """The id of a call that has none: the same whenever the row is read."""
    return f"call_{place}_{number}"


def is_made(call_id: object) -> bool:
    """Whether an id is of `made_id`, and says nothing about the results of its call."""
    return isinstance(call_id, str) and _MADE_ID.fullmatch(call_id) is not None
