"""The interface of all engines, and the completion that they return."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from fine_tuning.data_io.messages import ToolCall
from fine_tuning.data_io.usage import Usage
from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages
from fine_tuning.serving.text_types import TextBody, TextChunk

DEFAULT_CONCURRENCY = 8  # requests to a host at once

Item = TypeVar("Item")
Result = TypeVar("Result")


class PriceOf(NamedTuple):
    """Whose price a call has: "local" and a model folder, or a host's address and its model."""

    provider: str
    model: str


@dataclass(frozen=True)
class Completion:
    """One answer.

    Attributes:
        prompt_tokens, completion_tokens: None where the engine does not report them.
        latency_ms: milliseconds until the answer was complete.
        finish_reason: "stop", "length", ...; None where the engine does not report it.
        tool_calls: what the answer calls, of the `tools` of the request.
        usage: the tokens with those cached and those of reasoning, and the service tier, which decide the price; None
            where the engine reports none.
        served_by: the model and fingerprint that the host reports, which may change behind a name; None where it
            reports none.
        logprobs: each token of the answer with its natural logarithm; None where they were not asked for or given.
        refusal: what the model says in place of an answer; None where it does not refuse in so many words.
    """

    text: str
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: float
    finish_reason: str | None
    tool_calls: Sequence[ToolCall] = ()
    usage: Usage | None = None
    served_by: str | None = None
    confidence: float | None = None
    price_of: PriceOf | None = None
    logprobs: Sequence[tuple[str, float]] | None = None
    refusal: str | None = None


class Engine(Protocol):
    """Answers conversations with one model. Safe to call from several threads.

    `temperature` 0 means the most likely token each time; `max_tokens` bounds the answer. Further `params` are named as
    in OpenAI's chat API (seed, stop, top_p, response_format, tools, ...). Every method raises ProviderError when the
    model or its host refuses or fails, and UsageError when the engine does not support a parameter.
    """

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation."""
        ...

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Yield the text of one answer as it is generated, and return its completion; closing stops the model."""
        ...

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Yield the answers to many conversations in order, concurrently where possible; raise the first failure."""
        ...

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API in the chunks of that API.

        The last chunk has the usage. Closing the generator stops the model.
        """
        ...

    def text_chunks(self, body: TextBody) -> Generator[TextChunk, None, None]:
        """Continue prompts as they are, without a chat template.

        The last chunk has no choices and the usage. Closing the generator stops the model.
        """
        ...

    def close(self) -> None:
        """Free the model and its connections; closing twice does nothing."""
        ...


def in_order(call: Callable[[Item], Result], items: Iterable[Item], concurrency: int) -> Iterator[Result]:
    """Yield `call(item)` for each item in order, with up to `concurrency` calls at once.

    The exception of a call is raised at its place in the order; calls that have not started are then cancelled.
    """
    with ThreadPoolExecutor(concurrency) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(call, item))
                if len(ahead) >= 4 * concurrency:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
