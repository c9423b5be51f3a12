"""The base of models of JSON from outside: no unknown fields, and only values that can be written as JSON again."""

from __future__ import annotations

import re
from functools import cache
from math import isfinite
from typing import get_args

from pydantic import BaseModel, ConfigDict, model_validator

_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_DEPTH = 64  # of nested objects and arrays; JSON readers have their own limits


class SoundModel(BaseModel):
    """A part of JSON from outside: no unknown fields, no lone surrogates, no numbers that JSON does not have.

    Values are of the types that the fields say: "1" is no number, and 1 no boolean. 5.0 is an integer, as JSON Schema
    has it: clients in languages without integers write 5 so.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _is_sound(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        _check(value, MAX_DEPTH)
        whole = _integer_fields(cls)
        return {name: _without_point(each) if name in whole else each for name, each in value.items()}


@cache
def _integer_fields(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(
        field.alias or name for name, field in model.model_fields.items() if _takes_integers(field.annotation)
    )


def _takes_integers(annotation: object) -> bool:
    """Whether the type is int, or int with bounds or beside other types."""
    return annotation is int or any(_takes_integers(each) for each in get_args(annotation))


def _without_point(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**63 else value


def _check(value: object, levels: int) -> None:
    if isinstance(value, str):
        if not value.isascii() and _SURROGATE.search(value):
            raise ValueError("text has a lone surrogate")
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueError("numbers must be finite")
    elif isinstance(value, dict | list):
        if not levels:
            raise ValueError(f"the request is nested more than {MAX_DEPTH} levels deep")
        for item in value if isinstance(value, list) else (*value, *value.values()):
            _check(item, levels - 1)
