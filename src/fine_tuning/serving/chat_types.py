"""OpenAI's chat API as types: conversations, requests, and the chunks of an answer.

The names are those of https://platform.openai.com/docs/api-reference/chat; only what engines read or write is here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, Required, TypedDict

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.data_io.messages import Tool
from fine_tuning.data_io.usage import usage_of

Messages = Sequence[Mapping[str, object]]
"""A conversation as OpenAI's chat API takes it: `{"role": ..., "content": ...}` each, oldest first."""


class FunctionCallDelta(TypedDict, total=False):
    """A part of a function call."""

    name: str | None
    arguments: str | None


class ToolCallDelta(TypedDict, total=False):
    """A part of the tool call at `index`; the parts of each text are joined."""

    index: Required[int]
    id: str | None
    type: str | None
    function: FunctionCallDelta | None


class Delta(TypedDict, total=False):
    """What a chunk adds to a message."""

    role: str
    content: str | None
    tool_calls: list[ToolCallDelta] | None


class TokenLogprob(TypedDict, total=False):
    """A token of an answer, its log probability, and those of the most likely tokens at its place."""

    token: str
    logprob: float
    bytes: list[int] | None
    top_logprobs: list[TokenLogprob]


class Logprobs(TypedDict):
    """The log probabilities of the tokens of a choice."""

    content: list[TokenLogprob] | None
    refusal: None


class ChunkChoice(TypedDict, total=False):
    """One choice in a chunk; `finish_reason` is set in the last chunk of the choice.

    `stop_reason`, beside it, is the text of `stop` that ended the choice, as vLLM names it; absent where none did, or
    the engine does not tell.
    """

    index: Required[int]
    delta: Required[Delta]
    logprobs: Logprobs | None
    finish_reason: str | None
    stop_reason: str | int | None


def end_of(choice: ChunkChoice) -> str | None:
    """The finish reason of a choice for checks of it: "length" also where a text of `stop` cut it off."""
    reason = choice.get("finish_reason")
    return "length" if reason == "stop" and isinstance(choice.get("stop_reason"), str) else reason


class PromptDetails(TypedDict):
    """The tokens of the prompt that were read from a cache, written to one, and of audio."""

    cached_tokens: int
    cache_write_tokens: int
    audio_tokens: int


class CompletionDetails(TypedDict):
    """The tokens of the answer that were reasoning, audio, and of a prediction."""

    reasoning_tokens: int
    audio_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class Usage(TypedDict):
    """Token counts of a request and its answer; not every host gives the details."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: NotRequired[PromptDetails]
    completion_tokens_details: NotRequired[CompletionDetails]


class Chunk(TypedDict, total=False):
    """A chunk of an answer; the last one has no choices and the usage.

    `prompt_tokens` is in one before the answer, without choices, of an engine that counts them first.
    """

    choices: Required[list[ChunkChoice]]
    usage: Usage | None
    service_tier: str | None
    prompt_tokens: int


class ToolChoiceFunction(TypedDict):
    """The name of a function."""

    name: str


class ToolChoice(TypedDict):
    """The one function that the answer has to call."""

    type: Literal["function"]
    function: ToolChoiceFunction


class JsonSchemaFormat(TypedDict, total=False):
    """A JSON schema that the answer has to match."""

    name: Required[str]
    description: str
    schema: JsonObject
    strict: bool


class ResponseFormat(TypedDict, total=False):
    """The form of the answer; a grammar is llguidance's, for llama.cpp alone."""

    type: Required[Literal["text", "json_object", "json_schema", "grammar"]]
    json_schema: JsonSchemaFormat
    grammar: str


class ChatBody(TypedDict, total=False):
    """The body of a chat request, as engines take it."""

    messages: Required[Messages]
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repetition_penalty: float
    max_tokens: int
    n: int
    stop: str | list[str]
    seed: int
    presence_penalty: float
    frequency_penalty: float
    logit_bias: dict[str, float]
    logprobs: bool
    top_logprobs: int
    tools: list[Tool]
    tool_choice: Literal["none", "auto", "required"] | ToolChoice
    parallel_tool_calls: bool
    response_format: ResponseFormat


def usage(
    prompt_tokens: int, completion_tokens: int, *, cached: int = 0, written: int = 0, reasoning: int = 0
) -> Usage:
    """Token counts with their sum and details; models here read and write text alone, and are given no predictions.

    Args:
        cached, written: those of the prompt that were read from a cache, and written to one.
        reasoning: those of the answer that were reasoning.
    """
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def summed(counts: Sequence[Mapping[str, object]], prompts: Sequence[Mapping[str, object]] | None = None) -> Usage:
    """The tokens of several answers, in whatever words engines count them.

    Args:
        prompts: those of which the prompts count, where several answers share one; all of them by default.
    """
    read = [found for each in (counts if prompts is None else prompts) if (found := usage_of(each)) is not None]
    written = [found for each in counts if (found := usage_of(each)) is not None]
    return usage(
        sum(each["prompt_tokens"] or 0 for each in read),
        sum(each["completion_tokens"] or 0 for each in written),
        cached=sum(each.get("cached_tokens", 0) for each in read),
        written=sum(each.get("cache_write_tokens", 0) for each in read),
        reasoning=sum(each.get("reasoning_tokens", 0) for each in written),
    )
