"""OpenAI's chat requests and answers for an engine that only completes and streams text."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fine_tuning.serving.engine import Engine

DEFAULT_MAX_TOKENS = 512  # where the request sets no limit: such an engine makes no shorter answer by itself
_HANDLED = {"messages", "max_tokens", "temperature"}


def chat_pieces_through(engine: Engine, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
    """One request answered by `engine.complete`.

    The engine says neither token counts nor why it stopped while it streams, so the answer is made whole first.
    """
    messages, options = _asked(body)
    answer = engine.complete(messages, **options)
    message = {"role": "assistant", "content": answer.text}
    yield {"choices": [{"index": 0, "delta": message, "finish_reason": None}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason or "stop"}]}
    yield {"choices": [], "usage": _usage(answer.prompt_tokens or 0, answer.completion_tokens or 0)}


def _asked(body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    options: dict[str, Any] = {name: value for name, value in body.items() if name not in _HANDLED}
    options["temperature"] = body.get("temperature", 1.0)
    options["max_tokens"] = body.get("max_tokens", DEFAULT_MAX_TOKENS)
    return list(body["messages"]), options


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
