"""The tools of a response, and which of them the answer may or must call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from fine_tuning.data_io.formats.tool_declarations import Function, Name
from fine_tuning.server.request_model import RequestModel
from fine_tuning.store.records.rows import JsonColumn


class FunctionTool(RequestModel):
    """A function that the model may call."""

    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: JsonColumn | None = None
    strict: bool | None = None
    allowed_callers: list[Literal["direct", "programmatic"]] | None = None
    async_: bool | None = Field(default=None, alias="async")
    defer_loading: bool | None = None
    output_schema: JsonColumn | None = None

    @property
    def is_callable(self) -> bool:
        """Whether an answer may call it: functions for programs that a hosted tool runs alone have no caller here."""
        return self.allowed_callers is None or "direct" in self.allowed_callers

    def for_chat(self) -> Function:
        """The function as chat completions take it."""
        return Function(**self.model_dump(include={"name", "description", "parameters", "strict"}))

    def shown(self) -> JsonColumn:
        """The tool as a response has it."""
        nulls = {"description": None, "parameters": None, "strict": None}
        return nulls | self.model_dump(by_alias=True, exclude_none=True)


class OtherTool(RequestModel):
    """Any other tool, which nothing here runs."""

    model_config = ConfigDict(extra="allow")

    type: str


def _tool_kind(value: object) -> str:
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return "Other" if isinstance(kind, str) and kind != "function" else "Function"


Tool = Annotated[
    Annotated[FunctionTool, Tag("Function")] | Annotated[OtherTool, Tag("Other")], Discriminator(_tool_kind)
]


class NamedFunction(RequestModel):
    """A function by its name."""

    type: Literal["function"]
    name: Name


class AllowedTools(RequestModel):
    """The functions that the answer may call, or has to call one of."""

    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: list[NamedFunction] = Field(min_length=1)


def _choice_kind(value: object) -> str:
    if isinstance(value, str):
        return "Mode"
    kind = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    return "Allowed" if kind == "allowed_tools" else "Named"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("Mode")]
    | Annotated[NamedFunction, Tag("Named")]
    | Annotated[AllowedTools, Tag("Allowed")],
    Discriminator(_choice_kind),
]
