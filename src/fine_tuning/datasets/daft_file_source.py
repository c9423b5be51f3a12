"""Files as a source of Daft, read with this project's readers, one task per file.

Each file ends with a row that holds its number of rows, or the error that ended it: engines on many machines may lose
an error or a row, which is then noticed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import cache
from typing import TypedDict

import numpy as np
import pyarrow as pa

from fine_tuning import errors
from fine_tuning.data_io import sources
from fine_tuning.datasets.daft_engine import DaftFrame, DaftModule, daft
from fine_tuning.datasets.row_division import divided
from fine_tuning.errors import FineTuningError, ProviderError

BLOCK_BYTES = 4 << 20  # of rows that travel together
AHEAD_ROWS = 30_000  # that are read before they are processed; more of them only take memory
PAUSE_SECONDS, PATIENCE = 0.02, 100
END = -1  # the line of the row that ends a file
RAW = pa.schema(
    [("source", pa.int32()), ("line", pa.int64()), ("raw", pa.large_binary()), ("assumed", pa.large_string())]
)


class FileEnd(TypedDict, total=False):
    """How a file ended: the number of its rows, or the name and message of an error."""

    rows: int
    error: tuple[str, str]


def frame(files: Sequence[str], flow: Flow) -> DaftFrame:
    """A lazy frame of Daft with the columns of `RAW`."""
    return _source()(list(files), flow).read()


class Flow:
    """Backpressure: keeps readers from running ahead of the plan, since the engine keeps waiting rows in memory.

    It works within one process; a copy on another machine does not block its readers.
    """

    def __init__(self, most: int | None = AHEAD_ROWS) -> None:
        self._most = most
        self._read = self._arrived = 0

    async def let_pass(self, rows: int) -> None:
        """Wait, up to a timeout, until this many rows may be read."""
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
    """The rows of a file in blocks, one for each call, and the row that ends it; see `sources.read`."""
    lines: list[int] = []
    texts: list[bytes | None] = []
    assumed: str | None = None  # of a file as a whole
    count = size = 0
    end: FileEnd
    try:
        for row in divided(sources.read(name)):
            lines.append(row.line)
            texts.append(row.text)
            assumed = row.assumed
            size += len(row.text or b"")
            if size >= BLOCK_BYTES:
                yield _table(place, lines, texts, assumed)
                count, lines, texts, size = count + len(lines), [], [], 0
        end = {"rows": count + len(lines)}
    except FineTuningError as error:
        end = {"error": (type(error).__name__, str(error))}
    yield _table(place, [*lines, END], [*texts, json.dumps(end).encode()], assumed)


def _table(place: int, lines: list[int], texts: list[bytes | None], assumed: str | None) -> pa.Table:
    columns = [pa.array([place] * len(lines), pa.int32()), pa.array(lines, pa.int64())]
    columns += [pa.array(texts, pa.large_binary()), pa.array([assumed] * len(lines), pa.large_string())]
    return pa.table(columns, RAW)


class Arrivals:
    """Checks that every row of every file arrives.

    Args:
        labels: names of the files in messages.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._seen = np.zeros(len(labels), np.int64)
        self._expected: dict[int, int] = {}

    def take(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch without the rows that end files, which have their message in the column `text`.

        Raises:
            NotFoundError, DataError: a file is missing or broke off.
        """
        lines = batch.column("line").to_numpy(zero_copy_only=False)
        places = batch.column("source").to_numpy(zero_copy_only=False)
        for at in np.flatnonzero(lines == END).tolist():
            end: FileEnd = json.loads(batch.column("text")[at].as_py())
            if "error" in end:
                kind, message = end["error"]
                raise getattr(errors, kind)(message)
            self._expected[int(places[at])] = end["rows"]
        self._seen += np.bincount(places[lines != END], minlength=len(self._seen))
        return batch.filter(pa.array(lines != END))

    def check(self) -> None:
        """Call after the last batch.

        Raises:
            ProviderError: the engine lost rows.
        """
        for place, label in enumerate(self._labels):
            if self._expected.get(place) != self._seen[place]:
                raise ProviderError(f"the engine lost rows of {label}; run again")


@cache
def _source() -> DaftModule:
    module = daft()
    from daft.io.source import DataSource, DataSourceTask
    from daft.recordbatch import RecordBatch

    schema = module.Schema.from_pyarrow_schema(RAW)

    class File(DataSourceTask):  # type: ignore[misc]
        def __init__(self, place: int, name: str, flow: Flow) -> None:
            self._place, self._name, self._flow = place, name, flow

        @property
        def schema(self) -> DaftModule:
            return schema

        async def read(self) -> AsyncIterator[DaftModule]:
            for block in blocks(self._place, self._name):
                await self._flow.let_pass(block.num_rows)
                yield RecordBatch.from_arrow_table(block)

    class Files(DataSource):  # type: ignore[misc]
        def __init__(self, names: list[str], flow: Flow) -> None:
            self._names, self._flow = names, flow

        name = "rows of files"

        @property
        def schema(self) -> DaftModule:
            return schema

        async def get_tasks(self, _pushdowns: object) -> AsyncIterator[DaftModule]:
            for place, name in enumerate(self._names):
                yield File(place, name, self._flow)

    return Files
