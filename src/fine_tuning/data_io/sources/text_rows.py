"""Rows of files as text."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple

from fine_tuning.data_io.sources.paths import kind_of
from fine_tuning.data_io.sources.streams import breaking_off, opened
from fine_tuning.errors import DataError

LONGEST_ROW = 16 << 20  # bytes; a longer line is no row that anybody can train on
LARGEST_ARRAY = 1 << 30  # bytes of a file that is one JSON value and so has to be read at once
_TEXTS = {"prompt", "response", "instruction", "output", "reference", "prediction", "chosen", "rejected", "domain",
          "task_type", "model", "model_used"}  # fmt: skip
_NUMBERS = {"rating", "weight"}
_SPACE = b" \t\r\n"
_DECODER = json.JSONDecoder()


class RawRow(NamedTuple):
    """A row as its file has it.

    Attributes:
        line: that it stands on, or its position in an array or table; counted from 1.
        text: JSON, in the file's own bytes; None where it is too long to be read.
    """

    file: str
    line: int
    text: bytes | None


def read_all(files: Iterable[str]) -> Iterator[RawRow]:
    """The rows of all files; see `read`."""
    for file in files:
        yield from read(file)


def read(file: str) -> Iterator[RawRow]:
    """The rows of a file, by its name and its first bytes; blank lines are none.

    Raises:
        NotFoundError: there is no such file.
        DataError: it cannot be read, or breaks off; the message names file and line.
    """
    kind = kind_of(file)
    if kind == ".parquet":
        from fine_tuning.data_io.sources.table_rows import parquet_rows

        yield from parquet_rows(file)
        return
    position = [0]
    with opened(file) as stream, breaking_off(file, "line", position):
        if kind in {".csv", ".tsv"}:
            rows = _csv(stream, file, "\t" if kind == ".tsv" else ",")
        else:
            rows = _json(stream, file, is_lines=kind in {".jsonl", ".ndjson"})
        for row in rows:
            yield row
            position[0] = row.line


def _json(stream: IO[bytes], file: str, *, is_lines: bool) -> Iterator[RawRow]:
    """Lines of JSON; or, unless that is known, the elements of one JSON value."""
    number, head = 1, stream.readline(LONGEST_ROW + 1).removeprefix(codecs.BOM_UTF8)
    while head and not head.strip(_SPACE):
        number, head = number + 1, stream.readline(LONGEST_ROW + 1)
    if is_lines or not head:
        yield from _lines(stream, file, number, head)
        return
    second = stream.readline(LONGEST_ROW + 1)
    if head.lstrip(_SPACE)[:1] != b"[" and second.strip(_SPACE) and _is_complete(head):
        yield RawRow(file, number, head.strip(_SPACE))
        yield from _lines(stream, file, number + 1, second)
        return
    text = head + second + stream.read(LARGEST_ARRAY)
    if len(text) > LARGEST_ARRAY:
        limit = f"{LARGEST_ARRAY >> 20} MiB"
        raise DataError(f"{file} is one JSON value of more than {limit}; save a row a line (.jsonl)")
    yield from _elements(text, file)


def _is_complete(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(stream: IO[bytes], file: str, number: int, line: bytes) -> Iterator[RawRow]:
    while line:
        if len(line) > LONGEST_ROW:
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_ROW)
            yield RawRow(file, number, None)
        elif text := line.strip(_SPACE):
            yield RawRow(file, number, text)
        number, line = number + 1, stream.readline(LONGEST_ROW + 1)


def _elements(content: bytes, file: str) -> Iterator[RawRow]:
    """Each element of an array (also of one under "data", as APIs answer); another value is the only row."""
    try:
        text = content.decode("utf-8")
        start = _after_space(text, 0)
        if text[start : start + 1] == "[":
            yield from _array(text, start, file)
            return
        value = json.loads(text)
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 text (byte {error.start}); save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{file}, line {error.lineno}: not JSON ({error.msg})") from None
    except ValueError:
        raise DataError(f"{file}: not usable: a number has thousands of digits") from None
    except RecursionError:
        raise DataError(f"{file}: not usable: nested too deeply") from None
    rows = value["data"] if isinstance(value, dict) and isinstance(value.get("data"), list) else [value]
    for place, row in enumerate(rows, 1):
        yield RawRow(file, place, to_json(row))


def _array(text: str, at: int, file: str) -> Iterator[RawRow]:
    at, place = _after_space(text, at + 1), 0
    while text[at : at + 1] != "]":
        _, end = _DECODER.raw_decode(text, at)
        place += 1
        yield RawRow(file, place, text[at:end].encode())
        at = _after_space(text, end)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
        elif text[at : at + 1] != "]":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    if rest := text[at + 1 :].strip():
        raise json.JSONDecodeError("Extra data", text, text.index(rest, at + 1))


def _after_space(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _csv(stream: IO[bytes], file: str, delimiter: str) -> Iterator[RawRow]:
    """Rows by the names in the first line; cells that hold JSON are taken as that, empty cells left out."""
    csv.field_size_limit(LONGEST_ROW)
    reader: Any = None
    try:
        with io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            names: list[str] = next(reader, [])
            if twice := next((name for name in names if name and names.count(name) > 1), None):
                raise DataError(f"{file}, line 1: two columns are named {twice!r}; rename one")
            ended = reader.line_num
            for cells in reader:
                line, ended = ended + 1, reader.line_num
                if len(cells) > len(names):
                    raise DataError(f"{file}, line {line}: more cells than the first line has names")
                # A column without a name is the index that pandas writes.
                facts = {name: _cell(name, cell) for name, cell in zip(names, cells, strict=False) if name and cell}
                if cells:
                    yield RawRow(file, line, to_json(facts))
    except UnicodeDecodeError as error:
        where = f"{file}, after line {reader.line_num}" if reader is not None else file
        raise DataError(f"{where}: not UTF-8 text ({error.reason}); save the file as UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{file}, line {reader.line_num}: not CSV ({error})") from None


def _cell(name: str, cell: str) -> Any:
    """What a cell says: texts as they are, whatever they look like; ratings as numbers, other columns by their JSON."""
    if name in _TEXTS:
        return cell
    if cell[:1] in {"[", "{"} or (name in _NUMBERS and cell.isascii() and cell.isdecimal() and len(cell) == 1):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell


def to_json(value: Any) -> bytes:
    """A value's JSON; what JSON has no word for must have been made text before."""
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")
