"""Tool call match: prediction and reference call the same tools with the same arguments, in any order."""

from __future__ import annotations

import json
import re
from enum import Enum

from fine_tuning.data_io.dialects.tool_calls import TAGGED_CALL, called_function
from fine_tuning.data_io.equal_answers import NOT_JSON, canonical, parse
from fine_tuning.data_io.json_values import first_value, is_list, is_object
from fine_tuning.errors import UsageError

_MAY_BE_CALLS = re.compile(r"\s*(?:[\[{]|```|.*<tool_call>)", re.DOTALL)
_CALL_KEYS = {"id", "type", "name", "arguments"}
_OTHER_ARGUMENTS = "otherarguments"
_BEGUN_CALL = re.compile(r"\s*(?:[\[{]|```|<tool_call>)")


def matches(prediction: str, reference: str) -> bool:
    """Whether the tool calls have the same names and arguments, in any order.

    Both are JSON: a list of calls in any vendor's words, one call, or a message with `tool_calls`. Arguments are
    objects or their text; 1 and 1.0 are equal. The reference of a question that needs no call is `[]`, which an answer
    in words matches.

    Raises:
        UsageError: the reference has no tool calls and is not `[]`.
    """
    expected = _calls(_value(reference))
    if expected is None:
        raise UsageError("the reference has no tool calls; where none is expected, it is []")
    return _predicted(prediction) == expected


class Calls(Enum):
    """How a prediction compares with a reference that is tool calls."""

    SAME = "same calls"
    OTHER_ARGUMENTS = "the same functions with other arguments"
    OTHER = "not just these functions"


def compare(prediction: str, reference: str) -> Calls | None:
    """How the calls compare; None where the reference is no calls.

    It is taken to be calls only in the ways in which this project and OpenAI write them: other JSON may have a name,
    too.
    """
    if not _MAY_BE_CALLS.match(reference) or not _is_written_as_calls(_value(reference)):
        return None
    expected, predicted = _calls(_value(reference)), _predicted(prediction)
    if predicted == expected:
        return Calls.SAME
    is_alike = predicted is not None and _functions(predicted) == _functions(expected or [])
    return Calls.OTHER_ARGUMENTS if is_alike else Calls.OTHER


def as_text(prediction: str, reference: str) -> str:
    """The prediction by which texts are compared: of the same calls the reference, of other functions nothing.

    Calls with other arguments have a word more, since metrics of texts leave out signs, quotes and points, by which
    alone arguments may differ (-5 and 5, "1" and 1).
    """
    found = compare(prediction, reference)
    if found is Calls.OTHER_ARGUMENTS:
        return f"{prediction} {_OTHER_ARGUMENTS}"
    return prediction if found is None else reference if found is Calls.SAME else ""


def _functions(calls: list[str]) -> list[str]:
    return sorted(str(json.loads(call)[0]) for call in calls)


def _is_written_as_calls(value: object) -> bool:
    """Whether a value is calls, each with its arguments, and nothing else."""
    if is_object(value) and is_list(value.get("tool_calls")):
        value = value["tool_calls"]
    if not is_list(value) or not value:
        return is_object(value) and value.keys() == {"name", "arguments"} and isinstance(value["name"], str)
    return all(_is_written_as_call(each) for each in value)


def _is_written_as_call(value: object) -> bool:
    if not is_object(value):
        return False
    inner = value.get("function")
    function, keys = (inner, {"id", "type", "index", "function"}) if is_object(inner) else (value, _CALL_KEYS)
    return value.keys() <= keys and {"name", "arguments"} <= function.keys() and isinstance(function["name"], str)


def _value(text: str) -> object:
    """The JSON of a text, or a list of that in its tags."""
    return list(map(parse, TAGGED_CALL.findall(text))) or parse(text)


def _predicted(text: str) -> list[str] | None:
    """The calls of an answer, none of one in words; None for JSON that is no call, and what only begins as one."""
    value = _value(text)
    is_words = value is NOT_JSON or isinstance(value, str | int | float)
    return [] if is_words and not _BEGUN_CALL.match(text) else _calls(value)


def _calls(value: object) -> list[str] | None:
    """Each call as canonical JSON, sorted; texts between calls are left out; None if there is something else."""
    if is_object(value) and {"tool_calls", "toolCalls", "content"} & value.keys() and called_function(value) is None:
        value = first_value(value, "tool_calls", "toolCalls")  # of a message, or as a prompt that lists tools asks for
    if value is None:
        return []
    found = []
    for call in value if is_list(value) else [value]:
        if is_object(call) and call.get("type") == "text":
            continue
        function = called_function(call)
        if function is None:
            return None
        found.append(canonical([function.name, _arguments(function.arguments)]))
    return sorted(found)


def _arguments(written: object) -> object:
    if not isinstance(written, str):
        return written
    parsed = parse(written) if written.strip() else None
    if parsed is None:
        return {}
    return {"": written} if parsed is NOT_JSON else parsed  # arguments that are not JSON are compared as text
