"""Rows of CSV and TSV files."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO

from fine_tuning.data_io.sources.csv_dialect import CUT_OFF, SAMPLE_CHARACTERS, Dialect, dialect_of
from fine_tuning.data_io.sources.csv_lines import Lines
from fine_tuning.data_io.sources.raw_row import (
    CELLS,
    MAX_ROW_BYTES,
    WRONG_CELLS,
    RawRow,
    cells_to_json_bytes,
    check_names,
)
from fine_tuning.errors import DataError

_JSON_COLUMNS = set(
    "messages conversations conversation tools functions metadata choices request scores attributes events usage "
    "observations history images input_messages".split()
)
_NUMBER_COLUMNS = {"rating", "weight"}
_END_IN_DOS = "\x1a"
_NULLS = ("", r"\N")  # the second is MySQL's
_STRAY = "expected after"  # in the csv module's message
_NOT_TWICE = "a quote in a cell that is not written twice"
_NOT_CLOSED = "a quote that opens in this row is not closed; the rows behind it are read"
_ESCAPED = re.compile(r"\\.")
_DELIMITERS = ",;\t|"
# How spreadsheets name the delimiter in a first line of its own; one that saves it again quotes and pads it.
_STATED = re.compile(r'(?i)"?sep=(.)"?[,;\t|]*\r?\n?')


def csv_rows(stream: IO[bytes], file: str, delimiter: str | None = None) -> Iterator[RawRow]:
    """Rows with the column names of the first line; empty cells are left out, JSON in columns of objects is parsed.

    A row with more cells than columns, or with fewer, says so under `WRONG_CELLS`: it may be a part of another one. So
    does a line with a stray quote, or with one that is not closed, after which the next line is a row again.
    Rows say which dialect was assumed; see `csv_dialect`.

    Args:
        delimiter: by default what a `sep=` line says, or what the first line has most of: , ; tab or |.

    Raises:
        DataError: it is not CSV; the message names the line. A row with bytes that are not UTF-8 keeps them.
    """
    csv.field_size_limit(MAX_ROW_BYTES)
    lines_read = start = 0
    try:
        with io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="") as text:
            first, skipped = text.readline(), 0
            while first and not first.strip():
                first, skipped = text.readline(), skipped + 1
            if (stated := _STATED.fullmatch(first)) is not None:
                delimiter, first, skipped = stated[1], text.readline(), skipped + 1
            begun = _Beginning(first, text)
            dialect = dialect_of("".join(begun.lines), delimiter or _delimiter(first), is_whole=begun.is_whole)
            lines = Lines(begun.and_the_rest())
            try:
                reader = _Reader(lines, dialect)
                names = _names(reader.names, f"{file}, line {1 + skipped}")
                start = lines.count + 1 + skipped
                while (cells := reader.next_cells()) is not None:
                    line, start = start, lines.count + 1 + skipped
                    if any(cells) and cells != [_END_IN_DOS]:
                        found = _unread(*reader.unread) if cells is reader.unread[0] else _row(names, cells)
                        yield RawRow(file, line, cells_to_json_bytes(found), dialect.assumed)
            finally:
                lines_read = lines.count + skipped
    except csv.Error as error:
        if CUT_OFF in str(error):
            raise DataError(
                f"{file}, line {lines_read}: not CSV (a quote is never closed), in the row that begins on line {start}"
                "; close it, or write each quote in a cell twice"
            ) from None
        row = f", in the row that begins on line {start}" if start < lines_read else ""
        raise DataError(
            f"{file}, line {lines_read}: not CSV ({error}){row}; a quote in a cell is written twice, or in the whole "
            "file after a backslash"
        ) from None


class _Beginning:
    """The first lines of a file; where reading them failed, the failure comes behind those before it."""

    def __init__(self, first: str, text: IO[str]) -> None:
        self.lines, self._text = [first], text
        self._failure: Iterator[str] = iter(())
        count = len(first)
        try:
            while count < SAMPLE_CHARACTERS and self.lines[-1]:
                self.lines.append(text.readline())
                count += len(self.lines[-1])
        except Exception as error:  # noqa: BLE001 - raised behind what was read
            self._failure = _raising(error)
        self.is_whole = not self.lines[-1]

    def and_the_rest(self) -> Iterator[str]:
        """All lines of the file."""
        return chain(filter(None, self.lines), self._failure, self._text)


class _Reader:
    """Reads the rows of a file behind its names.

    Attributes:
        unread: the line of the last row that could not be read, as its only cell, and why.
    """

    def __init__(self, lines: Lines, dialect: Dialect) -> None:
        self._lines, self._dialect = lines, dialect
        self._cells = dialect.cells(lines)
        self.names = next(self._cells, [])
        self.unread: tuple[list[str], str] = [], ""

    def next_cells(self) -> list[str] | None:
        """The cells of the next row; None after the last one.

        A line with a stray quote, whose others close, is one cell; so is one with a quote that is not closed, where
        the lines behind it are rows.

        Raises:
            csv.Error: the row cannot be read, and where it ends is unknown.
        """
        self._lines.begin_row()
        try:
            cells = next(self._cells, None)
        except csv.Error as error:
            if self._is_stray(error):
                return self._left(_NOT_TWICE)
            if self._restarts():
                return self._left(_NOT_CLOSED)
            raise
        is_uneven = cells is not None and (len(cells) < len(self.names) or any(cells[len(self.names) :]))
        if is_uneven and len(self._lines.row) > 1 and self._restarts():
            return self._left(_NOT_CLOSED)
        return cells

    def _is_stray(self, error: csv.Error) -> bool:
        last = self._lines.row[-1] if self._lines.row else ""
        plain = _ESCAPED.sub("", last) if self._dialect.escapes else last
        is_open = len(self._lines.row) != 1 or plain.count('"') % 2 or '\\"' in plain
        return _STRAY in str(error) and not is_open

    def _restarts(self) -> bool:
        return bool(self._lines.row) and self._lines.restart_behind_first(self._dialect, len(self.names))

    def _left(self, why: str) -> list[str]:
        self.unread = self._lines.row[:1], why
        return self.unread[0]


def _unread(cells: list[str], why: str) -> dict[str, object]:
    return {WRONG_CELLS: why, CELLS: cells}


def _raising(error: Exception) -> Iterator[str]:
    raise error
    yield ""


def _names(cells: list[str], where: str) -> list[str]:
    """The names of the columns; empty for the index that pandas writes.

    Raises:
        DataError: two columns have one name.
    """
    names = [name.strip() or (f"column {place}" if place > 1 else "") for place, name in enumerate(cells, 1)]
    check_names(names, where)
    return names


def _row(names: list[str], cells: list[str]) -> dict[str, object]:
    if len(cells) < len(names) or any(cells[len(names) :]):
        counted = f"{len(cells)} cell{'s' if len(cells) > 1 else ''}"
        problem = f"{counted}, where the first line names {len(names)} columns"
        return {WRONG_CELLS: problem, CELLS: cells}
    row = {name: _cell(name, cell) for name, cell in zip(names, cells, strict=False) if name and cell not in _NULLS}
    if not names[0] and cells[0] and not cells[0].isdecimal():
        row["column 1"] = cells[0]
    return row


def _delimiter(names: str) -> str:
    """The character that separates most names; names in quotes may have others."""
    plain = re.sub(r'"[^"]*"', "", names)
    return max(_DELIMITERS, key=plain.count)


def _cell(name: str, cell: str) -> object:
    """The value of a cell: text, but for ratings and the JSON in columns that hold lists or objects."""
    is_digit = cell.isascii() and cell.isdecimal() and len(cell) == 1
    if (name in _JSON_COLUMNS and cell[:1] in {"[", "{"}) or (name in _NUMBER_COLUMNS and is_digit):
        try:
            value: object = json.loads(cell)
        except (ValueError, RecursionError):
            return cell
        return value
    return cell
