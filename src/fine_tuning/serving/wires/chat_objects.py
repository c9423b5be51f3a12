"""Chat completions and their chunks as the API returns them, made from the chunks of engines."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict, cast

from fine_tuning.data_io.messages import ToolCall
from fine_tuning.serving.chat_types import (
    ChunkChoice,
    Delta,
    FunctionCallDelta,
    Logprobs,
    TokenLogprob,
    ToolCallDelta,
    Usage,
    summed,
)
from fine_tuning.serving.chat_wire import JoinedToolCalls
from fine_tuning.store.column_types import storable

FINGERPRINT = "fp_fine_tuning"
TIER: Literal["default"] = "default"  # there is one, whatever a request asks for


class Message(TypedDict):
    """The message of an answer."""

    role: str
    content: str | None
    refusal: None
    annotations: list[object]
    tool_calls: NotRequired[list[ToolCall]]


class Choice(TypedDict):
    """A choice of a complete answer."""

    index: int
    message: Message
    logprobs: Logprobs | None
    finish_reason: str


class Head(TypedDict):
    """What a completion and each of its chunks begin with."""

    id: str
    object: str
    created: int
    model: str
    service_tier: Literal["default"]
    system_fingerprint: str


class ChatCompletion(Head):
    """A complete answer."""

    choices: list[Choice]
    usage: Usage


class ChatCompletionChunk(Head):
    """A chunk of a streamed answer."""

    choices: list[ChunkChoice]


class ChunkWithUsage(ChatCompletionChunk):
    """A chunk of a stream whose request includes usage; only the last one has it."""

    usage: Usage | None


def head(model: str, kind: Literal["chat.completion", "chat.completion.chunk"]) -> Head:
    """A new id, the time and the model."""
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "service_tier": TIER,
        "system_fingerprint": FINGERPRINT,
    }


def total_usage(usages: Sequence[Usage]) -> Usage:
    """The usage of several choices of one prompt."""
    return summed(usages, usages[:1])


def chunk_choice(choice: ChunkChoice, top_logprobs: int, opening: Delta | None = None) -> ChunkChoice:
    """An engine's choice as the API returns it.

    Args:
        opening: what the first one begins with, since llama.cpp sometimes omits the role: see `opening_of`.

    Its texts are those that the store can hold, so that what is stored is what was answered.
    """
    delta: Delta = {}
    if "content" in choice["delta"]:
        delta["content"] = _storable(choice["delta"]["content"])
    if "tool_calls" in choice["delta"]:
        delta["tool_calls"] = [_storable_call(call) for call in choice["delta"]["tool_calls"] or []]
    if opening is not None:
        delta = {**opening, **delta, "content": delta.get("content") or opening["content"]}
    return {
        "index": choice["index"],
        "delta": delta,
        "logprobs": _logprobs(choice.get("logprobs"), top_logprobs),
        "finish_reason": choice.get("finish_reason"),
    }


def opening_of(choice: ChunkChoice, *, may_call: bool) -> Delta:
    """How the answer of a choice begins: its content is null where it is a call, or may still be one.

    Args:
        may_call: whether the request has tools.
    """
    delta = choice["delta"]
    is_text = not delta.get("tool_calls") and (not may_call or bool(delta.get("content")))
    return {"role": "assistant", "content": "" if is_text else None}


def _storable(text: str | None) -> str | None:
    return text and storable(text)


def _storable_call(call: ToolCallDelta) -> ToolCallDelta:
    function = call.get("function")
    if function is None:
        return call
    written = {name: _storable(text) for name, text in function.items() if isinstance(text, str)}
    return {**call, "function": cast("FunctionCallDelta", {**function, **written})}


def _logprobs(found: Logprobs | None, top: int) -> Logprobs | None:
    tokens = found.get("content") if found else None
    return {"content": [_token(token, top) for token in tokens], "refusal": None} if tokens else None


def _token(token: TokenLogprob, top: int) -> TokenLogprob:
    return {**_plain(token), "top_logprobs": [_plain(other) for other in token.get("top_logprobs", [])[:top]]}


def _plain(token: TokenLogprob) -> TokenLogprob:
    return {"token": storable(token["token"]), "logprob": token["logprob"], "bytes": token.get("bytes")}


class ChoiceCollector:
    """Joins the chunks of an answer to its complete choices.

    Args:
        count: how many choices the answer has.
    """

    def __init__(self, count: int) -> None:
        self._text = ["" for _ in range(count)]
        self._calls = [JoinedToolCalls() for _ in range(count)]
        self._reasons: list[str | None] = [None] * count
        self._logprobs: list[list[TokenLogprob]] = [[] for _ in range(count)]
        self._begun: set[int] = set()

    def is_new(self, index: int) -> bool:
        """Whether the choice has no chunks yet."""
        return index not in self._begun

    def add(self, choice: ChunkChoice) -> None:
        """Add a chunk's choice."""
        index = choice["index"]
        self._begun.add(index)
        self._text[index] += choice["delta"].get("content") or ""
        self._calls[index].add(choice["delta"].get("tool_calls") or [])
        logprobs = choice.get("logprobs")
        self._logprobs[index] += (logprobs["content"] if logprobs else None) or []
        self._reasons[index] = choice.get("finish_reason") or self._reasons[index]

    def choices(self) -> list[Choice]:
        """The choices of the complete answer."""
        return [self._choice(index) for index in range(len(self._text))]

    def _choice(self, index: int) -> Choice:
        text, calls, logprobs = self._text[index], self._calls[index].joined(), self._logprobs[index]
        content = text if text or not calls else None
        message: Message = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
        if calls:
            message["tool_calls"] = calls
        return {
            "index": index,
            "message": message,
            "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
            "finish_reason": self._reasons[index] or "stop",
        }
