"""Declared tools, of requests and of rows to train on: what one accepts, the other does, and in the same words."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple, cast

from pydantic import Field, ValidationError

from fine_tuning._util import field_errors
from fine_tuning._util.field_errors import FieldError
from fine_tuning._util.sound_model import SoundModel
from fine_tuning.data_io import strict_schemas
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.schema_checks import InvalidSchema

MAX_TOOLS = 128
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Function(SoundModel):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None

    def check_schema(self, param: str, *, is_held: bool = False) -> None:
        """Check that calls can be held to the parameters, where they are: under `strict`, or if `is_held`.

        Raises:
            InvalidSchema: naming the keyword; the messages begin with `param`.
        """
        if self.parameters and (is_held or self.strict):  # else no grammar is made of it
            try:
                strict_schemas.check(self.parameters, f"function '{self.name}'", param, strict=bool(self.strict))
            except InvalidSchema as error:
                error.code = "invalid_function_parameters"
                raise


class Tool(SoundModel):
    """A tool that the model may call; OpenAI's own kinds are refused, since nothing here runs them."""

    type: Literal["function"]
    function: Function


class ToolProblem(NamedTuple):
    """What is wrong with declared tools: the place, as parts from their list on, and the words."""

    place: tuple[str | int, ...]
    message: str


class _Declared(SoundModel):
    """The part of a request that declares tools."""

    tools: list[Tool] = Field(max_length=MAX_TOOLS)


def check_tools(tools: object) -> ToolProblem | None:
    """What the server would refuse these tools for, in a request that leaves the choice to the model; None if nothing.

    Schemas under `strict` are checked where jsonschema and llguidance are installed, as they are where models answer.
    """
    try:
        return _problem(json.dumps(tools))
    except (TypeError, ValueError, RecursionError):
        return ToolProblem((), "cannot be written as JSON")


@lru_cache(maxsize=256)
def _problem(text: str) -> ToolProblem | None:
    """Rows of a file often have the same tools."""
    try:
        tools = _Declared.model_validate({"tools": json.loads(text)}).tools
    except ValidationError as error:
        found = field_errors.most_specific(cast("list[FieldError]", error.errors()))
        place = tuple(part for part in found["loc"][1:] if not field_errors.is_tag(part))
        return ToolProblem(place, field_errors.in_words(found))
    with suppress(ImportError):
        for index, tool in enumerate(tools):
            try:
                tool.function.check_schema(field_errors.place("tools", index, "function", "parameters"))
            except InvalidSchema as error:
                return ToolProblem((index, "function", "parameters"), str(error))
    return None
