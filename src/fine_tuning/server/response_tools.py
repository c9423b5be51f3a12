"""The tools of a response, and which of them the answer may or must call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from fine_tuning.data_io.formats.tool_declarations import Function, Name
from fine_tuning.data_io.formats.tool_declarations import Tool as ChatTool
from fine_tuning.server import chat_tools
from fine_tuning.server.chat_tools import Mode, OtherChoice, choice_kind
from fine_tuning.server.request_model import Listed, RequestModel, type_of
from fine_tuning.store.records.rows import JsonColumn


class FunctionTool(RequestModel):
    """A function that the model may call."""

    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: JsonColumn | None = None
    strict: bool | None = None
    allowed_callers: Listed[Literal["direct", "programmatic"]] | None = None
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
    return "Function" if type_of(value) in {None, "function"} else "Other"


Tool = Annotated[
    Annotated[FunctionTool, Tag("Function")] | Annotated[OtherTool, Tag("Other")], Discriminator(_tool_kind)
]


class NamedFunction(RequestModel):
    """A function by its name."""

    type: Literal["function"]
    name: Name

    def for_chat(self) -> chat_tools.NamedTool:
        """The choice as chat completions take it."""
        return chat_tools.NamedTool(type="function", function=chat_tools.NamedFunction(name=self.name))


class AllowedTools(RequestModel):
    """The functions that the answer may call, or has to call one of."""

    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: Listed[NamedFunction] = Field(min_length=1)

    def for_chat(self) -> chat_tools.AllowedChoice:
        """The choice as chat completions take it."""
        tools = [ChatTool(type="function", function=Function(name=each.name)) for each in self.tools]
        allowed = chat_tools.AllowedTools(mode=self.mode, tools=tools)
        return chat_tools.AllowedChoice(type="allowed_tools", allowed_tools=allowed)


ToolChoice = Annotated[
    Annotated[Mode, Tag("Mode")]
    | Annotated[NamedFunction, Tag("Named")]
    | Annotated[AllowedTools, Tag("Allowed")]
    | Annotated[OtherChoice, Tag("Other")],
    Discriminator(choice_kind),
]
