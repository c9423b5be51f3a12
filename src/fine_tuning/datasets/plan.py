"""The lazy plan over the rows of files: read, looked at one by one, signed. Daft runs it, here or on a Ray cluster."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache
from math import inf
from typing import Any

import pyarrow as pa

from fine_tuning import errors, sources
from fine_tuning.datasets import near_duplicates
from fine_tuning.datasets.engine import daft
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.records import Record, Recorder
from fine_tuning.errors import FineTuningError
from fine_tuning.sources import RawRow

_MARK = "<<fine-tuning>>"
BLOCK_BYTES = 4 << 20  # of rows that travel together
BLOCK_ROWS = 2000
FEW_BYTES = 8 << 20  # sooner looked at here than processes start
RAW = pa.schema([("source", pa.int32()), ("line", pa.int64()), ("raw", pa.large_binary())])
_TYPES = {
    "text": pa.large_string(), "state": pa.int8(), "reason": pa.large_string(), "findings": pa.large_string(),
    "content": pa.large_binary(), "asked": pa.large_string(), "question": pa.uint64(), "answer": pa.uint64(),
    "conversation": pa.uint64(), "rating": pa.float32(), "stratum": pa.large_string(), "balanced": pa.large_string(),
    "example": pa.large_string(), "tokens": pa.int32(),
}  # fmt: skip
RECORD = pa.struct([(name, _TYPES[name]) for name in Record._fields])


def records(files: Sequence[str], labels: Sequence[str], recipe: Recipe) -> Iterator[pa.RecordBatch]:
    """Every row of the files as a record, with the place of its file, its line and its signature.

    Args:
        labels: what the files are called where a row is named.

    Raises:
        NotFoundError, DataError: a file is missing or breaks off.
        ConfigurationError, MissingDependencyError: see `engine.daft`.
    """
    module = daft()
    frame = _files()(list(files)).read()
    look = _look(apart=_bytes(files) > FEW_BYTES)(list(labels), recipe)
    seen = frame.select("source", "line", look.look(module.col("source"), module.col("line"), module.col("raw")))
    signed = seen.with_column("signature", near_duplicates.signature(module.col("asked")))
    try:
        yield from signed.to_arrow_iter()
    except Exception as error:
        if (told := _unpacked(str(error))) is None:
            raise
        raise told from None


def _packed(error: FineTuningError) -> str:
    """An error of ours as text that survives the engine's own errors around it."""
    return f"{_MARK}{json.dumps([type(error).__name__, str(error)])}{_MARK}"


def _unpacked(text: str) -> FineTuningError | None:
    """The error of ours that the text of another one holds; None where it holds none."""
    if text.count(_MARK) < 2:
        return None
    name, message = json.loads(text.split(_MARK)[1])
    found: FineTuningError = getattr(errors, name)(message)
    return found


def _bytes(files: Sequence[str]) -> float:
    """How much the files hold, as they are; what is not on this machine counts as much."""
    try:
        return sum(inf if sources.is_remote(name) else os.stat(name).st_size for name in files)  # noqa: PTH116 - a str
    except OSError:
        return 0  # the reader says what is wrong with it


@cache
def _look(*, apart: bool) -> Any:
    """A class of Daft that looks at blocks of rows; where these are many, several do, each in a process of its own."""
    module = daft()
    record = module.DataType.from_arrow_type(RECORD)

    class Look:
        def __init__(self, labels: list[str], recipe: Recipe) -> None:
            self._labels = labels
            self._recorder = Recorder(recipe)

        @module.method.batch(return_dtype=record, unnest=True, batch_size=BLOCK_ROWS)  # type: ignore[untyped-decorator]
        def look(self, source: Any, line: Any, raw: Any) -> Any:
            columns = (column.to_arrow().to_pylist() for column in (source, line, raw))
            found = [
                self._recorder.record(RawRow(self._labels[place], number, text))
                for place, number, text in zip(*columns, strict=True)
            ]
            values = zip(*found, strict=True)
            arrays = [pa.array(column, _TYPES[name]) for name, column in zip(Record._fields, values, strict=True)]
            return pa.StructArray.from_arrays(arrays, fields=list(RECORD))

    return module.cls(Look, use_process=apart, max_concurrency=os.cpu_count() if apart else None)


@cache
def _files() -> Any:
    """The source of Daft that reads files with this project's readers, a task each."""
    module = daft()
    from daft.io.source import DataSource, DataSourceTask
    from daft.recordbatch import RecordBatch

    schema = module.Schema.from_pyarrow_schema(RAW)

    class File(DataSourceTask):  # type: ignore[misc]
        def __init__(self, place: int, name: str) -> None:
            self._place, self._name = place, name

        @property
        def schema(self) -> Any:
            return schema

        async def read(self) -> AsyncIterator[Any]:
            try:
                for block in blocks(self._place, self._name):
                    yield RecordBatch.from_arrow_table(block)
            except FineTuningError as error:
                raise RuntimeError(_packed(error)) from None  # of other kinds some would mean something to Daft

    class Files(DataSource):  # type: ignore[misc]
        def __init__(self, names: list[str]) -> None:
            self._names = names

        name = "rows of files"

        @property
        def schema(self) -> Any:
            return schema

        async def get_tasks(self, _pushdowns: Any) -> AsyncIterator[Any]:
            for place, name in enumerate(self._names):
                yield File(place, name)

    return Files


def blocks(place: int, name: str) -> Iterator[pa.Table]:
    """The rows of a file in blocks; see `sources.read`."""
    lines: list[int] = []
    texts: list[bytes | None] = []
    size = 0
    for row in sources.read(name):
        lines.append(row.line)
        texts.append(row.text)
        size += len(row.text or b"")
        if size >= BLOCK_BYTES:
            yield _table(place, lines, texts)
            lines, texts, size = [], [], 0
    if lines:
        yield _table(place, lines, texts)


def _table(place: int, lines: list[int], texts: list[bytes | None]) -> pa.Table:
    return pa.table([pa.array([place] * len(lines), pa.int32()), lines, pa.array(texts, pa.large_binary())], RAW)
