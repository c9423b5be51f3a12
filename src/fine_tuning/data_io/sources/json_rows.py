"""Rows of JSONL files, and of files that are one JSON array or object."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO

from fine_tuning.data_io.json_values import Row, is_list, is_object, object_or_empty
from fine_tuning.data_io.sources.raw_row import MAX_ROW_BYTES, RawRow, to_json_bytes
from fine_tuning.errors import DataError

MAX_JSON_BYTES = 1 << 30  # of a file that is one JSON value, which is held in memory
_SPACE = b" \t\r\n\x00\x1a\x1e"  # also what pads files, ends them in DOS, and begins records of RFC 7464
_DECODER = json.JSONDecoder()


def json_rows(stream: IO[bytes], file: str, *, is_lines: bool) -> Iterator[RawRow]:
    """The lines of a JSONL file, or the elements of a JSON array.

    Args:
        is_lines: the file is JSONL; otherwise its first two lines decide.

    Raises:
        DataError: a file that is one JSON value is malformed or too large.
    """
    number, head = 1, stream.readline(MAX_ROW_BYTES + 1).removeprefix(codecs.BOM_UTF8)
    while head and not head.strip(_SPACE):
        number, head = number + 1, stream.readline(MAX_ROW_BYTES + 1)
    if is_lines or not head:
        yield from _lines(stream, file, number, head)
        return
    second = stream.readline(MAX_ROW_BYTES + 1)
    if head.lstrip(_SPACE)[:1] != b"[" and second.strip(_SPACE) and _is_complete(head):
        yield RawRow(file, number, head.strip(_SPACE))
        yield from _lines(stream, file, number + 1, second)
        return
    text = head + second + stream.read(MAX_JSON_BYTES)
    if len(text) > MAX_JSON_BYTES:
        limit = f"{MAX_JSON_BYTES >> 20} MiB"
        raise DataError(f"{file} is one JSON value of more than {limit}; save one row per line (.jsonl)")
    yield from _elements(text, file)


def _is_complete(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(stream: IO[bytes], file: str, number: int, line: bytes) -> Iterator[RawRow]:
    while line:
        if len(line) > MAX_ROW_BYTES:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_ROW_BYTES)
            yield RawRow(file, number, None)
        elif text := line.removeprefix(codecs.BOM_UTF8).strip(_SPACE):  # of files that were joined
            yield RawRow(file, number, text)
        number, line = number + 1, stream.readline(MAX_ROW_BYTES + 1)


def _elements(content: bytes, file: str) -> Iterator[RawRow]:
    """Each element of an array (also of one under "data", as APIs respond); other values are a row each."""
    try:
        text = content.decode("utf-8").rstrip("\x00\x1a")
        start = _after_space(text, 0)
        if text[start : start + 1] == "[":
            yield from _array(text, start, file)
            return
        value, end = _DECODER.raw_decode(text, start)
        if _after_space(text, end) < len(text):
            yield from _values(text, start, file)
            return
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}, line {line}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{file}, line {error.lineno}: not JSON ({error.msg})") from None
    except ValueError:
        raise DataError(f"{file}: not usable: a number has thousands of digits") from None
    except RecursionError:
        raise DataError(f"{file}: not usable: nested too deeply") from None
    for position, row in enumerate(_rows_of(value), 1):
        yield RawRow(file, position, to_json_bytes(row))


def _rows_of(value: object) -> list[object]:
    """The rows of a JSON value: of a response of an API, of a table as pandas writes it in any of its orients."""
    table = object_or_empty(value)
    data, columns = table.get("data"), table.get("columns")
    if is_list(data):
        is_split = is_list(columns) and all(is_list(each) and len(each) == len(columns) for each in data)
        return [dict(zip(columns, each, strict=True)) for each in data] if is_split else data  # type: ignore[call-overload]
    if is_by_column(table):
        places = object_or_empty(next(iter(table.values())))
        return [{key: object_or_empty(cells)[at] for key, cells in table.items()} for at in places]
    is_by_row = all(key.isdecimal() and is_object(each) for key, each in table.items())
    return [*table.values()] if table and is_by_row else [value]


def is_by_column(table: Row) -> bool:
    """Whether a row is a whole table, each of whose columns has its cells by the number of their row."""
    first = next(iter(table.values()), None)
    if not is_object(first) or not first or not all(key.isdecimal() for key in first):
        return False
    return all(is_object(each) and each.keys() == first.keys() for each in table.values())


def _values(text: str, at: int, file: str) -> Iterator[RawRow]:
    """Values one after the other, each over many lines, as OpenTelemetry's console exporter and jq write them."""
    line = 1
    start = 0
    while at < len(text):
        _, end = _DECODER.raw_decode(text, at)
        line += text.count("\n", start, at)
        yield RawRow(file, line, text[at:end].encode())
        start, at = at, _after_space(text, end)


def _array(text: str, at: int, file: str) -> Iterator[RawRow]:
    at, position = _after_space(text, at + 1), 0
    while text[at : at + 1] != "]":
        _, end = _DECODER.raw_decode(text, at)
        position += 1
        yield RawRow(file, position, text[at:end].encode())
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
