"""A pydantic model whose invalid options are UsageErrors: one declaration of defaults, checks and help texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from fine_tuning.errors import UsageError

_LONGEST_VALUE = 100  # characters of an invalid one in a message


class OptionModel(BaseModel):
    """Options of a call; the description of a field is its help text. Make one with `of`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Self:
        """The model of these options.

        Raises:
            UsageError: an option is unknown or invalid; the message names each.
        """
        try:
            return cls.model_validate(options)
        except ValidationError as error:
            raise UsageError("; ".join(cls._problem(each) for each in error.errors())) from None

    @classmethod
    def _problem(cls, error: ErrorDetails) -> str:
        name = ".".join(map(str, error["loc"]))
        if error["type"] == "extra_forbidden":
            return f"unknown option {name!r}; known are {', '.join(sorted(cls._fields_at(error['loc'][:-1])))}"
        if isinstance(cause := error.get("ctx", {}).get("error"), UsageError):
            return str(cause)
        if error["type"] == "missing":
            return f"{name} is missing"
        shown = repr(error["input"])
        shown = shown if len(shown) <= _LONGEST_VALUE else f"{shown[:_LONGEST_VALUE]}..."
        return f"{name} = {shown}: {error['msg'][0].lower()}{error['msg'][1:]}"

    @classmethod
    def _fields_at(cls, place: tuple[int | str, ...]) -> Collection[str]:
        """The options of the model at a place: this one, or one that is the value of an option."""
        for part in place:
            field = cls.model_fields.get(str(part))
            kinds = () if field is None else (field.annotation, *get_args(field.annotation))
            model = next((each for each in kinds if isinstance(each, type) and issubclass(each, OptionModel)), None)
            return cls.model_fields if model is None else model._fields_at(place[1:])
        return cls.model_fields
