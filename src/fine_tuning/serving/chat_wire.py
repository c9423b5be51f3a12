"""Between OpenAI's chat requests and answers, and the text of an answer."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import Any

from fine_tuning.serving.engine import Completion, Engine

DEFAULT_MAX_TOKENS = 512  # where the request sets no limit: such an engine makes no shorter answer by itself
_HANDLED = {"messages", "max_tokens", "temperature"}


def chat_pieces_through(engine: Engine, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
    """One request answered by an engine that only completes and streams text."""
    messages, options = _asked(body)
    yield _chunk({"role": "assistant", "content": ""})
    with closing(engine.stream(messages, **options)) as pieces:
        while True:
            try:
                yield _chunk({"content": next(pieces)})
            except StopIteration as end:
                answer: Completion = end.value
                break
    yield _chunk({}, answer.finish_reason or "stop")
    yield {"choices": [], "usage": _usage(answer.prompt_tokens or 0, answer.completion_tokens or 0)}


def text_of(pieces: Generator[dict[str, Any], None, None], model: str) -> Generator[str, None, Completion]:
    """The text of an answer that comes in chunks, as it comes; returns the whole answer."""
    started = time.perf_counter()
    text: list[str] = []
    usage: Mapping[str, Any] = {}
    reason = None
    with closing(pieces):
        for piece in pieces:
            usage = piece.get("usage") or usage
            for choice in piece.get("choices") or []:
                reason = choice.get("finish_reason") or reason
                if said := choice["delta"].get("content"):
                    text.append(said)
                    yield said
    counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Completion("".join(text), model, *counts, (time.perf_counter() - started) * 1000, reason)


def _asked(body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    options: dict[str, Any] = {name: value for name, value in body.items() if name not in _HANDLED}
    options["temperature"] = body.get("temperature", 1.0)
    options["max_tokens"] = body.get("max_tokens", DEFAULT_MAX_TOKENS)
    return list(body["messages"]), options


def _chunk(delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
