"""Chat templates that may not end: each conversation is rendered elsewhere first, since no engine stops rendering."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from fine_tuning.base_models.template_check import conversation_problem, is_sure_to_end
from fine_tuning.errors import RefusedError
from fine_tuning.export.chat_template import chat_template
from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages
from fine_tuning.serving.engine import Completion, Engine
from fine_tuning.serving.engine_around import EngineAround


def with_bounded_template(engine: Engine, folder: Path) -> Engine:
    """The engine, with a time limit on the rendering of each call where its template is not sure to end."""
    template = _unsure_template(folder)
    return engine if template is None or isinstance(engine, BoundedTemplate) else BoundedTemplate(engine, template)


@lru_cache(maxsize=64)
def _unsure_template(folder: Path) -> str | None:
    template = chat_template(folder)
    try:
        return None if template is None or is_sure_to_end(template) else template
    except (ImportError, ValueError):  # what renders it has to tell
        return None


class BoundedTemplate(EngineAround):
    """An `Engine` that refuses conversations which its chat template does not render in time."""

    def __init__(self, engine: Engine, template: str) -> None:
        super().__init__(engine)
        self._template = template

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`."""
        self._check([messages], params.get("tools"))
        return self._engine.complete(messages, temperature=temperature, max_tokens=max_tokens, **params)

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Answer many conversations in order. See `Engine`."""
        self._check(batch, params.get("tools"))
        yield from self._engine.complete_many(batch, temperature=temperature, max_tokens=max_tokens, **params)

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        self._check([messages], params.get("tools"))
        return (yield from self._engine.stream(messages, temperature=temperature, max_tokens=max_tokens, **params))

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Answer a request of OpenAI's chat API. See `Engine`."""
        self._check([body["messages"]], body.get("tools"))
        yield from self._engine.chat_chunks(body)

    def _check(self, chats: Sequence[Messages], tools: object) -> None:
        if problem := conversation_problem(self._template, chats, tools):
            raise RefusedError(f"in the model's chat template, this request {problem}; shorten it")
