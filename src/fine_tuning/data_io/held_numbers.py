"""The numbers of a JSON schema that a grammar holds.

llguidance reads numbers as floats: it holds other whole numbers than those written where a float cannot be exact, and
the lowest one of 64 bits as a value ends the process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, inf, isfinite, nextafter
from typing import NamedTuple

from fine_tuning.data_io.json_values import JsonObject, is_list, is_object

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_EXACT = 2**53  # up to which every whole number is a float
_LARGEST = 2**63 - 1  # of the integers that a grammar counts
_STEP = Fraction(1, 10**9)  # from an exclusive bound to the inclusive one in its place, and between decimals
_EMPTY: JsonObject = {"minimum": 1, "maximum": 0}
_DECIMALS = 1e-9  # a small model repeats digits without end; more of them no `multipleOf` of a grammar has


class _Bound(NamedTuple):
    """A bound of one side, seen from below: of an upper one, its negative."""

    value: Fraction
    is_exclusive: bool


_LEAST = _Bound(Fraction(-(2**64)), False)  # in place of one that is missing: below all that are held


def is_exact(value: object) -> bool:
    """Whether a grammar of this value, or of these values, holds no others."""
    if is_list(value):
        return all(map(is_exact, value))
    if is_object(value):
        return all(map(is_exact, value.values()))
    return not isinstance(value, int) or abs(value) <= _EXACT or (abs(value) <= _LARGEST and int(float(value)) == value)


def held_bounds(part: Mapping[str, object]) -> JsonObject | None:
    """The bounds of a part for a grammar, which no number keeps to that is beyond its own; None where there are none.

    A bound that a grammar cannot hold, or that is missing, is the nearest one within it: of integers below 2^63, of
    others up to 2^53. Numbers have 9 digits after the point, where no bound has more: each ends by itself.
    """
    bounds = {key: part[key] for key in BOUNDS if key in part}
    if not all(_is_number(value) for value in bounds.values()):
        return None
    kinds = part.get("type")
    kinds = kinds if is_list(kinds) else [kinds]
    is_whole, is_listed = "integer" in kinds and "number" not in kinds, "enum" in part or "const" in part
    if not bounds and (is_listed or not (is_whole or "number" in kinds)):
        return {}
    lower, upper = (_tightest(bounds, side, is_whole=is_whole) for side in ("inimum", "aximum"))
    if lower and upper and _is_empty(lower, upper):
        return {**_EMPTY}
    found: JsonObject = {key: value for key, value in bounds.items() if key == "multipleOf"}
    for side, bound, other in (("inimum", lower, upper), ("aximum", upper, lower)):
        if bound is None and is_listed:
            continue
        held = _nearest(bound or _LEAST, other, is_whole=is_whole)
        if held is None:
            return None
        found[f"exclusiveM{side}" if held.is_exclusive else f"m{side}"] = _written(held.value, side)
    kind: JsonObject = {"type": "integer" if is_whole else "number"}
    ended: JsonObject = {"multipleOf": _DECIMALS, **found}
    if not (is_whole or is_listed) and _are_decimals(lower, upper) and has_grammar({**kind, **ended}):
        return ended
    return found if has_grammar({**kind, **found}) else None


def has_grammar(schema: JsonObject) -> bool:
    """Whether there is a grammar for a schema."""
    return _is_grammar(json.dumps(schema))


@lru_cache(maxsize=1024)
def _is_grammar(schema: str) -> bool:
    from llguidance import LLMatcher

    return not LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(schema), None)


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and isfinite(value)))


def _tightest(bounds: Mapping[str, object], side: str, *, is_whole: bool) -> _Bound | None:
    """The bound of a side that counts; of integers an inclusive one."""
    sign = 1 if side == "inimum" else -1
    given = [
        _Bound(
            sign * (Fraction(value) if isinstance(value, int) else Fraction(str(value))), key.startswith("exclusive")
        )
        for key, value in bounds.items()
        if key.endswith(side) and isinstance(value, int | float)
    ]
    found = max(given, default=None)
    if found is None or not is_whole:
        return found
    return _Bound(Fraction(floor(found.value) + 1 if found.is_exclusive else ceil(found.value)), False)


def _is_empty(lower: _Bound, upper: _Bound) -> bool:
    """Whether no number is within the bounds."""
    least, most = lower.value, -upper.value
    return least > most or (least == most and (lower.is_exclusive or upper.is_exclusive))


def _are_decimals(*bounds: _Bound | None) -> bool:
    """Whether these have as few digits after the point as a grammar holds."""
    return all(bound is None or bound.value % _STEP == 0 for bound in bounds)


def _nearest(bound: _Bound, other: _Bound | None, *, is_whole: bool) -> _Bound | None:
    return _whole(bound) if is_whole else _within(bound, other)


def _whole(bound: _Bound) -> _Bound | None:
    """The nearest bound of integers that a float is exact for; None beyond them."""
    least = max(int(bound.value), -_LARGEST)
    if abs(least) <= _EXACT:
        return bound
    if least > _LARGEST:
        return None
    nearest = float(least)
    return _Bound(Fraction(nearest if nearest >= least else nextafter(nearest, inf)), False)


def _within(bound: _Bound, other: _Bound | None) -> _Bound | None:
    """The nearest bound of numbers that a grammar holds; None beyond them."""
    if bound.value < -_EXACT:
        return _Bound(Fraction(-_EXACT), False)
    if bound.value > _EXACT:
        return None
    distance = -other.value - bound.value if other else Fraction(1)
    if not bound.is_exclusive or distance >= 1 or bound.value.denominator > 1:
        return bound
    inner = Fraction(float(bound.value + min(_STEP, distance / 2)))  # llguidance takes the bound itself for inclusive
    return _Bound(inner, False) if inner > bound.value else None


def _written(value: Fraction, side: str) -> int | float:
    value = value if side == "inimum" else -value
    return int(value) if value.denominator == 1 else float(value)
