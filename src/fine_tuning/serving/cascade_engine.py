"""A cascade: a classifier head answers where it is sure, another model the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from fine_tuning._util.files import make_folder, read_json, write_json
from fine_tuning._util.library_errors import library_errors
from fine_tuning.errors import ContextLengthError, UsageError
from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages
from fine_tuning.serving.chat_wire import HANDLED
from fine_tuning.serving.engine import Completion, Engine, PriceOf
from fine_tuning.serving.heads.head_engine import HeadEngine
from fine_tuning.serving.part_model import PartModel
from fine_tuning.serving.text_types import TextBody, TextChunk

SETTINGS, HEAD, SECOND = "cascade.json", "head", "second"  # the last where it is a head, too


@dataclass(frozen=True)
class CascadeSettings:
    """What a cascade's folder says beside its head.

    Attributes:
        threshold: confidence from which on the head answers.
        second: what answers the rest.
    """

    threshold: float
    second: PartModel

    def save(self, folder: Path) -> None:
        """Write them.

        Raises:
            ConflictError: see `PartModel.settings`.
        """
        second = self.second.settings(make_folder(folder))
        write_json(folder / SETTINGS, {"threshold": self.threshold, "second": second})

    @classmethod
    def load(cls, folder: Path) -> CascadeSettings:
        """Those of a folder.

        Raises:
            DataError: they are damaged.
        """
        with library_errors(f"{folder.name} is no cascade that can be loaded", "save or fetch it again"):
            found = read_json(folder / SETTINGS)
            return cls(float(found["threshold"]), PartModel.read(found["second"], folder))


def is_cascade(folder: Path) -> bool:
    """Whether a folder holds a cascade."""
    return (folder / SETTINGS).is_file()


class _Tried(NamedTuple):
    """The head's answer, and whether it is sure of it; None of a request that it cannot read."""

    answer: Completion | None
    is_sure: bool


class CascadeEngine:
    """An `Engine` over a head and another engine.

    Args:
        second: answers what the head is not sure of, and what a head cannot read.
    """

    def __init__(self, name: str, head: HeadEngine, second: Engine, settings: CascadeSettings) -> None:
        self.model = name
        self._head, self._second, self._settings = head, second, settings

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Answer many conversations in order; those of the second model at once. See `Engine`."""
        tried = [self._try(messages, params) for messages in batch]
        rest = [messages for messages, each in zip(batch, tried, strict=True) if not each.is_sure]
        settings = {"temperature": temperature, "max_tokens": max_tokens, **params}
        others = self._second.complete_many(rest, **settings) if rest else iter(())  # type: ignore[arg-type]
        for first in tried:
            if first.answer is not None and first.is_sure:
                yield first.answer
            else:
                yield self._after(first, next(others))

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation. See `Engine`."""
        tried = self._try(messages, params)
        if tried.answer is not None and tried.is_sure:
            yield tried.answer.text
            return tried.answer
        settings = {"temperature": temperature, "max_tokens": max_tokens, **params}
        answer = yield from self._second.stream(messages, **settings)  # type: ignore[arg-type]
        return self._after(tried, answer)

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        params = {name: value for name, value in body.items() if name not in ("messages", "n")}
        if self._try(body["messages"], params).is_sure:
            yield from self._head.chat_chunks(body)
            return
        with closing(self._second.chat_chunks(body)) as chunks:
            yield from chunks

    def text_chunks(self, body: TextBody) -> Generator[TextChunk, None, None]:
        """Let the second model continue a prompt. See `Engine`."""
        return self._second.text_chunks(body)

    def close(self) -> None:
        """Free both."""
        self._head.close()
        self._second.close()

    def _try(self, messages: Messages, params: dict[str, object]) -> _Tried:
        passed = {name: value for name, value in params.items() if name not in HANDLED}
        try:
            answer = self._head.complete(messages, temperature=0.0, max_tokens=1, **passed)
        except (UsageError, ContextLengthError):  # of images, tools, several answers, long texts
            return _Tried(None, is_sure=False)
        return _Tried(answer, (answer.confidence or 0.0) >= self._settings.threshold)

    def _after(self, first: _Tried, second: Completion) -> Completion:
        """The second answer with the time of both, at the price of the model that gave it."""
        waited = 0.0 if first.answer is None else first.answer.latency_ms
        price = PriceOf(self._settings.second.provider, self._settings.second.model)
        return replace(
            second, model=self.model, latency_ms=waited + second.latency_ms, price_of=second.price_of or price
        )


def open_cascade(folder: Path, name: str, open_second: Callable[[PartModel], Engine]) -> CascadeEngine:
    """The cascade in a folder.

    Raises:
        DataError: its files are damaged.
    """
    settings = CascadeSettings.load(folder)
    return CascadeEngine(name, HeadEngine(folder / HEAD, name), open_second(settings.second), settings)
