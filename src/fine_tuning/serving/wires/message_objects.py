"""Messages as Anthropic's API returns them."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.serving.chat_types import Usage
from fine_tuning.serving.wires.object_ids import new_id

StopReason = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]


class Text(TypedDict):
    """A piece of the answer's text."""

    type: Literal["text"]
    text: str
    citations: None


class ToolUse(TypedDict):
    """A tool that the answer calls."""

    type: Literal["tool_use"]
    id: str
    name: str
    input: JsonObject


class MessageUsage(TypedDict):
    """Token counts of a message; of models here, what was read from a cache is within the input."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: NotRequired[int]
    cache_creation_input_tokens: NotRequired[int]


class Message(TypedDict):
    """A message: as much of the answer as there is."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[Text | ToolUse]
    stop_reason: StopReason | None
    stop_sequence: str | None
    usage: MessageUsage


class TokenCount(TypedDict):
    """How many tokens a prompt has."""

    input_tokens: int


def begun(model: str) -> Message:
    """A message without an answer yet."""
    return {
        "id": new_id("msg"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


def message_usage(counts: Usage) -> MessageUsage:
    """Token counts in Anthropic's words."""
    return {"input_tokens": counts["prompt_tokens"], "output_tokens": counts["completion_tokens"]}
