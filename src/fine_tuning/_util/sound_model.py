"""The base of models of JSON from outside: no unknown fields, and only values that can be written as JSON again."""

from __future__ import annotations

from math import isfinite

from pydantic import BaseModel, ConfigDict, model_validator

MAX_DEPTH = 64  # of nested objects and arrays; JSON readers have their own limits


class SoundModel(BaseModel):
    """A part of JSON from outside: no unknown fields, no lone surrogates, no numbers that JSON does not have.

    Values are of the types that the fields say: "1" is no number, and 1 no boolean.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _is_sound(cls, value: object) -> object:
        if isinstance(value, dict):
            _check(value, MAX_DEPTH)
        return value


def _check(value: object, levels: int) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("text has a lone surrogate")
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueError("numbers must be finite")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise ValueError("a whole number must fit into 64 bits")
    elif isinstance(value, dict | list):
        if not levels:
            raise ValueError(f"the request is nested more than {MAX_DEPTH} levels deep")
        for item in value if isinstance(value, list) else (*value, *value.values()):
            _check(item, levels - 1)
