"""Answers that are JSON: whether they can be read, conform to a schema, and have the reference's fields."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from fine_tuning.errors import UsageError

_FENCE = re.compile(r"^```(?:json)?\s*(.*?)\s*```$", re.DOTALL)
_NOTHING = object()


def is_valid(prediction: str) -> bool:
    """Whether the answer, also in a code fence, is JSON."""
    return _parsed(prediction) is not _NOTHING


def conforms(prediction: str, schema: Mapping[str, Any]) -> bool:
    """Whether the answer is JSON that a JSON schema allows."""
    from referencing.exceptions import Unresolvable

    value = _parsed(prediction)
    if value is _NOTHING:
        return False
    try:
        return bool(_validator(json.dumps(schema, sort_keys=True)).is_valid(value))
    except (RecursionError, Unresolvable) as error:
        raise UsageError(f"the JSON schema refers to nothing, or to itself: {error}") from None
    except (OverflowError, ValueError):
        return False  # a number that no schema can be held against


def field_f1(prediction: str, reference: str) -> float:
    """F1 of the fields (path and value of each leaf) that answer and reference share, 0 to 1.

    Raises:
        UsageError: the reference is not JSON.
    """
    wanted = _parsed(reference)
    if wanted is _NOTHING:
        raise UsageError("the reference is not JSON")
    said = _parsed(prediction)
    if said is _NOTHING:
        return 0.0
    ours, theirs = set(_leaves(said)), set(_leaves(wanted))
    return 2 * len(ours & theirs) / (len(ours) + len(theirs))


def same_calls(prediction: str, reference: str) -> bool:
    """Whether the answer's tool calls are the reference's: the same names with the same arguments, in any order.

    Both are JSON: a list of calls as OpenAI writes them, or of {"name": ..., "arguments": ...}, or one of them.

    Raises:
        UsageError: the reference is none.
    """
    wanted = _calls(_parsed(reference))
    if wanted is None:
        raise UsageError("the reference holds no tool calls")
    return _calls(_parsed(prediction)) == wanted


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError(number)
    return value


def _parsed(text: str) -> Any:
    stripped = text.strip()
    fenced = _FENCE.match(stripped)
    try:
        return json.loads(fenced[1] if fenced else stripped, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return _NOTHING


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    loaded = json.loads(schema)
    try:
        Draft202012Validator.check_schema(loaded)
    except SchemaError as error:
        raise UsageError(f"not a JSON schema: {error.message}") from None
    return Draft202012Validator(loaded)


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from _leaves(item, (*path, place))
    else:
        is_whole = isinstance(value, float) and value.is_integer()
        yield path, json.dumps(int(value) if is_whole else value)


def _calls(value: Any) -> list[str] | None:
    """Each call as canonical JSON, sorted; None where these are none."""
    found = []
    for call in value if isinstance(value, list) else [value]:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            return None
        arguments = function.get("arguments", {})
        if isinstance(arguments, str):
            arguments = _parsed(arguments) if arguments.strip() else {}
        if arguments is _NOTHING:
            arguments = {"": function["arguments"]}  # no JSON: alike only as texts
        found.append(json.dumps([function["name"], arguments], sort_keys=True))
    return sorted(found)
