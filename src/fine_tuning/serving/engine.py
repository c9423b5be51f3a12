"""What every engine does, so that callers need not know which one answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Messages = Sequence[Mapping[str, Any]]
"""A conversation as OpenAI's chat API takes it: `{"role": ..., "content": ...}` each, oldest first."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Completion:
    """One answer; token counts and the reason it ended ("stop", "length", ...) are None where the engine says none."""

    text: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: float
    finish_reason: str | None


class Engine(Protocol):
    """Answers conversations with one model. Safe to call from several threads.

    `temperature` 0 means the most likely token each time; `max_tokens` bounds the answer. Further `params` are named as
    in OpenAI's chat API (seed, stop, top_p, response_format, ...). Every method raises ProviderError when the model or
    its host refuses or fails, and UsageError when the engine does not know a parameter.
    """

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any) -> Completion:
        """Answer one conversation."""
        ...

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece, and return what `complete` does; closing it stops the model."""
        ...

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: Any
    ) -> Iterator[Completion]:
        """Answer many conversations, in their order, side by side where the engine can; the first failure is raised."""
        ...

    def chat_pieces(self, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """Answer a request of OpenAI's chat API (messages and parameters) in the chunks of that API.

        The last one has the usage. Closing the iterator stops the model.
        """
        ...

    def close(self) -> None:
        """Free what the engine holds; closing twice is harmless."""
        ...


def in_order(call: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield `call(item)` for each item in order, running up to `workers` at once and a few of those ahead.

    An exception of a call is raised at its place in the order; calls not yet started are then dropped.
    """
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(call, item))
                if len(ahead) >= 4 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
