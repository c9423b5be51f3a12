"""The lazy plan over the rows of files: read, checked one by one, signed. Daft runs it, here or on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from functools import cache
from math import inf
from pathlib import Path

import pyarrow as pa

from fine_tuning.data_io import sources
from fine_tuning.data_io.sources import RawRow
from fine_tuning.datasets import daft_file_source, near_duplicates
from fine_tuning.datasets.daft_engine import DaftModule, daft, interruptible
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.row_features import Record, Recorder, State
from fine_tuning.datasets.row_sources import RowSources
from fine_tuning.settings import Settings

BLOCK_ROWS = 2000
MIN_BYTES_FOR_PROCESSES = 8 << 20  # of files; fewer are read sooner than processes start
_TYPES = {
    "text": pa.large_string(),
    "state": pa.int8(),
    "reason": pa.large_string(),
    "findings": pa.large_string(),
    "content": pa.large_binary(),
    "prompt_words": pa.large_string(),
    "last_words": pa.int32(),
    "telling": pa.uint64(),
    "apart": pa.uint64(),
    "prompt": pa.uint64(),
    "response": pa.uint64(),
    "conversation": pa.uint64(),
    "growth": pa.int8(),
    "whole": pa.uint64(),
    "unasked": pa.uint64(),
    "starts": pa.large_binary(),
    "ends": pa.large_binary(),
    "rating": pa.float32(),
    "stratum": pa.large_string(),
    "balanced": pa.large_string(),
    "example": pa.large_string(),
    "tokens": pa.int32(),
}
RECORD = pa.struct([(name, _TYPES[name]) for name in Record._fields])


def records(rows: RowSources, recipe: Recipe, settings: Settings) -> Generator[pa.RecordBatch]:
    """Every row of the files as a record, with the place of its file, its line and its signature.

    Args:
        settings: its `ray_address` is where the plan runs.

    Raises:
        NotFoundError, DataError: a file is missing or breaks off.
        ConfigurationError, MissingDependencyError: see `daft_engine.daft`.
        ProviderError: the engine lost rows.
    """
    files, labels = rows.files, list(rows.labels)
    column = daft(settings.ray_address).col
    is_here = settings.ray_address is None  # a cluster's workers are processes already
    checker = _row_checker(apart=is_here and _bytes(files) > MIN_BYTES_FOR_PROCESSES)
    check = checker(labels, recipe, settings.folder("models"))
    flow = daft_file_source.Flow()
    checked = check.check(*(column(name) for name in daft_file_source.RAW.names))
    seen = daft_file_source.frame(files, flow).select("source", "line", checked)
    signed = seen.with_column("signature", near_duplicates.signature(column("prompt_words")))
    arrivals = daft_file_source.Arrivals(labels)
    with interruptible(), closing(signed.to_arrow_iter()) as batches:
        for batch in batches:
            flow.arrive(batch.num_rows)
            yield arrivals.take(batch)
    arrivals.check()


def _bytes(files: Sequence[str]) -> float:
    """The size of the files; infinite where one is not on this machine."""
    try:
        return sum(inf if sources.is_remote(name) else os.stat(name).st_size for name in files)  # noqa: PTH116 - a str
    except OSError:
        return 0  # the reader reports what is wrong with it


@cache
def _row_checker(*, apart: bool) -> DaftModule:
    """A class of Daft that checks blocks of rows, if `apart` in several processes."""
    module = daft()
    record = module.DataType.from_arrow_type(RECORD)

    class RowChecker:
        def __init__(self, labels: list[str], recipe: Recipe, models_folder: Path) -> None:
            self._labels = labels
            self._recorder = Recorder(recipe, models_folder)

        @module.method.batch(return_dtype=record, unnest=True, batch_size=BLOCK_ROWS)  # type: ignore[untyped-decorator]
        def check(self, source: DaftModule, line: DaftModule, raw: DaftModule, assumed: DaftModule) -> pa.StructArray:
            columns = (column.to_arrow().to_pylist() for column in (source, line, raw, assumed))
            values = zip(*self._records(list(zip(*columns, strict=True))), strict=True)
            arrays = [pa.array(column, _TYPES[name]) for name, column in zip(Record._fields, values, strict=True)]
            return pa.StructArray.from_arrays(arrays, fields=list(RECORD))

        def _records(self, rows: list[tuple[int, int, bytes | None, str | None]]) -> list[Record]:
            """The records of rows, and of the ends of files among them, in their order."""
            is_end = [line == daft_file_source.END for _, line, _, _ in rows]
            raw = [
                RawRow(self._labels[place], line, text, assumed)
                for (place, line, text, assumed), ends in zip(rows, is_end, strict=True)
                if not ends
            ]
            found = iter(self._recorder.records(raw))
            return [
                Record((text or b"").decode(), State.LEFT_OUT) if ends else next(found)
                for (_, _, text, _), ends in zip(rows, is_end, strict=True)
            ]

    return module.cls(RowChecker, use_process=apart, max_concurrency=os.cpu_count() if apart else None)
