"""Rows of CSV and TSV files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import IO

from fine_tuning.data_io.sources.raw_row import MAX_ROW_BYTES, RawRow, to_json_bytes
from fine_tuning.errors import DataError

_TEXT_COLUMNS = set(
    "prompt response instruction output reference prediction chosen rejected domain task_type model model_used".split()
)
_NUMBER_COLUMNS = {"rating", "weight"}


def csv_rows(stream: IO[bytes], file: str, delimiter: str) -> Iterator[RawRow]:
    """Rows with the column names of the first line. Cells with JSON are parsed, empty cells left out.

    Raises:
        DataError: it is not UTF-8 or not CSV; the message names the line.
    """
    csv.field_size_limit(MAX_ROW_BYTES)
    lines_read = 0
    try:
        with io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            try:
                names: list[str] = next(reader, [])
                if twice := next((name for name in names if name and names.count(name) > 1), None):
                    raise DataError(f"{file}, line 1: two columns are named {twice!r}; rename one")
                end = reader.line_num
                for cells in reader:
                    line, end = end + 1, reader.line_num
                    if len(cells) > len(names):
                        raise DataError(f"{file}, line {line}: more cells than the first line has names")
                    # A column without a name is the index that pandas writes.
                    row = {name: _cell(name, cell) for name, cell in zip(names, cells, strict=False) if name and cell}
                    if cells:
                        yield RawRow(file, line, to_json_bytes(row))
            finally:
                lines_read = reader.line_num
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file}, after line {lines_read}: not UTF-8 text ({error.reason}); save the file as UTF-8"
        ) from None
    except csv.Error as error:
        raise DataError(f"{file}, line {lines_read}: not CSV ({error})") from None


def _cell(name: str, cell: str) -> object:
    """The value of a cell: columns of text stay text, ratings become numbers, other columns are parsed as JSON."""
    if name in _TEXT_COLUMNS:
        return cell
    is_digit = cell.isascii() and cell.isdecimal() and len(cell) == 1
    if cell[:1] in {"[", "{"} or (name in _NUMBER_COLUMNS and is_digit):
        try:
            value: object = json.loads(cell)
        except (ValueError, RecursionError):
            return cell
        return value
    return cell
