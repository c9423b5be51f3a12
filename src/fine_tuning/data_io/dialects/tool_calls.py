"""Calls of tools in any vendor's words, as OpenAI's: with an id, and arguments as JSON text."""

from __future__ import annotations

import json
import re
from typing import NamedTuple, cast

from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, ToolCall

_ID_KEYS = ("call_id", "tool_call_id", "toolCallId", "toolUseId", "id")  # the id of an item is not that of its call
_NAME_KEYS = ("name", "toolName", "tool_name")
_ARGUMENT_KEYS = ("arguments", "args", "input", "parameters")
_TAGGED_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_TAGGED_RESULT = re.compile(r"<tool_response>\s*(.*?)\s*</tool_response>", re.DOTALL)


class CalledFunction(NamedTuple):
    """The function of a call: its name, its arguments as text or object, and the object that holds both."""

    name: str
    arguments: object
    written: JsonObject


class Result(NamedTuple):
    """The result of a call; the id or the name of the call may be missing."""

    call_id: str | None
    name: str | None
    content: object


def tool_call(given: object, made_id: str) -> ToolCall | None:
    """A call of OpenAI's, of LangChain's, Anthropic's, Gemini's or Vercel's words; None for what is none.

    Args:
        made_id: for a call without an id.
    """
    given = parse_embedded_json(given)
    function = called_function(given)
    if function is None or not is_object(given):
        return None
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
    name = first_value(function, *_NAME_KEYS)
    if not isinstance(name, str):
        return None
    arguments = next((function[key] for key in _ARGUMENT_KEYS if function.get(key) is not None), {})
    return CalledFunction(name, arguments, function)


def arguments_text(arguments: object) -> str:
    """Arguments as the JSON text of an object; what is neither is left to the checks."""
    if isinstance(arguments, str):
        return arguments if arguments.strip() else "{}"
    if is_object(arguments):  # of a table, whose calls all have the arguments of all
        arguments = {key: value for key, value in arguments.items() if value is not None}
    return json.dumps(arguments, ensure_ascii=False)


def tool_calls(given: object, place: int) -> list[ToolCall] | None:
    """The calls of the message at this place of a conversation; None where some are not calls."""
    given = parse_embedded_json(given)
    found = given if is_list(given) else [given]
    calls = [tool_call(each, made_id(place, number)) for number, each in enumerate(found)]
    known = [call for call in calls if call is not None]
    return known if known and len(known) == len(calls) else None


def made_id(place: int, number: int) -> str:
    """The id of a call that has none: the same whenever the row is read."""
    return f"call_{place}_{number}"


def tagged_calls(text: str, place: int) -> tuple[str, list[ToolCall]] | None:
    """The text without its `<tool_call>` elements (as Hermes and Qwen write them), and their calls; None without any.

    A call that is no JSON is text like any other.
    """
    if "<tool_call>" not in text:
        return None
    calls = [tool_call(body, made_id(place, number)) for number, body in enumerate(_TAGGED_CALL.findall(text))]
    known = [call for call in calls if call is not None]
    if (
        not known
        or len(known) < len(calls)
        or not all(_is_object_text(call["function"]["arguments"]) for call in known)
    ):
        return None
    return _TAGGED_CALL.sub("", text).strip(), known


def _is_object_text(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def tagged_results(text: str) -> list[str] | None:
    """The texts of `<tool_response>` elements; None where the text has others, or none."""
    if "<tool_response>" not in text or _TAGGED_RESULT.sub("", text).strip():
        return None
    return _TAGGED_RESULT.findall(text)


def result_of(given: Row) -> Result:
    """The result in a message or part, in any vendor's words."""
    own = first_value(given, "tool_call_id", "toolCallId", "tool_use_id", "toolUseId", "call_id")
    name = first_value(given, *_NAME_KEYS)
    keys = ("content", "output", "result", "response", "value")
    content = next((given[key] for key in keys if given.get(key) is not None), "")
    return Result(None if own is None else str(own), name if isinstance(name, str) else None, content)


def _is_call(value: object) -> bool:
    function = value.get("function") if is_object(value) else None
    return is_object(value) and "id" in value and is_object(function) and "name" in function


class Unanswered:
    """The calls of a conversation that have no result yet, for results that do not say which they are of."""

    def __init__(self) -> None:
        self._calls: list[ToolCall] = []

    def add(self, message: Message) -> None:
        """Take note of a message's calls; those before it, without a result, are over."""
        calls: object = message.get("tool_calls")
        if calls:  # what is no call is left to the checks
            self._calls = [cast("ToolCall", each) for each in (calls if is_list(calls) else []) if _is_call(each)]

    def __len__(self) -> int:
        return len(self._calls)

    def take(self, result: Result) -> str | None:
        """The id of the call that a result answers: its own, else by its name, else the first; None without calls."""
        place = next((at for at, call in enumerate(self._calls) if call["id"] == result.call_id), None)
        if result.call_id is not None:
            if place is not None:
                del self._calls[place]
            return result.call_id
        named = (at for at, call in enumerate(self._calls) if call["function"]["name"] == result.name)
        place = next(named, 0)
        return self._calls.pop(place)["id"] if self._calls else None


def several_results(content: object, pending: int) -> list[object] | None:
    """The results of several calls in one content: a list with one for each; None for anything else."""
    parsed = parse_embedded_json(content)
    return parsed if pending > 1 and is_list(parsed) and len(parsed) == pending else None
