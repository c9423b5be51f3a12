"""The file of one split, written block by block, with the hash over its rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pyarrow import parquet

from fine_tuning.data_io.content_hash import ContentHash
from fine_tuning.datasets.training_formats import ROWS
from fine_tuning.store.records.rows import JsonColumn

_FUNCTION = pa.struct([("name", pa.string()), ("arguments", pa.string())])
_CALL = pa.struct([("id", pa.string()), ("type", pa.string()), ("function", _FUNCTION)])
_MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("name", pa.string()),
        ("tool_calls", pa.list_(_CALL)),
        ("tool_call_id", pa.string()),
        ("refusal", pa.string()),
        ("weight", pa.int64()),
    ]
)
CHAT = pa.schema([("messages", pa.list_(_MESSAGE)), ("tools", pa.string()), ("parallel_tool_calls", pa.bool_())])
"""Chat rows as a table; tools, of which each has another schema, are JSON text, as trainers read them."""


class SplitWriter(Protocol):
    """A file being written.

    Attributes:
        rows: so far.
        digest: over the rows' canonical JSON, whatever the file's format is.
    """

    rows: int
    digest: ContentHash

    def add(self, lines: Sequence[str]) -> None:
        """Write rows, each as canonical JSON."""

    def end(self) -> None:
        """Write what ends the file, and close it."""


def open_split(path: Path, format: str) -> SplitWriter:
    """A new file of a split; see `extension_of`."""
    return _Table(path) if format == "parquet" else _Lines(path, is_array=path.suffix == ".json")


def extension_of(format: str) -> str:
    """The extension of a split's file."""
    if format == "parquet":
        return ".parquet"
    return ROWS[format][1] if format in ROWS else ".jsonl"


class _Lines:
    """Rows of canonical JSON, a line each; or the elements of an array."""

    def __init__(self, path: Path, *, is_array: bool) -> None:
        self._stream = path.open("wb")
        self._is_array = is_array
        self.rows = 0
        self.digest = ContentHash()

    def add(self, lines: Sequence[str]) -> None:
        if not lines:
            return
        block = "\n".join(lines).encode()
        self.digest.add_lines(block + b"\n")
        if self._is_array:
            self._stream.write((b",\n" if self.rows else b"[\n") + block.replace(b"\n", b",\n"))
        else:
            self._stream.write(block + b"\n")
        self.rows += len(lines)

    def end(self) -> None:
        if self._is_array:
            self._stream.write(b"\n]\n" if self.rows else b"[]\n")
        self._stream.close()


class _Table:
    """Chat rows in Parquet."""

    def __init__(self, path: Path) -> None:
        self._writer = parquet.ParquetWriter(path, CHAT, compression="zstd")
        self.rows = 0
        self.digest = ContentHash()

    def add(self, lines: Sequence[str]) -> None:
        if not lines:
            return
        self.digest.add_lines("".join(f"{line}\n" for line in lines).encode())
        self._writer.write_table(pa.Table.from_pylist([_as_columns(line) for line in lines], CHAT))
        self.rows += len(lines)

    def end(self) -> None:
        self._writer.close()


def _as_columns(line: str) -> JsonColumn:
    row: JsonColumn = json.loads(line)
    return row | {"tools": json.dumps(row["tools"], ensure_ascii=False)} if "tools" in row else row


def card(splits: Sequence[tuple[str, str]]) -> str:
    """The README by which Hugging Face's `load_dataset` finds the splits; pairs of name and file."""
    listed = "\n".join(f"      - split: {name}\n        path: {file}" for name, file in splits)
    return f"---\nconfigs:\n  - config_name: default\n    data_files:\n{listed}\n---\n"
