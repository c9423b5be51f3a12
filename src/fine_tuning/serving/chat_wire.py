"""Between the chunks of OpenAI's chat API and the text of an answer."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing

from fine_tuning.data_io.messages import ToolCall
from fine_tuning.data_io.usage import usage_of
from fine_tuning.serving.chat_types import ChatBody, Chunk, Delta, ToolCallDelta, Usage, summed, usage
from fine_tuning.serving.engine import Completion, Engine

DEFAULT_MAX_TOKENS = 512  # of engines that need a limit, where the request sets none
HANDLED = frozenset({"messages", "max_tokens", "temperature"})
"""Fields of a chat request that engines take as arguments of their own."""


def chunks_from_text(engine: Engine, body: ChatBody) -> Generator[Chunk, None, None]:
    """Answer a chat request in chunks through an engine that only completes and streams text.

    Several choices come one after another, with seeds of their own.
    """
    counts: list[Usage] = []
    for index in range(body.get("n") or 1):
        answer = yield from _choice_from_text(engine, body, index)
        own = usage(answer.prompt_tokens or 0, answer.completion_tokens or 0)
        counts.append(own if answer.usage is None else summed([answer.usage]))
    yield {"choices": [], "usage": summed(counts, counts[:1])}


def _choice_from_text(engine: Engine, body: ChatBody, index: int) -> Generator[Chunk, None, Completion]:
    yield _chunk({"role": "assistant", "content": ""}, index)
    params = {name: value for name, value in body.items() if name not in HANDLED and name != "n"}
    if (seed := body.get("seed")) is not None:
        params["seed"] = seed + index
    text = engine.stream(
        body["messages"],
        temperature=body.get("temperature", 1.0),
        max_tokens=body.get("max_tokens", DEFAULT_MAX_TOKENS),
        **params,
    )
    with closing(text) as pieces:
        while True:
            try:
                yield _chunk({"content": next(pieces)}, index)
            except StopIteration as end:
                answer: Completion = end.value
                break
    yield _chunk({}, index, answer.finish_reason or "stop")
    return answer


def text_from_chunks(
    chunks: Generator[Chunk, None, None], model: str, service_tier: object = None
) -> Generator[str, None, Completion]:
    """The text of an answer that arrives in chunks, as it arrives; returns the complete answer.

    Args:
        service_tier: that the request asked for; the chunks may state another.
    """
    started = time.perf_counter()
    text: list[str] = []
    calls = JoinedToolCalls()
    counts: Usage | None = None
    reason = None
    with closing(chunks):
        for chunk in chunks:
            counts = chunk.get("usage") or counts
            service_tier = chunk.get("service_tier") or service_tier
            for choice in chunk.get("choices") or []:
                reason = choice.get("finish_reason") or reason
                calls.add(choice["delta"].get("tool_calls") or [])
                if content := choice["delta"].get("content"):
                    text.append(content)
                    yield content
    tokens = usage_of(counts, service_tier)
    return Completion(
        text="".join(text),
        model=model,
        prompt_tokens=tokens["prompt_tokens"] if tokens else None,
        completion_tokens=tokens["completion_tokens"] if tokens else None,
        latency_ms=(time.perf_counter() - started) * 1000,
        finish_reason=reason,
        tool_calls=calls.joined(),
        usage=tokens,
    )


class JoinedToolCalls:
    """Joins the parts of tool calls that the chunks of an answer hold."""

    def __init__(self) -> None:
        self._calls: dict[int, ToolCall] = {}

    def add(self, parts: Sequence[ToolCallDelta]) -> None:
        """Add the parts of a chunk."""
        for part in parts:
            empty: ToolCall = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            call = self._calls.setdefault(part["index"], empty)
            call["id"] += part.get("id") or ""
            if function := part.get("function"):
                call["function"]["name"] += function.get("name") or ""
                call["function"]["arguments"] += function.get("arguments") or ""

    def joined(self) -> list[ToolCall]:
        """The calls so far."""
        return list(self._calls.values())


def _chunk(delta: Delta, index: int = 0, reason: str | None = None) -> Chunk:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": reason}]}
