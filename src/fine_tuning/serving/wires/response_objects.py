"""Responses as OpenAI's API returns them."""

from __future__ import annotations

import time
from typing import Literal, NotRequired, TypedDict

from fine_tuning.data_io.json_values import JsonObject, is_list, is_object
from fine_tuning.serving.chat_types import TokenLogprob, Usage, summed
from fine_tuning.serving.wires.chat_objects import TIER
from fine_tuning.serving.wires.object_ids import new_id

Status = Literal["in_progress", "completed", "incomplete"]


class OutputText(TypedDict):
    """The text of a message."""

    type: Literal["output_text"]
    text: str
    annotations: list[object]
    logprobs: list[TokenLogprob]


class OutputMessage(TypedDict):
    """A message of the answer."""

    id: str
    type: Literal["message"]
    status: Status
    role: Literal["assistant"]
    content: list[OutputText]


class FunctionCall(TypedDict):
    """A function that the answer calls."""

    id: str
    type: Literal["function_call"]
    status: Status
    call_id: str
    name: str
    arguments: str


class InputDetails(TypedDict):
    """Tokens of the input that were read from a cache, or written to one, as a host reports them."""

    cached_tokens: int
    cache_write_tokens: int


class OutputDetails(TypedDict):
    """Tokens of the output that were reasoning."""

    reasoning_tokens: int


class ResponseUsage(TypedDict):
    """Token counts of a response."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class ResponseError(TypedDict):
    """Why a response failed."""

    code: Literal["server_error"]
    message: str


class IncompleteDetails(TypedDict):
    """Why a response is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class Response(TypedDict):
    """A response: what was asked for, and as much of the answer as there is."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["in_progress", "completed", "incomplete", "failed", "cancelled"]
    background: bool
    error: ResponseError | None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    metadata: dict[str, str]
    model: str
    output: list[OutputMessage | FunctionCall]
    parallel_tool_calls: bool
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: JsonObject
    safety_identifier: str | None
    service_tier: str
    store: bool
    temperature: float
    text: JsonObject
    tool_choice: object
    tools: list[JsonObject]
    top_logprobs: int
    top_p: float
    truncation: str
    usage: ResponseUsage | None
    user: str | None
    conversation: NotRequired[JsonObject]


def begun(model: str) -> Response:
    """A response without an answer yet, to a request that sets nothing."""
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": TIER,
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
    }


def response_usage(counts: Usage) -> ResponseUsage:
    """Token counts in the words of the Responses API; hosts report what was cached and what was reasoning."""
    found = summed([counts])
    read, written = found["prompt_tokens_details"], found["completion_tokens_details"]
    return {
        "input_tokens": found["prompt_tokens"],
        "input_tokens_details": {
            "cached_tokens": read["cached_tokens"],
            "cache_write_tokens": read["cache_write_tokens"],
        },
        "output_tokens": found["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": written["reasoning_tokens"]},
        "total_tokens": found["total_tokens"],
    }


def with_bytes(token: JsonObject) -> JsonObject:
    """The log probability of a token as responses have it: its bytes are those of its text where a host names none."""
    text, others = token.get("token"), token.get("top_logprobs")
    if token.get("bytes") is None and isinstance(text, str):
        token = token | {"bytes": [*text.encode()]}
    return token | {"top_logprobs": all_with_bytes(others)} if others else token


def all_with_bytes(tokens: object) -> object:
    """The same of a list; what is none of these is left to whoever checks it."""
    return [with_bytes(each) if is_object(each) else each for each in tokens] if is_list(tokens) else tokens
