"""The parameters of a message of Anthropic's API; each field says whether it is supported, ignored or refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from fine_tuning.data_io import schema_checks
from fine_tuning.data_io.formats.tool_declarations import MAX_TOOLS, Function, Name
from fine_tuning.data_io.formats.tool_declarations import Tool as ChatTool
from fine_tuning.server import chat_request as chat
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.chat_messages import MAX_MESSAGES
from fine_tuning.server.chat_request import ChatRequest, Stop
from fine_tuning.server.chat_tools import Mode, NamedFunction, NamedTool, must_be_called
from fine_tuning.server.message_blocks import SentMessage, TextBlock, chat_messages
from fine_tuning.server.request_model import Listed, Number, RequestModel, ignored, refused, supported, type_of
from fine_tuning.server.response_tools import OtherTool
from fine_tuning.store.records.rows import JsonColumn

MAX_STOPS = 64
_BLOCKS = "text, `tool_use` and `tool_result`; thinking is left out, other blocks are refused; the user speaks last"
_TOOLS = "`type` custom alone; `cache_control`, `defer_loading`, `input_examples` change nothing"
_MODES: dict[str, Mode] = {"auto": "auto", "any": "required", "none": "none"}


class CustomTool(RequestModel):
    """A tool that the client runs."""

    type: Literal["custom"] | None = None
    name: Name
    description: str | None = None
    input_schema: JsonColumn
    strict: bool | None = None
    allowed_callers: Listed[str] | None = None
    cache_control: JsonColumn | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: Listed[JsonColumn] | None = None

    def for_chat(self) -> Function:
        """The tool as chat completions take it."""
        return Function(name=self.name, description=self.description, parameters=self.input_schema, strict=self.strict)


def _tool_kind(value: object) -> str:
    return "Custom" if type_of(value) in {None, "custom"} else "Other"


Tool = Annotated[Annotated[CustomTool, Tag("Custom")] | Annotated[OtherTool, Tag("Other")], Discriminator(_tool_kind)]


class ToolChoice(RequestModel):
    """Which tools the answer may or must call."""

    type: Literal["auto", "any", "tool", "none"]
    name: Name | None = None
    disable_parallel_tool_use: bool | None = None


class JsonFormat(RequestModel):
    """A schema that the answer matches."""

    type: Literal["json_schema"]
    schema_: JsonColumn = Field(alias="schema")

    def for_chat(self) -> chat.ResponseFormat:
        """The form as chat completions take it."""
        schema = chat.JsonSchema.model_validate({"name": "answer", "schema": self.schema_})
        return chat.ResponseFormat(type="json_schema", json_schema=schema)


class OutputConfig(RequestModel):
    """The form of the answer."""

    format: JsonFormat | None = None
    effort: str | None = ignored("the models have no such setting")


class MessageMetadata(RequestModel):
    """Who asks."""

    user_id: str | None = None


class CountTokensRequest(RequestModel):
    """A prompt: what a model is to answer, without how."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[SentMessage] = Field(
        min_length=1,
        max_length=MAX_MESSAGES,
        fail_fast=True,
        json_schema_extra={"support": "supported", "why": _BLOCKS},
    )
    system: str | Annotated[list[TextBlock], Field(fail_fast=True)] | None = None
    tools: list[Tool] | None = supported(_TOOLS, max_length=MAX_TOOLS)
    tool_choice: ToolChoice | None = None
    output_config: OutputConfig | None = supported("`format` holds the answer to a schema; `effort` changes nothing")
    output_format: JsonFormat | None = supported("the former name of `output_config.format`")

    thinking: JsonColumn | None = ignored("the models have no separate thinking")
    cache_control: JsonColumn | None = ignored("shared prompt prefixes are cached without it")
    speed: str | None = ignored("there is one speed")
    user_profile_id: str | None = ignored("users of a key are not distinguished")
    workspace_id: str | None = ignored("a key is of one project")

    context_management: object = refused("nothing is cleared or compacted; send the messages that count")
    mcp_servers: object = refused("nothing here runs tools")

    @property
    def custom_tools(self) -> list[CustomTool]:
        """The tools that the client runs, which all are in a request that is checked."""
        return [tool for tool in self.tools or [] if isinstance(tool, CustomTool)]

    @property
    def form(self) -> JsonFormat | None:
        """The form of the answer."""
        return (self.output_config and self.output_config.format) or self.output_format

    def check(self) -> None:
        """Refuse what this server does not support, instead of ignoring it.

        Raises:
            ApiError: 400, naming the field.
            InvalidSchema: a schema cannot be held.
        """
        self.check_refused()
        if self.output_format is not None and self.output_config is not None and self.output_config.format is not None:
            raise invalid("give output_config.format or output_format, not both", "output_format")
        for index, tool in enumerate(self.tools or []):
            where = f"tools.{index}"
            if isinstance(tool, OtherTool):
                message = f"The tool '{tool.type}' is not supported: nothing here runs it or knows its input"
                raise invalid(f"{where}: {message}; send type 'custom'", f"{where}.type", "unsupported_value")
            if tool.allowed_callers is not None and "direct" not in tool.allowed_callers:
                message = f"Only the model calls {tool.name} here: allowed_callers must have 'direct'"
                raise invalid(message, f"{where}.allowed_callers", "unsupported_value")
        self._check_tool_choice()
        held = must_be_called(self._chat_tool_choice(), [tool.name for tool in self.custom_tools])
        for index, each in enumerate(self.custom_tools):
            if each.input_schema and (each.strict or each.name in held):
                schema_checks.check(each.input_schema, f"tools.{index}.input_schema", strict=bool(each.strict))
        if self.form is not None:
            where = "output_format.schema" if self.output_format is not None else "output_config.format.schema"
            schema_checks.check(self.form.schema_, where, strict=False)

    def _check_tool_choice(self) -> None:
        choice, names = self.tool_choice, {tool.name for tool in self.custom_tools}
        if choice is None:
            return
        if not names:
            raise invalid("tool_choice goes with tools only", "tool_choice")
        if (choice.type == "tool") != (choice.name is not None):
            raise invalid("tool_choice.name goes with type 'tool', and only with it", "tool_choice.name")
        if choice.name is not None and choice.name not in names:
            raise invalid(f"tool_choice names {choice.name}, which is not in tools", "tool_choice.name")

    def _chat_tool_choice(self) -> Mode | NamedTool | None:
        choice = self.tool_choice
        if choice is None or choice.name is None:
            return None if choice is None else _MODES.get(choice.type)
        return NamedTool(type="function", function=NamedFunction(name=choice.name))

    def chat_request(self) -> ChatRequest:
        """The chat completion that it amounts to.

        Raises:
            ApiError: 400, see `chat_messages`.
        """
        tools = [ChatTool(type="function", function=tool.for_chat()) for tool in self.custom_tools]
        choice = self.tool_choice
        return ChatRequest(
            model=self.model,
            messages=chat_messages(self.system, self.messages),
            tools=tools or None,
            tool_choice=self._chat_tool_choice(),
            parallel_tool_calls=False if choice is not None and choice.disable_parallel_tool_use else None,
            response_format=None if self.form is None else self.form.for_chat(),
        )


class MessageRequest(CountTokensRequest):
    """A message as Anthropic's API takes it."""

    max_tokens: int = Field(ge=1, le=2**31 - 1)
    stop_sequences: list[Stop] | None = supported(
        "`stop_sequence` of the answer tells which one ended it, for local models", max_length=MAX_STOPS
    )
    temperature: Number | None = Field(default=None, ge=0, le=1)
    top_p: Number | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=2**31 - 1)
    stream: bool | None = None

    metadata: MessageMetadata | None = ignored("users of a key are not distinguished")
    service_tier: str | None = ignored("there is one tier")
    inference_geo: str | None = ignored("the models run where the server does")
    diagnostics: JsonColumn | None = ignored("nothing is reported on caches")

    container: object = refused("nothing here runs code")

    def chat_request(self) -> ChatRequest:
        """The chat completion that it amounts to.

        Raises:
            ApiError: 400, see `chat_messages`.
        """
        sampling = {name: value for name in _SAMPLING if (value := getattr(self, name)) is not None}
        sampling |= {"max_tokens": self.max_tokens, "stop": self.stop_sequences or None}
        return super().chat_request().model_copy(update=sampling)


_SAMPLING = ("temperature", "top_p", "top_k")
