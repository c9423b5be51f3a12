"""The numbers of a JSON schema that a grammar holds as they are written.

llguidance reads numbers as floats: it holds other whole numbers than those written where a float cannot be exact, and
the lowest one of 64 bits as a value ends the process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from math import ceil, floor

from fine_tuning.data_io.json_values import JsonObject, is_list, is_object

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_EXACT = 2**53  # up to which every whole number is a float
_LARGEST = 2**63 - 1  # which a grammar takes for what it is, as a bound of integers


def is_exact(value: object) -> bool:
    """Whether a grammar of this value, or of these values, holds no others."""
    if is_list(value):
        return all(map(is_exact, value))
    if is_object(value):
        return all(map(is_exact, value.values()))
    return not isinstance(value, int) or abs(value) <= _EXACT or (abs(value) <= _LARGEST and int(float(value)) == value)


def are_held(bounds: Mapping[str, object], kind: object) -> bool:
    """Whether a grammar holds all of these bounds of numbers; contradictory ones are, since no value is within them.

    Args:
        kind: the type that the schema names.
    """
    kinds = kind if is_list(kind) else [kind]
    number = "integer" if "integer" in kinds and "number" not in kinds else "number"
    for key, value in bounds.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
            return False
        is_inclusive = number == "integer" and not key.startswith("exclusive")
        if abs(value) > _EXACT and not (is_inclusive and (value == _LARGEST or is_exact(value))):
            return False
    return _is_empty(bounds, number) or has_grammar({"type": number, **bounds})


def has_grammar(schema: JsonObject) -> bool:
    """Whether there is a grammar for a schema."""
    return _is_grammar(json.dumps(schema))


@lru_cache(maxsize=1024)
def _is_grammar(schema: str) -> bool:
    from llguidance import LLMatcher

    return not LLMatcher.validate_grammar(LLMatcher.grammar_from_json_schema(schema), None)


def _is_empty(bounds: Mapping[str, object], kind: str) -> bool:
    """Whether no number is within the bounds."""
    lower, upper = (
        [value for key, value in bounds.items() if key.endswith(end) and isinstance(value, int | float)]
        for end in ("inimum", "aximum")
    )
    if not lower or not upper:
        return False
    least, most = max(lower), min(upper)
    return ceil(least) > floor(most) if kind == "integer" else least > most
