"""The lines of a CSV file, which are read again where a quote that is not closed has swallowed them."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from itertools import islice

from fine_tuning.data_io.sources.csv_dialect import Dialect

_LINES_TRIED, _ROWS_TRIED, _NEIGHBOURS = 200, 20, 10


class Lines:
    """The lines of a file.

    Attributes:
        count: how many are read, but for those that were put back.
        row: those that were read since `begin_row`.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._back: deque[str] = deque()
        self.count = 0
        self.row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._lines)
        self.count += 1
        self.row.append(line)
        return line

    def begin_row(self) -> None:
        """Forget the lines of the row before."""
        self.row = []

    def restart_behind_first(self, dialect: Dialect, columns: int) -> bool:
        """Read all lines of this row but the first one again, if they are rows for sure.

        They are if all that can be read of them, and of the lines behind them, has a cell for each column.
        """
        first, *swallowed = self.row
        more = list(islice(self, max(0, _LINES_TRIED - len(swallowed))))
        again = [*swallowed, *more]
        is_sure = _are_rows_behind(again[:_LINES_TRIED], dialect, columns)
        back = again if is_sure else more
        self._back.extendleft(reversed(back))
        self.count -= len(back)
        self.row = [first] if is_sure else [first, *swallowed]
        return is_sure


def _are_rows_behind(lines: list[str], dialect: Dialect, columns: int) -> bool:
    """As `_are_rows`, behind the first lines whose quotes do not close either: neighbours have one fault."""
    for at in range(min(_NEIGHBOURS, len(lines))):
        if _are_rows(lines[at:], dialect, columns):
            return True
        if not _is_open(lines[at], dialect):
            return False
    return False


def _is_open(line: str, dialect: Dialect) -> bool:
    """Whether a quote opens in a line and does not close: one that only closes is the end of a row before."""
    try:
        next(dialect.cells(iter([line])), None)
    except csv.Error:
        return True
    return False


def _are_rows(lines: list[str], dialect: Dialect, columns: int) -> bool:
    read = 0
    try:
        for cells in islice(dialect.cells(iter(lines)), _ROWS_TRIED):
            if not any(cells):
                continue
            if len(cells) < columns or any(cells[columns:]) or any(cell.count('"') % 2 for cell in cells):
                return False
            read += 1
    except csv.Error:
        pass  # the next row that cannot be read, or one that goes on behind these lines
    return read > 0
