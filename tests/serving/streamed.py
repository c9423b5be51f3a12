from __future__ import annotations

from collections.abc import Generator

from fine_tuning.serving.engine import Completion


def streamed(stream: Generator[str, None, Completion]) -> tuple[list[str], Completion]:
    """The pieces of a stream, and what it returns."""
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return pieces, end.value
