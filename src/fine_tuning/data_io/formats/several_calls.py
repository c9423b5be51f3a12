"""The calls of a row that holds several, such as a trace: one that cannot be read does not take the others with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.json_values import Row
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.errors import DataError

MALFORMED = (TypeError, AttributeError, KeyError, IndexError, ValueError, OverflowError, RecursionError)
"""What reading a shape that nobody has foreseen raises."""
_KEY = re.compile(
    rb'"(?:annotation|snapshot|observations|child_runs|run_type|resourceSpans|resourceLogs|batches|spans|trace|message_tree_id)"'
)
_NAMES = b"openinference", b"llm."  # in one expression with the keys they would be looked for at every byte


def may_hold(row: bytes) -> bool:
    """Whether the JSON of a row has what those of several calls have; that of others may have it, too."""
    return _KEY.search(row) is not None or any(name in row for name in _NAMES)


def unforeseen(error: Exception, what: str) -> DataError:
    """An error of `MALFORMED` as that of its row, in one line; what a reader says itself, as it says it."""
    if isinstance(error, DataError):
        return error
    return DataError(f"not a valid {what}: {type(error).__name__}: {' '.join(str(error).split())}")


def read_each(
    parts: Iterable[tuple[str, Row]], read: Callable[[Row], Iterator[Call | Unread]]
) -> Iterator[Call | Unread]:
    """The calls of all parts, and why others have none; the only part of a row fails as a row does.

    Args:
        parts: where each is in the row, and the part.

    Raises:
        DataError: the only part is malformed.
    """
    found = list(parts)
    for where, part in found:
        if len(found) == 1:
            yield from read(part)
            continue
        try:
            yield from read(part)
        except MALFORMED as error:
            reason = str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
            yield Unread("malformed", f"{where}: {reason}")
