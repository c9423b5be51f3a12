"""What engines around another one have in common."""

from __future__ import annotations

from collections.abc import Generator

from fine_tuning.serving.engine import Engine
from fine_tuning.serving.text_types import TextBody, TextChunk


class EngineAround:
    """The part of an `Engine` around another one that is the other's own: its model, its end, and its plain texts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.model = getattr(engine, "model", "")
        self.close = engine.close

    def text_chunks(self, body: TextBody) -> Generator[TextChunk, None, None]:
        """Continue prompts, which have no messages, tools or form. See `Engine`."""
        return self._engine.text_chunks(body)
