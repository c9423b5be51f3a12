"""Tool call match: prediction and reference call the same tools with the same arguments, in any order."""

from __future__ import annotations

import re

from fine_tuning.data_io.dialects.tool_calls import TAGGED_CALL, called_function
from fine_tuning.data_io.json_values import first_value, is_list, is_object
from fine_tuning.errors import UsageError
from fine_tuning.evaluation.json_match import NOT_JSON, canonical, parse

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
