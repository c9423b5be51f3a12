"""The values of JSON in its own words, for messages to whoever sent them in whatever language."""

from __future__ import annotations

import json
from collections.abc import Mapping

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (type(None), "null"),
    (bool, "a boolean"),
    (str, "a string"),
    (int, "an integer"),
    (float, "a number"),
    ((list, tuple), "an array"),
    (Mapping, "an object"),
)


def json_kind(value: object) -> str:
    """What a value is: `null`, `a boolean`, `a string`, `an integer`, `a number`, `an array` or `an object`."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "a value that JSON does not have")


def quoted(value: object) -> str:
    """A value as it was written: a text in quotes, null, true, a number."""
    return repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)[:60]
