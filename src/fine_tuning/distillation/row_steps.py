"""The steps by which rows are read: parsed, recognised, and each of their calls read.

Many rows go through a step together before the next one begins: the program of a step, and what it looks up, stay in
the processor's cache meanwhile, which row by row they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from fine_tuning.data_io import formats, sources
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.formats import Call, Row, row_text
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.formats.several_calls import MALFORMED
from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.distillation import row_problems
from fine_tuning.errors import DataError, UsageError

STEP_ROWS = 200  # their values have to stay in the cache, too


@dataclass(slots=True)
class RowRead:
    """What was read of a row.

    Attributes:
        calls: also those that are left out, with their reason; those before the error, if there is one.
        error: that ended it; None if there is none.
        unread_keys: see `dialects.unread_keys`.
    """

    raw: RawRow
    value: Row = field(default_factory=dict)
    format: str = ""
    calls: list[Call | Unread] = field(default_factory=list)
    error: Exception | None = None
    unread_keys: frozenset[str] = frozenset()
    rest: Iterable[Call | Unread] = ()


def read_rows(rows: Iterable[RawRow], format_name: str | None = None) -> Sequence[RowRead]:
    """What each row has.

    Args:
        format_name: of all rows; None to recognise each one's.
    """

    def recognise(row: RowRead) -> None:
        row.format, row.rest = formats.read(row.value, format_name)

    found = [RowRead(row) for row in rows]
    with unread_keys.noted() as keys:
        for step in (_parse, recognise, _collect):
            for row in found:
                if row.error is None:
                    _take(row, step)
                if keys:
                    row.unread_keys |= keys
                    keys.clear()
    return found


def _take(row: RowRead, step: Callable[[RowRead], None]) -> None:
    try:
        step(row)
    except (UsageError, *MALFORMED) as error:
        row.error = error


def _parse(row: RowRead) -> None:
    if row.raw.text is None:
        raise DataError(f"the line is longer than {sources.MAX_ROW_BYTES >> 20} MiB")
    value = row_text.parse(row.raw.text)
    if isinstance(value, Finding):
        raise DataError(row_problems.reason(value))
    row.value = value


def _collect(row: RowRead) -> None:
    for call in row.rest:
        row.calls.append(call)
