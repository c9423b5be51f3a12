"""JSON written by somebody else: its types, and functions that narrow a value to what a reader expects."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import NoReturn, TypeGuard

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.errors import DataError

JsonObject = dict[str, object]
"""A JSON object whose keys are not ours, such as metadata or a function's parameters."""
Row = Mapping[str, object]
"""A row of a user's file, in whatever format."""
TRUE, FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})
"""Truth values as words, as tables have them."""


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Whether a parsed value is a JSON object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether a parsed value is a JSON array."""
    return isinstance(value, list)


def is_one_of(value: object, names: Collection[str]) -> bool:
    """Whether a value is one of these texts; a list or an object, which no set can be asked for, is none."""
    return isinstance(value, str) and value in names


def object_or_empty(value: object) -> Row:
    """The value if it is an object, else an empty one."""
    if isinstance(value, dict):  # which is told sooner than another Mapping, and None than what is none
        return value
    return value if value is not None and isinstance(value, Mapping) else {}


def first_value(row: Row, *keys: str) -> object:
    """The first of these fields that is neither missing nor empty; None without one."""
    for key in keys:
        if value := row.get(key):
            return value
    return None


def text_field(row: Row, key: str) -> str:
    """The text of a field.

    Raises:
        DataError: it is missing or not text.
    """
    if key not in row:
        raise DataError(f"{key} is missing")
    value = row[key]
    if not isinstance(value, str):
        raise DataError(f"{key} must be text, not {json_kind(value)}")
    return value


def scalar_text(value: object) -> str | None:
    """A text, or a number or truth value as JSON writes it: a table has 7 where the same table in CSV has "7".

    None for what is none of them, such as a list or what is not a number.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return json.dumps(value)
    return None


def text_or_scalar(row: Row, key: str) -> str:
    """The text of a field, as `scalar_text` has it.

    Raises:
        DataError: it is missing, or neither text nor a number or truth value.
    """
    text = scalar_text(row.get(key))
    return text_field(row, key) if text is None else text


def list_of_objects(value: object, label: str) -> list[JsonObject]:
    """The value, if it is a list of objects.

    Raises:
        DataError: it is not; the message begins with `label`.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DataError(f"{label} must be a list of objects")
    return value


def parse_embedded_json(value: object) -> object:
    """Parse JSON that is stored as text, as in CSV exports and log attributes; return other values unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{", '"'}:
        try:
            parsed: object = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return parsed
    return value


def parsed_cell(value: object) -> object:
    """As `parse_embedded_json`, with None for JSON's null: a table writes it into cells that hold nothing."""
    return None if isinstance(value, str) and value.strip() == "null" else parse_embedded_json(value)


def strict_json(text: str) -> object:
    """The value of a JSON text, in which whole numbers keep all their digits: 1 and 1.0 are one number of JSON.

    Raises:
        ValueError, RecursionError: it is not JSON, which has neither NaN nor infinity, or too deep.
    """
    value: object = json.loads(text, parse_constant=_refuse, parse_float=_number)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _number(written: str) -> int | float:
    value = float(written)
    if not isfinite(value):
        raise ValueError(written)
    # A fraction that is 0 as a float may have an exponent without bounds.
    exact = Fraction(Decimal(written)) if value else Fraction(0)
    return int(exact) if exact.denominator == 1 else value


def to_json_text(value: object) -> str:
    """A string unchanged, any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def flag_or_value(value: object) -> object:
    """0 or 1 for a value that says one, also as text, as tables have it; another value unchanged."""
    if isinstance(value, str):
        return {"0": 0, "1": 1, "0.0": 0, "1.0": 1}.get(value.strip(), value)
    return int(value) if isinstance(value, float) and value in (0, 1) else value


def as_number(value: object) -> float | None:
    """A number, also as text, as tables have it; None for another value and for a truth value."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def as_whole_number(value: object) -> object:
    """A whole number that is stored as text, as in a host's metadata; another value unchanged."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
