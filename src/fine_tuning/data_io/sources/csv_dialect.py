"""How a CSV file writes quotes inside its cells, told from its first rows: twice, or after a backslash.

MySQL, Spark and Python's `csv.writer(escapechar="\\")` write `\"`. Others leave a space before the quote that begins a
cell. Read as the cells of RFC 4180, both are divided wrongly.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

SAMPLE_CHARACTERS = 1 << 20
CUT_OFF = "unexpected end of data"
"""What the csv module says of a quote that is open at the end of a file."""
_PADDED = re.compile(r'(?:^|[,;\t|]) +"', re.MULTILINE)
_BEFORE_OTHERS = re.compile(r'(?<!\\)(?:\\\\)*\\(?!["\\\r\nN0,;\t|])')
_RUN = re.compile(r'\\+(?!["\\])')


class Escapes(StrEnum):
    """What stands after a backslash that is not itself a part of the text."""

    NONE = ""
    ALL = "quotes and backslashes after a backslash"
    QUOTES = "quotes after a backslash"


@dataclass(frozen=True)
class Dialect:
    """A dialect of CSV.

    Attributes:
        is_padded: spaces before a cell are no part of it.
    """

    delimiter: str
    escapes: Escapes = Escapes.NONE
    is_padded: bool = False

    @property
    def assumed(self) -> str | None:
        """What was taken from the rows; None for RFC 4180."""
        found = [*([self.escapes.value] if self.escapes else []), *(["spaces before cells"] if self.is_padded else [])]
        return f"CSV with {' and '.join(found)}" if found else None

    def cells(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The cells of each row; reading them raises `csv.Error`."""
        return csv.reader(
            map(self._prepared, lines) if self.escapes else lines,
            delimiter=self.delimiter,
            escapechar="\\" if self.escapes else None,
            skipinitialspace=self.is_padded,
            strict=True,
        )

    def _prepared(self, line: str) -> str:
        """The line with each backslash of the text doubled, as the csv module takes any character after one."""
        if "\\" not in line:
            return line
        if self.escapes is Escapes.QUOTES:
            return _RUN.sub(lambda found: found[0] * 2, line)
        pairs = rf'\\["\\\r\n{re.escape(self.delimiter)}]|\\'
        return re.sub(pairs, lambda found: found[0] if len(found[0]) > 1 else found[0] * 2, line)


def dialect_of(sample: str, delimiter: str, *, is_whole: bool) -> Dialect:
    """The dialect of a file by its first rows: RFC 4180, unless another one divides more of them as their names do.

    Args:
        sample: from the names of the columns on.
        is_whole: the sample is the whole file; else its last row may be cut off.
    """
    plain = Dialect(delimiter)
    padded = [False, True] if _PADDED.search(sample) else [False]
    escapes = [Escapes.NONE]
    if re.search(rf'\\["\r\n{re.escape(delimiter)}]', sample) or _nulls(sample, delimiter):
        escapes.append(Escapes.QUOTES if _BEFORE_OTHERS.search(sample) else Escapes.ALL)
    if len(padded) == len(escapes) == 1:
        return plain
    candidates = [Dialect(delimiter, each, is_padded) for each in escapes for is_padded in padded]
    return min(candidates, key=lambda each: _misread(sample, each, is_whole=is_whole))


def _misread(sample: str, dialect: Dialect, *, is_whole: bool) -> tuple[bool, int]:
    """Whether the rows of a sample cannot be read to their end, and how many do not fit the names of the columns."""
    lines = io.StringIO(sample, newline="")
    wrong = 0 if dialect.escapes else _escapes_outside_of_quotes(sample, dialect.delimiter)
    count: int | None = None
    try:
        for cells in dialect.cells(lines):
            count = len(cells) if count is None else count
            is_uneven = any(cells) and (len(cells) < count or any(cells[count:]))
            wrong += is_uneven or (not dialect.is_padded and any(map(_begins_padded, cells)))
    except csv.Error as error:
        return is_whole or CUT_OFF not in str(error), wrong
    return False, wrong


def _begins_padded(cell: str) -> bool:
    return cell.startswith(" ") and cell.lstrip(" ").startswith('"')


def _nulls(sample: str, delimiter: str) -> int:
    """How many cells are null as MySQL writes it."""
    return len(re.findall(rf"(?:^|{re.escape(delimiter)})\\N(?=[\r\n{re.escape(delimiter)}]|\Z)", sample, re.MULTILINE))


def _escapes_outside_of_quotes(sample: str, delimiter: str) -> int:
    """How many quotes behind a backslash, and nulls, stand where RFC 4180 has none."""
    escaped = re.findall(rf'\\"(?!["\r\n{re.escape(delimiter)}]|\Z)', sample)
    return len(escaped) + _nulls(sample, delimiter)
