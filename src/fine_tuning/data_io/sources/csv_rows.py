"""Rows of CSV and TSV files."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import IO

from fine_tuning.data_io.sources.raw_row import MAX_ROW_BYTES, RawRow, cells_to_json_bytes
from fine_tuning.errors import DataError

_JSON_COLUMNS = set(
    "messages conversations conversation tools functions metadata choices request scores attributes events usage "
    "observations history images input_messages".split()
)
_NUMBER_COLUMNS = {"rating", "weight"}
_DELIMITERS = ",;\t|"
# How spreadsheets name the delimiter in a first line of its own; one that saves it again quotes and pads it.
_STATED = re.compile(r'(?i)"?sep=(.)"?[,;\t|]*\r?\n?')


def csv_rows(stream: IO[bytes], file: str, delimiter: str | None = None) -> Iterator[RawRow]:
    """Rows with the column names of the first line; empty cells are left out, JSON in columns of objects is parsed.

    Args:
        delimiter: by default what a `sep=` line says, or what the first line has most of: , ; tab or |.

    Raises:
        DataError: it is not CSV; the message names the line. A row with bytes that are not UTF-8 keeps them.
    """
    csv.field_size_limit(MAX_ROW_BYTES)
    lines_read = 0
    try:
        with io.TextIOWrapper(stream, "utf-8-sig", "surrogateescape", newline="") as text:
            first = text.readline()
            skipped = 0
            if (stated := _STATED.fullmatch(first)) is not None:
                delimiter, first, skipped = stated[1], text.readline(), 1
            reader = csv.reader(_with_first(first, text), delimiter=delimiter or _delimiter(first), strict=True)
            try:
                names: list[str] = [name.strip() for name in next(reader, [])]
                if twice := next((name for name in names if name and names.count(name) > 1), None):
                    raise DataError(f"{file}, line {1 + skipped}: two columns are named {twice!r}; rename one")
                end = reader.line_num
                for cells in reader:
                    line, end = end + 1 + skipped, reader.line_num
                    if len(cells) > len(names):
                        raise DataError(f"{file}, line {line}: more cells than the first line has names")
                    # A column without a name is the index that pandas writes.
                    row = {name: _cell(name, cell) for name, cell in zip(names, cells, strict=False) if name and cell}
                    if cells:
                        yield RawRow(file, line, cells_to_json_bytes(row))
            finally:
                lines_read = reader.line_num + skipped
    except csv.Error as error:
        raise DataError(f"{file}, line {lines_read}: not CSV ({error})") from None


def _with_first(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from rest


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
