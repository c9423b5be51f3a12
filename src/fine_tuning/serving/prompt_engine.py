"""A model that is asked with something before each question: the nearest examples, or instructions."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages
from fine_tuning.serving.engine import Completion, Engine, PriceOf
from fine_tuning.serving.engine_around import EngineAround
from fine_tuning.serving.instructions import Instructions
from fine_tuning.serving.part_model import PartModel
from fine_tuning.serving.retrieved_examples import load_few_shot

Prepared = Callable[[Messages], list[Mapping[str, object]]]


class PromptEngine(EngineAround):
    """An `Engine` around another one.

    Args:
        prepared: a conversation as the other one is asked it.
        price: whose price a call has.
    """

    def __init__(self, name: str, engine: Engine, prepared: Prepared, price: PriceOf) -> None:
        super().__init__(engine)
        self.model = name
        self._prepared, self._price = prepared, price

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Answer many conversations in order. See `Engine`."""
        started = time.perf_counter()
        prompts = [self._prepared(messages) for messages in batch]
        found = (time.perf_counter() - started) * 1000 / max(1, len(batch))
        settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, **params}
        for answer in self._engine.complete_many(prompts, **settings):
            yield self._own(answer, found)

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        settings: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens, **params}
        answer = yield from self._engine.stream(self._prepared(messages), **settings)
        return self._own(answer, 0.0)

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        yield from self._engine.chat_chunks(cast("ChatBody", {**body, "messages": self._prepared(body["messages"])}))

    def _own(self, answer: Completion, searched_ms: float) -> Completion:
        """The answer by this engine's name, with the time of preparing, at the price of the model asked."""
        return replace(
            answer,
            model=self.model,
            latency_ms=answer.latency_ms + searched_ms,
            price_of=answer.price_of or self._price,
        )


def open_few_shot(folder: Path, name: str, open_part: Callable[[PartModel], Engine]) -> PromptEngine:
    """The model of a folder with its examples.

    Raises:
        DataError: the files are damaged.
    """
    settings, examples = load_few_shot(folder)
    return _around(name, settings.part, examples.before, open_part)


def open_instructed(folder: Path, name: str, open_part: Callable[[PartModel], Engine]) -> PromptEngine:
    """The model of a folder with its instructions.

    Raises:
        DataError: the files are damaged.
    """
    found = Instructions.load(folder)
    return _around(name, found.part, found.before, open_part)


def _around(name: str, part: PartModel, prepared: Prepared, open_part: Callable[[PartModel], Engine]) -> PromptEngine:
    return PromptEngine(name, open_part(part), prepared, PriceOf(part.provider, part.model))
