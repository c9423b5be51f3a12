"""The parameters of a chat completion; each field says whether it is supported, ignored or refused."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import Field, model_validator

from fine_tuning._util.field_errors import place
from fine_tuning._util.sound_model import SoundModel
from fine_tuning.data_io import strict_schemas
from fine_tuning.data_io.formats.tool_declarations import MAX_TOOLS, Name, Tool
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.chat_messages import MAX_MESSAGES, Message, check_order
from fine_tuning.server.chat_tools import AllowedChoice, Mode, NamedTool, ToolChoice, must_be_called, named_in
from fine_tuning.server.request_model import (
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
from fine_tuning.serving.chat_types import ChatBody
from fine_tuning.store.records.rows import JsonColumn

MAX_METADATA_KEYS = 16
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=MAX_METADATA_KEYS),
]
Stop = Annotated[str, Field(min_length=1)]
Stops = Stop | Annotated[list[Stop], Field(max_length=4)]
TokenId = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
LogitBias = Annotated[dict[TokenId, Annotated[Number, Field(ge=-100, le=100)]], Field(max_length=1024)]
BY_IDS = "by token ids of the model's own vocabulary"
SEEDS = 2**32 - 1  # distinct seeds of llama.cpp; the next number means a random one


class StreamOptions(RequestModel):
    """What a stream includes besides the text."""

    include_usage: bool = False
    include_obfuscation: bool = Field(default=False, json_schema_extra={"support": "ignored", "why": "no padding"})


class JsonSchema(RequestModel):
    """A schema that the answer matches."""

    name: Name
    description: str | None = None
    schema_: JsonColumn = Field(default_factory=dict, alias="schema")
    strict: bool | None = None


class ResponseFormat(RequestModel):
    """The form of the answer, enforced by a grammar."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("type 'json_schema' needs json_schema, with a name and a schema")
        if self.type != "json_schema" and self.json_schema is not None:
            raise ValueError(f"json_schema goes with type 'json_schema' only, not '{self.type}'")
        return self


class ChatRequest(AnswerRequest, SamplingExtras):
    """A chat completion as OpenAI's API takes it."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES, fail_fast=True)
    max_tokens: int | None = Field(default=None, ge=1, le=2**31 - 1)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=2**31 - 1)
    temperature: Number | None = Field(default=None, ge=0, le=2)
    top_p: Number | None = Field(default=None, ge=0, le=1)
    n: int | None = Field(default=None, ge=1, le=16)
    stop: Stops | None = None
    seed: int | None = supported("best effort: requests at the same time may change it", ge=-(2**63), le=2**63 - 1)
    presence_penalty: Number | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: Number | None = Field(default=None, ge=-2, le=2)
    logit_bias: LogitBias | None = supported(BY_IDS)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    tools: list[Tool] | None = Field(default=None, max_length=MAX_TOOLS)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    metadata: Metadata | None = supported("of the stored completion; with store = true only")

    prediction: JsonColumn | None = ignored("it only saves time at OpenAI")
    reasoning_effort: str | None = ignored("the models have no separate reasoning")
    verbosity: str | None = ignored("the models have no such setting")

    audio: object = refused("the models write text only")
    modalities: Listed[str] | None = supported('only ["text"]: the models write text only')
    functions: object = refused("use tools")
    function_call: object = refused("use tool_choice")
    web_search_options: object = refused("the models have no web access")

    def check(self) -> None:
        """Refuse what this server does not support, instead of ignoring it.

        Raises:
            ApiError: 400, naming the field.
            InvalidSchema: a schema cannot be held.
        """
        self.check_refused()
        if self.modalities not in (None, ["text"]):
            raise invalid('modalities may only be ["text"]', "modalities", "unsupported_value")
        if self.top_logprobs is not None and not self.logprobs:
            raise invalid("top_logprobs needs logprobs = true", "top_logprobs")
        if self.stream_options is not None and not self.stream:
            raise invalid("stream_options goes with stream = true only", "stream_options")
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            raise invalid("give max_tokens or max_completion_tokens, not both", "max_tokens")
        if self.metadata and not self.store:
            raise invalid("metadata goes with store = true only", "metadata")
        if self.tool_choice is not None and not self.tools:
            raise invalid("tool_choice goes with tools only", "tool_choice")
        self._check_schemas()
        if self.store:
            self.check_storable(" (or send store = false)")
        for index, message in enumerate(self.messages):
            message.check(place("messages", index))
        check_order(self.messages)

    @property
    def callable_tools(self) -> list[Tool] | None:
        """The tools that the model reads of: those that the choice allows."""
        if self.tools is None or not isinstance(self.tool_choice, AllowedChoice):
            return self.tools
        allowed = named_in(self.tool_choice)
        return [tool for tool in self.tools if tool.function.name in allowed]

    @property
    def choice_of_callable(self) -> Mode | NamedTool | None:
        """Which of `callable_tools` the answer has to call."""
        choice = self.tool_choice
        if isinstance(choice, AllowedChoice):
            return choice.allowed_tools.mode
        return choice if isinstance(choice, str | NamedTool) else None

    def _check_schemas(self) -> None:
        names = [tool.function.name for tool in self.tools or []]
        for name in named_in(self.tool_choice):
            if name not in names:
                raise invalid(f"tool_choice names {name}, which is not in tools", "tool_choice")
        held = must_be_called(self.tool_choice, names)
        for index, tool in enumerate(self.tools or []):
            where = place("tools", index, "function", "parameters")
            tool.function.check_schema(where, is_held=tool.function.name in held)
        if self.response_format is not None and (form := self.response_format.json_schema) is not None:
            where = "response_format.json_schema.schema"
            strict_schemas.check(form.schema_, f"response_format '{form.name}'", where, strict=bool(form.strict))

    def engine_requests(self) -> list[ChatBody]:
        """The requests for engines, one for each choice; their seeds differ."""
        requests = []
        for index in range(self.n or 1):
            request = self._engine_request()
            if self.seed is not None:
                request["seed"] += index
            requests.append(request)
        return requests

    def streamed_request(self) -> ChatBody:
        """The request for an engine that streams all choices at once."""
        request = self._engine_request()
        if self.n is not None and self.n > 1:
            request["n"] = self.n
        return request

    def _engine_request(self) -> ChatBody:
        body: JsonColumn = {"messages": [message.plain() for message in self.messages]}
        given = {name: getattr(self, name) for name in _PASSED_ON}
        given |= {"tools": self.callable_tools, "tool_choice": self.choice_of_callable}
        given["top_logprobs"] = self.top_logprobs or None  # llama.cpp takes 0 for no log probabilities at all
        body |= {name: _plain(value) for name, value in given.items() if value is not None}
        if self.seed is not None:
            body["seed"] = self.seed % SEEDS
        if (limit := self.max_tokens or self.max_completion_tokens) is not None:
            body["max_tokens"] = limit
        if self.response_format is not None and self.response_format.type != "text":
            body["response_format"] = self.response_format.model_dump(by_alias=True, exclude_none=True)
        return cast("ChatBody", body)


_PASSED_ON = (
    "temperature",
    "top_p",
    *SAMPLING_EXTRAS,
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "parallel_tool_calls",
)


def _plain(value: object) -> object:
    if isinstance(value, SoundModel):
        return value.model_dump(exclude_none=True)
    return [_plain(item) for item in value] if isinstance(value, list) else value
