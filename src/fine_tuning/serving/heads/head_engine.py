"""An engine that answers with a classifier head, in a millisecond or two on one core."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from fine_tuning._util.library_errors import library_errors
from fine_tuning.errors import ProviderError, UsageError
from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages
from fine_tuning.serving.chat_wire import chunks_from_text
from fine_tuning.serving.engine import Completion
from fine_tuning.serving.heads.classifier_head import ClassifierHead, load_head
from fine_tuning.serving.heads.text_tokens import tokens_of
from fine_tuning.serving.text_types import TextBody, TextChunk

_UNSUPPORTED = ("tools", "functions", "logprobs", "top_logprobs", "logit_bias", "modalities", "audio")


class HeadEngine:
    """An `Engine` over a classifier head.

    Its answers do not depend on `temperature` or other sampling, and a `response_format` is the form of the answers
    that it has learnt. Tokens are words and signs.

    Args:
        name: the model's name in answers.

    Raises:
        DataError: the folder holds no head that can be loaded.
        MissingDependencyError: an extra is not installed.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.model = name
        self._head: ClassifierHead | None = load_head(folder)

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        return next(self.complete_many([messages], temperature=temperature, max_tokens=max_tokens, **params))

    def complete_many(
        self,
        batch: Sequence[Messages],
        *,
        temperature: float,  # noqa: ARG002 - a head has one answer
        max_tokens: int,  # noqa: ARG002 - and it is short
        **params: object,
    ) -> Iterator[Completion]:
        """Answer many conversations, one after another, so that each has its own latency. See `Engine`."""
        if self._head is None:
            raise ProviderError(f"the engine of {self.model} is closed; open it again")
        self._check(params)
        for messages in batch:
            started = time.perf_counter()
            text = self._head.text_of(messages)
            with library_errors(f"{self.model} cannot answer", "train it again"):
                (answer,) = self._head.answers([text])
            latency = (time.perf_counter() - started) * 1000
            counts = len(tokens_of(text)), len(tokens_of(answer.text))
            yield Completion(answer.text, self.model, *counts, latency, "stop", confidence=answer.confidence)

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation in one piece. See `Engine`."""
        answer = self.complete(messages, temperature=temperature, max_tokens=max_tokens, **params)
        yield answer.text
        return answer

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        yield from chunks_from_text(self, body)

    def text_chunks(self, body: TextBody) -> Generator[TextChunk, None, None]:  # noqa: ARG002
        """Refuse to continue a prompt. See `Engine`."""
        raise UsageError(f"{self.model} is a classifier head, which answers chat completions only")

    def close(self) -> None:
        """Free the head."""
        self._head = None

    def _check(self, params: dict[str, object]) -> None:
        if unsupported := [name for name in _UNSUPPORTED if params.get(name)]:
            raise UsageError(f"{self.model} is a classifier head, which does not support {', '.join(unsupported)}")
        if params.get("n") not in (None, 1):
            raise UsageError(f"{self.model} is a classifier head, which has one answer to a question: n must be 1")
