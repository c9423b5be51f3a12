"""The lazy plan over the rows of files: read, looked at one by one, signed. Daft runs it, here or on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf
from typing import Any

import pyarrow as pa

from fine_tuning.data_io import sources
from fine_tuning.data_io.sources import RawRow
from fine_tuning.datasets import daft_source, near_duplicates
from fine_tuning.datasets.daft_engine import daft
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.row_features import Record, Recorder, State
from fine_tuning.settings import get_settings

BLOCK_ROWS = 2000
FEW_BYTES = 8 << 20  # sooner looked at here than processes start
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
        ProviderError: the engine lost rows.
    """
    column = daft().col
    is_here = get_settings().ray_address is None  # a cluster's workers are processes already
    look = _look(apart=is_here and _bytes(files) > FEW_BYTES)(list(labels), recipe)
    flow = daft_source.Flow()
    looked = look.look(column("source"), column("line"), column("raw"))
    seen = daft_source.frame(files, flow).select("source", "line", looked)
    signed = seen.with_column("signature", near_duplicates.signature(column("asked")))
    arrivals = daft_source.Arrivals(labels)
    for batch in signed.to_arrow_iter():
        flow.arrive(batch.num_rows)
        yield arrivals.take(batch)
    arrivals.check()


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
            found = [self._record(*row) for row in zip(*columns, strict=True)]
            values = zip(*found, strict=True)
            arrays = [pa.array(column, _TYPES[name]) for name, column in zip(Record._fields, values, strict=True)]
            return pa.StructArray.from_arrays(arrays, fields=list(RECORD))

        def _record(self, place: int, line: int, text: bytes | None) -> Record:
            if line == daft_source.END:
                return Record((text or b"").decode(), State.LEFT_OUT)
            return self._recorder.record(RawRow(self._labels[place], line, text))

    return module.cls(Look, use_process=apart, max_concurrency=os.cpu_count() if apart else None)
