"""The rows of files of any kind, which is known by the file's extension."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from typing import IO

from fine_tuning.data_io.sources.csv_rows import csv_rows
from fine_tuning.data_io.sources.encodings import as_utf8
from fine_tuning.data_io.sources.json_rows import json_rows
from fine_tuning.data_io.sources.message_trees import with_trees
from fine_tuning.data_io.sources.padding import without_padding
from fine_tuning.data_io.sources.paths import kind_of
from fine_tuning.data_io.sources.raw_row import RawRow
from fine_tuning.data_io.sources.streams import open_uncompressed, read_position

PEEKED_BYTES = 4096  # of a text file, to tell what is in it


def read_all(files: Iterable[str], encoding: str | None = None) -> Iterator[RawRow]:
    """The rows of all files; see `read`."""
    for file in files:
        yield from read(file, encoding)


def read(file: str, encoding: str | None = None) -> Iterator[RawRow]:
    """The rows of a file; blank lines are skipped, and messages of a tree are one row.

    Args:
        encoding: of a text file; by default UTF-8, UTF-16, or another one as far as its words tell it.

    Raises:
        NotFoundError: there is no such file.
        DataError: it cannot be read, or is truncated; the message names file and line.
    """
    yield from with_trees(_rows_of(file, encoding))


def _rows_of(file: str, encoding: str | None) -> Iterator[RawRow]:
    kind = kind_of(file)
    if kind == ".parquet":
        from fine_tuning.data_io.sources.parquet_rows import parquet_rows  # loads pyarrow

        yield from parquet_rows(file)
        return
    if kind in {".arrow", ".feather"}:
        from fine_tuning.data_io.sources.arrow_rows import arrow_rows  # loads pyarrow

        yield from arrow_rows(file)
        return
    with open_uncompressed(file) as stream, read_position(file, "line") as position:
        text = as_utf8(stream, file, encoding, is_table=kind in {".csv", ".tsv", ".txt"})
        if kind in {".csv", ".tsv"}:
            rows = csv_rows(text.stream, file, "\t" if kind == ".tsv" else None)
        elif kind == ".txt":
            rows = _text_rows(text.stream, file)
        else:
            rows = without_padding(json_rows(text.stream, file, is_lines=kind in {".jsonl", ".ndjson"}))
        for row in rows:
            yield row if text.assumed is None else row._replace(assumed=_both(text.assumed, row.assumed))
            position.last = row.line


def _both(encoding: str, dialect: str | None) -> str:
    return encoding if dialect is None else f"{encoding}, {dialect}"


def _text_rows(stream: IO[bytes], file: str) -> Iterator[RawRow]:
    """The rows of a text file: JSON, or cells between tabs, as spreadsheets save "Unicode text"."""
    head = stream.peek(PEEKED_BYTES)[:PEEKED_BYTES] if isinstance(stream, io.BufferedReader) else b""
    first = head.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")[0]
    if first[:1] not in {b"{", b"["} and b"\t" in first:
        return csv_rows(stream, file, "\t")
    return json_rows(stream, file, is_lines=False)
