"""Which of its tools a chat completion may or must call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from fine_tuning.data_io.formats.tool_declarations import Name, Tool
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.request_model import Listed, RequestModel, type_of

Mode = Literal["none", "auto", "required"]


class NamedFunction(RequestModel):
    """The function to call."""

    name: Name


class NamedTool(RequestModel):
    """The function that the answer has to call."""

    type: Literal["function"]
    function: NamedFunction


class AllowedTools(RequestModel):
    """The functions that the answer may call, or has to call one of; OpenAI takes whole declarations of them too."""

    mode: Literal["auto", "required"]
    tools: Listed[Tool] = Field(min_length=1)


class AllowedChoice(RequestModel):
    """A part of the tools."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools


class OtherChoice(RequestModel):
    """A tool of any other kind: always an error, since the models call functions alone."""

    model_config = ConfigDict(extra="allow")

    type: str

    def refuse(self) -> None:
        """Refuse it.

        Raises:
            ApiError: 400.
        """
        message = f"tool_choice of type '{self.type}' is not supported: the models call functions alone"
        raise invalid(message, "tool_choice.type", "unsupported_value")


def choice_kind(value: object) -> str:
    """The kind of a choice, which the types below name."""
    if isinstance(value, str):
        return "Mode"
    kind = type_of(value)
    if kind == "allowed_tools":
        return "Allowed"
    return "Named" if kind in {None, "function"} else "Other"


ToolChoice = Annotated[
    Annotated[Mode, Tag("Mode")]
    | Annotated[NamedTool, Tag("Named")]
    | Annotated[AllowedChoice, Tag("Allowed")]
    | Annotated[OtherChoice, Tag("Other")],
    Discriminator(choice_kind),
]


def named_in(choice: ToolChoice | None) -> list[str]:
    """The functions that a choice names.

    Raises:
        ApiError: 400, it is of a kind that nothing here calls.
    """
    if isinstance(choice, OtherChoice):
        choice.refuse()
    if isinstance(choice, AllowedChoice):
        return [tool.function.name for tool in choice.allowed_tools.tools]
    return [choice.function.name] if isinstance(choice, NamedTool) else []


def must_be_called(choice: ToolChoice | None, names: list[str]) -> list[str]:
    """The functions, of those with these names, of which the answer has to call one; none where it may be text."""
    if isinstance(choice, AllowedChoice):
        return named_in(choice) if choice.allowed_tools.mode == "required" else []
    return names if choice == "required" else named_in(choice)
