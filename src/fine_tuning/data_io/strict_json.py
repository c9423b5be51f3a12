"""JSON without loss: no key twice, no number that is none or is infinite."""

from __future__ import annotations

import json
from math import isinf
from typing import NoReturn

from fine_tuning.data_io.json_values import JsonObject


class NotFiniteError(ValueError):
    """A number that JSON does not have, such as NaN, or that no float can hold."""


class DuplicateKeyError(ValueError):
    """A key that an object has more than once."""


def decode(text: str, *, finite: bool = True) -> object:
    """The value of a JSON text.

    Args:
        finite: refuse numbers that JSON does not have, too.

    Raises:
        NotFiniteError, DuplicateKeyError, JSONDecodeError: it is not strict JSON; ValueError for an integer with
            thousands of digits.
        RecursionError: it is nested too deeply.
    """
    found: object = (_STRICT if finite else _ANY).decode(text)
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise NotFiniteError(constant)


def _unique_keys(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise DuplicateKeyError(next(key for key in keys if keys.count(key) > 1))
    return found


def _finite_float(number: str) -> float:
    value = float(number)
    if isinf(value):  # such as 1e999
        raise NotFiniteError(number)
    return value


_STRICT = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite_float, object_pairs_hook=_unique_keys)
_ANY = json.JSONDecoder(object_pairs_hook=_unique_keys)
