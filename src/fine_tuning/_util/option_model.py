"""A pydantic model whose invalid options are UsageErrors: one declaration of defaults, checks and help texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from fine_tuning.errors import UsageError


class OptionModel(BaseModel):
    """Options of a call, checked when they are set; the description of a field is its help text.

    Raises:
        UsageError: an option is unknown or invalid; the message names each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def __init__(self, **options: object) -> None:
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise UsageError("; ".join(self._problem(each) for each in error.errors())) from None

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Self:
        """The model of options whose names a caller chose."""
        return cls.model_validate(options)

    @classmethod
    def _problem(cls, error: ErrorDetails) -> str:
        name = ".".join(map(str, error["loc"]))
        if error["type"] == "extra_forbidden":
            return f"unknown option {name!r}; known are {', '.join(sorted(cls.model_fields))}"
        return f"{name} = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
