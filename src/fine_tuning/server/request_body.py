"""What every JSON body is checked for, whatever it asks."""

from __future__ import annotations

from math import isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

DEEPEST = 64  # objects and arrays in each other; nobody's request needs more, and every reader has its own limit


class Body(BaseModel):
    """A request, or a part of one: no unknown fields, no half characters, no numbers that JSON does not have."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _is_sound(cls, value: Any) -> Any:
        if isinstance(value, dict):
            _check(value, DEEPEST)
        return value


def _check(value: Any, levels: int) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("text holds half a character (a lone surrogate)")
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueError("numbers must be finite")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise ValueError("a whole number must fit into 64 bits")
    elif isinstance(value, dict | list):
        if not levels:
            raise ValueError(f"the request is nested more than {DEEPEST} levels deep")
        for item in value if isinstance(value, list) else (*value, *value.values()):
            _check(item, levels - 1)
