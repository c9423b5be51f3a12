"""The parameters of a response; each field says whether it is supported, ignored or refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fine_tuning._util.field_errors import place
from fine_tuning.data_io import strict_schemas
from fine_tuning.data_io.formats.tool_declarations import MAX_TOOLS, Name
from fine_tuning.data_io.formats.tool_declarations import Tool as ChatTool
from fine_tuning.server import chat_request as chat
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.chat_messages import Message
from fine_tuning.server.chat_request import ChatRequest, Metadata, Stops
from fine_tuning.server.chat_tools import OtherChoice, must_be_called
from fine_tuning.server.chat_tools import ToolChoice as ChatToolChoice
from fine_tuning.server.request_model import (
    BEYOND,
    SAMPLING_EXTRAS,
    AnswerRequest,
    Listed,
    Number,
    RequestModel,
    SamplingExtras,
    ignored,
    refused,
    supported,
)
from fine_tuning.server.response_items import ItemId, SentItem
from fine_tuning.server.response_tools import AllowedTools, FunctionTool, NamedFunction, OtherTool, Tool, ToolChoice
from fine_tuning.store.records.rows import JsonColumn

LOGPROBS = "message.output_text.logprobs"
_WAITING = "a response is answered while its client waits; use stream = true"
_TOOLS = (
    "functions only: nothing here runs hosted tools; `async`, `defer_loading` and `output_schema` of a function change "
    "nothing"
)
_ITEMS = "text and functions alone: items of hosted tools, images and files are refused"
Includable = Literal[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]


class TextFormat(RequestModel):
    """The form of the answer, enforced by a grammar."""

    type: Literal["text", "json_object", "json_schema"]
    name: Name | None = None
    schema_: JsonColumn | None = Field(default=None, alias="schema")
    description: str | None = None
    strict: bool | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> TextFormat:
        is_complete = self.name is not None and self.schema_ is not None
        if self.type == "json_schema" and not is_complete:
            raise ValueError("type 'json_schema' needs a name and a schema")
        return self

    def for_chat(self) -> chat.ResponseFormat | None:
        """The form as chat completions take it; None for text."""
        if self.type == "text":
            return None
        if self.type == "json_object":
            return chat.ResponseFormat(type=self.type)
        schema = self.model_dump(by_alias=True, exclude={"type"}, exclude_none=True)
        return chat.ResponseFormat(type=self.type, json_schema=chat.JsonSchema.model_validate(schema))


class TextOptions(RequestModel):
    """The form of the answer's text."""

    format: TextFormat | None = None
    verbosity: str | None = ignored("the models have no such setting")


class ConversationName(RequestModel):
    """A conversation by its id."""

    id: ItemId


class StreamOptions(RequestModel):
    """What a stream includes besides the answer."""

    include_obfuscation: bool | None = ignored("no padding")


class PromptRequest(RequestModel):
    """What a model is to answer, without how: what its tokens are counted of."""

    model: str = Field(min_length=1, max_length=200)
    input: str | Annotated[list[SentItem], Field(fail_fast=True)] | None = supported(_ITEMS)
    instructions: str | None = None
    previous_response_id: ItemId | None = supported("of a stored response; its instructions are not carried over")
    conversation: ItemId | ConversationName | None = None
    tools: list[Tool] | None = supported(_TOOLS, max_length=MAX_TOOLS)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = supported("its `verbosity` changes nothing")
    truncation: Literal["auto", "disabled"] | None = supported("auto leaves out the oldest messages")
    reasoning: JsonColumn | None = ignored("the models have no separate reasoning")

    @property
    def conversation_id(self) -> str | None:
        """The conversation that the response continues and extends."""
        given = self.conversation
        return given.id if isinstance(given, ConversationName) else given

    @property
    def functions(self) -> list[FunctionTool]:
        """The tools that are functions, which all are in a request that is checked."""
        return [tool for tool in self.tools or [] if isinstance(tool, FunctionTool)]

    def check(self) -> None:
        """Refuse what this server does not support, instead of ignoring it.

        Raises:
            ApiError: 400, naming the field.
        """
        self.check_refused()
        if self.conversation is not None and self.previous_response_id is not None:
            raise invalid("give previous_response_id or conversation, not both", "previous_response_id")
        for index, tool in enumerate(self.tools or []):
            if isinstance(tool, OtherTool):
                message = f"The tool '{tool.type}' is not supported: nothing here runs it; send type 'function'"
                raise invalid(message, place("tools", index, "type"), "unsupported_value")
            if not tool.is_callable:
                message = f"Only the model calls {tool.name} here: allowed_callers must have 'direct'"
                raise invalid(message, place("tools", index, "allowed_callers"), "unsupported_value")
        self._check_tool_choice()
        self._check_schemas()

    def _check_tool_choice(self) -> None:
        choice, names = self.tool_choice, {tool.name for tool in self.functions}
        if isinstance(choice, OtherChoice):
            choice.refuse()
        if choice == "required" and not names:
            raise invalid("tool_choice 'required' goes with tools only", "tool_choice")
        named = [choice] if isinstance(choice, NamedFunction) else []
        named += choice.tools if isinstance(choice, AllowedTools) else []
        for each in named:
            if each.name not in names:
                raise invalid(f"tool_choice names {each.name}, which is not in tools", "tool_choice")

    def _check_schemas(self) -> None:
        held = must_be_called(self._chat_tool_choice(), [tool.name for tool in self.functions])
        for index, tool in enumerate(self.functions):
            tool.for_chat().check_schema(place("tools", index, "parameters"), is_held=tool.name in held)
        form = self.text.format if self.text is not None else None
        if form is not None and form.schema_ is not None:
            where = "text.format.schema"
            strict_schemas.check(form.schema_, f"response_format '{form.name}'", where, strict=bool(form.strict))

    def _chat_tool_choice(self) -> ChatToolChoice | None:
        choice = self.tool_choice
        return choice.for_chat() if isinstance(choice, NamedFunction | AllowedTools) else choice

    def chat_request(self, messages: Sequence[Message]) -> ChatRequest:
        """The request of a chat completion with the same answer."""
        functions = [ChatTool(type="function", function=tool.for_chat()) for tool in self.functions]
        return ChatRequest(
            model=self.model,
            messages=list(messages),
            tools=functions or None,
            tool_choice=self._chat_tool_choice() if functions else None,
            parallel_tool_calls=self.parallel_tool_calls if functions else None,
            response_format=None if self.text is None or self.text.format is None else self.text.format.for_chat(),
        )


class InputTokensRequest(PromptRequest):
    """A prompt whose tokens are counted."""

    personality: str | None = ignored("the models have no such setting")


class ResponseRequest(PromptRequest, AnswerRequest, SamplingExtras):
    """A response as OpenAI's API takes it."""

    max_output_tokens: int | None = Field(default=None, ge=1, le=2**31 - 1)
    temperature: Number | None = Field(default=None, ge=0, le=2)
    top_p: Number | None = Field(default=None, ge=0, le=1)
    seed: int | None = supported(f"{BEYOND}; best effort, as for chat", ge=-(2**63), le=2**63 - 1)
    stop: Stops | None = supported(BEYOND)
    presence_penalty: Number | None = supported(BEYOND, ge=-2, le=2)
    frequency_penalty: Number | None = supported(BEYOND, ge=-2, le=2)
    include: Listed[Includable] | None = supported(f"{LOGPROBS}; the others name what no answer here has")
    top_logprobs: int | None = supported(f"with include = [{LOGPROBS}]", ge=0, le=20)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = supported("true by default; a stored response is also a captured example")
    metadata: Metadata | None = None
    background: bool | None = supported("only false: a response is answered while its client waits")

    max_tool_calls: int | None = ignored("it limits hosted tools")
    image: JsonColumn | None = ignored("the models read text only")
    access_programs: JsonColumn | None = ignored("there are none")

    prompt: object = refused("there are no stored templates; send instructions and input")
    context_management: object = refused("nothing is compacted; truncation = auto leaves out the oldest messages")
    background_options: object = refused("there are no background responses")

    @property
    def with_logprobs(self) -> bool:
        """Whether the answer has the log probabilities of its tokens."""
        return LOGPROBS in (self.include or [])

    @property
    def is_stored(self) -> bool:
        """Whether the response can be retrieved and continued."""
        return self.store is not False

    def check(self) -> None:
        """Refuse what this server does not support, instead of ignoring it.

        Raises:
            ApiError: 400, naming the field.
        """
        super().check()
        if self.is_stored or self.conversation is not None:
            self.check_storable(" (or send store = false)")
        if self.background:
            raise invalid(f"background is not supported: {_WAITING}", "background", "unsupported_parameter")
        if self.top_logprobs and not self.with_logprobs:
            raise invalid(f"top_logprobs needs include = ['{LOGPROBS}']", "top_logprobs")
        if self.stream_options is not None and not self.stream:
            raise invalid("stream_options goes with stream = true only", "stream_options")

    def chat_request(self, messages: Sequence[Message]) -> ChatRequest:
        """The request of a chat completion with the same answer."""
        shared = {name: value for name in _SHARED if (value := getattr(self, name)) is not None}
        shared["max_tokens"] = self.max_output_tokens
        if self.with_logprobs:
            shared |= {"logprobs": True, "top_logprobs": self.top_logprobs or 0}
        return super().chat_request(messages).model_copy(update=shared)


_SHARED = (
    *("temperature", "top_p", "seed", "stop", *SAMPLING_EXTRAS),
    *("presence_penalty", "frequency_penalty", "metadata"),
)
