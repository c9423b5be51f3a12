"""Files as a source of Daft, read with this project's readers, a task each.

Each file ends with a row that says how many rows it had, or why it broke off. An engine on many machines may drop an
error, and has been seen to; so what went wrong travels as data, and what does not arrive is missed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from fine_tuning import errors
from fine_tuning.data_io import sources
from fine_tuning.datasets.daft_engine import daft
from fine_tuning.errors import FineTuningError, ProviderError

BLOCK_BYTES = 4 << 20  # of rows that travel together
AHEAD_ROWS = 200_000  # that are read and not yet looked at
PAUSE_SECONDS, PATIENCE = 0.02, 100
END = -1  # the line of the row that ends a file
RAW = pa.schema([("source", pa.int32()), ("line", pa.int64()), ("raw", pa.large_binary())])


def frame(files: Sequence[str], flow: Flow) -> Any:
    """A lazy frame of Daft with the columns of `RAW`."""
    return _source()(list(files), flow).read()


class Flow:
    """Keeps readers from running ahead of what is done with the rows: an engine keeps in memory what waits.

    It works within one process; a copy on another machine does not hold anybody up.
    """

    def __init__(self, most: int | None = AHEAD_ROWS) -> None:
        self._most = most
        self._read = self._arrived = 0

    async def let_pass(self, rows: int) -> None:
        """Wait, for a while at most, until there is room for so many rows."""
        for _ in range(PATIENCE):
            if self._most is None or self._read - self._arrived < self._most:
                break
            await asyncio.sleep(PAUSE_SECONDS)
        self._read += rows

    def arrive(self, rows: int) -> None:
        """Rows have passed through the whole plan."""
        self._arrived += rows

    def __reduce__(self) -> tuple[type[Flow], tuple[None]]:
        return Flow, (None,)


def blocks(place: int, name: str) -> Iterator[pa.Table]:
    """The rows of a file in blocks, and the row that ends it; see `sources.read`."""
    lines: list[int] = []
    texts: list[bytes | None] = []
    count = size = 0
    end: dict[str, Any]
    try:
        for row in sources.read(name):
            lines.append(row.line)
            texts.append(row.text)
            size += len(row.text or b"")
            if size >= BLOCK_BYTES:
                yield _table(place, lines, texts)
                count, lines, texts, size = count + len(lines), [], [], 0
        end = {"rows": count + len(lines)}
    except FineTuningError as error:
        end = {"error": [type(error).__name__, str(error)]}
    yield _table(place, [*lines, END], [*texts, json.dumps(end).encode()])


def _table(place: int, lines: list[int], texts: list[bytes | None]) -> pa.Table:
    return pa.table([pa.array([place] * len(lines), pa.int32()), lines, pa.array(texts, pa.large_binary())], RAW)


class Arrivals:
    """Sees to it that every row of every file arrives.

    Args:
        labels: what the files are called.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._seen = np.zeros(len(labels), np.int64)
        self._told: dict[int, int] = {}

    def take(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch without the rows that end files, which have their message in the column `text`.

        Raises:
            NotFoundError, DataError: a file is missing or broke off.
        """
        lines = batch.column("line").to_numpy(zero_copy_only=False)
        places = batch.column("source").to_numpy(zero_copy_only=False)
        for at in np.flatnonzero(lines == END).tolist():
            end = json.loads(batch.column("text")[at].as_py())
            if "error" in end:
                kind, message = end["error"]
                raise getattr(errors, kind)(message)
            self._told[int(places[at])] = end["rows"]
        self._seen += np.bincount(places[lines != END], minlength=len(self._seen))
        return batch.filter(pa.array(lines != END))

    def check(self) -> None:
        """Call after the last batch.

        Raises:
            ProviderError: the engine lost rows.
        """
        for place, label in enumerate(self._labels):
            if self._told.get(place) != self._seen[place]:
                raise ProviderError(f"the engine lost rows of {label}; run again")


@cache
def _source() -> Any:
    module = daft()
    from daft.io.source import DataSource, DataSourceTask
    from daft.recordbatch import RecordBatch

    schema = module.Schema.from_pyarrow_schema(RAW)

    class File(DataSourceTask):  # type: ignore[misc]
        def __init__(self, place: int, name: str, flow: Flow) -> None:
            self._place, self._name, self._flow = place, name, flow

        @property
        def schema(self) -> Any:
            return schema

        async def read(self) -> AsyncIterator[Any]:
            for block in blocks(self._place, self._name):
                await self._flow.let_pass(block.num_rows)
                yield RecordBatch.from_arrow_table(block)

    class Files(DataSource):  # type: ignore[misc]
        def __init__(self, names: list[str], flow: Flow) -> None:
            self._names, self._flow = names, flow

        name = "rows of files"

        @property
        def schema(self) -> Any:
            return schema

        async def get_tasks(self, _pushdowns: Any) -> AsyncIterator[Any]:
            for place, name in enumerate(self._names):
                yield File(place, name, self._flow)

    return Files
