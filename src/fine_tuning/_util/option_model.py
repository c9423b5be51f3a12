"""A pydantic model whose invalid options are UsageErrors: one declaration of defaults, checks and help texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from fine_tuning.errors import UsageError


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
            return f"unknown option {name!r}; known are {', '.join(sorted(cls.model_fields))}"
        if isinstance(cause := error.get("ctx", {}).get("error"), UsageError):
            return str(cause)
        return f"{name} = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"
