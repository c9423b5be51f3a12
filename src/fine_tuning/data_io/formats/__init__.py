"""Formats of recorded calls, one file each: how a row is recognised, and the calls in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from fine_tuning.data_io.formats import (
    alpaca,
    langfuse,
    litellm,
    openai_chat,
    opentelemetry,
    preference,
    prompt_response,
    sharegpt,
    stored_completion,
)
from fine_tuning.data_io.formats.call import Call, Row
from fine_tuning.errors import DataError, UsageError

__all__ = ["FORMATS", "LOGS", "Call", "Row", "calls_in", "check_format", "format_of"]


class Format(Protocol):
    """What each file of this package has."""

    NAME: str

    def recognises(self, row: Row) -> bool: ...

    def calls(self, row: Row) -> Iterator[Call]: ...


_MODULES: tuple[Format, ...] = (  # the more particular first: a log entry may also hold messages
    litellm, opentelemetry, langfuse, stored_completion, preference, sharegpt, openai_chat, alpaca, prompt_response,
)  # fmt: skip
FORMATS: dict[str, Format] = {each.NAME: each for each in _MODULES}
LOGS = frozenset({langfuse.NAME, litellm.NAME, opentelemetry.NAME, stored_completion.NAME})
"""What production wrote down, good or bad; the others are training data, which somebody chose."""


def check_format(name: str) -> str:
    """Return the name of a format, or raise UsageError naming the known ones."""
    if name not in FORMATS:
        raise UsageError(f"unknown format {name!r}; use one of {', '.join(FORMATS)}")
    return name


def format_of(row: Row) -> str | None:
    """The name of a row's format; None where it is of none."""
    for name, each in FORMATS.items():
        if each.recognises(row):
            return name
    return None


def calls_in(row: Row, name: str | None = None) -> Iterator[Call]:
    """The calls that a row records: one in most formats, any number in a trace.

    Args:
        name: its format; by default the row's own.

    Raises:
        DataError: the row is of another format, or malformed.
    """
    known = format_of(row) if name is None else name
    if known is None or not FORMATS[known].recognises(row):
        wanted = f"of the format {name}" if name else "of any known format"
        raise DataError(f"the row is not {wanted} (it has {', '.join(sorted(row)[:6]) or 'nothing'})")
    try:
        yield from FORMATS[known].calls(row)
    except (TypeError, AttributeError, KeyError, IndexError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        # Each format says what it finds missing; shapes that nobody writes are found here.
        raise DataError(f"not a row that {known} has: {type(error).__name__}: {error}") from None
