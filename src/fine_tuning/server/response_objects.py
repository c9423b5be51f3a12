"""Responses as the API returns them."""

from __future__ import annotations

import time
from typing import Literal, NotRequired, TypedDict

from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.chat_objects import TIER
from fine_tuning.server.response_items import Status, new_id
from fine_tuning.server.response_request import ResponseRequest
from fine_tuning.server.response_tools import FunctionTool
from fine_tuning.serving.chat_types import TokenLogprob, Usage, summed


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
    reasoning: ApiObject
    safety_identifier: str | None
    service_tier: str
    store: bool
    temperature: float
    text: ApiObject
    tool_choice: object
    tools: list[ApiObject]
    top_logprobs: int
    top_p: float
    truncation: str
    usage: ResponseUsage | None
    user: str | None
    conversation: NotRequired[ApiObject]


def begun(body: ResponseRequest) -> Response:
    """A response without an answer yet."""
    text = {} if body.text is None else body.text.model_dump(by_alias=True, exclude_none=True)
    reasoning = body.reasoning or {}
    choice = body.tool_choice
    response: Response = {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "metadata": body.metadata or {},
        "model": body.model,
        "output": [],
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": body.previous_response_id,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {"effort": None, "summary": None, **reasoning},
        "safety_identifier": body.safety_identifier,
        "service_tier": TIER,
        "store": body.is_stored,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "text": {"format": {"type": "text"}, **text},
        "tool_choice": "auto" if choice is None else choice if isinstance(choice, str) else choice.model_dump(),
        "tools": [tool.shown() for tool in body.tools or [] if isinstance(tool, FunctionTool)],
        "top_logprobs": body.top_logprobs or 0,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "truncation": body.truncation or "disabled",
        "usage": None,
        "user": body.user,
    }
    if body.conversation_id is not None:
        response["conversation"] = {"id": body.conversation_id}
    return response


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
