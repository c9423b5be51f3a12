"""The records of a plan between its passes: texts in a file, numbers in memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import ipc

from fine_tuning._util.files import translated_os_errors
from fine_tuning.datasets.near_duplicates import as_matrix, bands_of

_TEXTS = ("text", "prompt_words", "findings", "example", "starts", "ends")  # those in the file
_NUMBERS = tuple(
    "source line state last_words apart prompt response conversation growth whole unasked rating tokens".split()
)
_WIDTHS = {"starts": 3, "ends": 2}  # the 8-byte numbers of each state; see `turns.States`
_NAMES = ("reason", "stratum", "balanced")
Numbers: TypeAlias = NDArray[Any]  # a column of any type of number


class Spool:
    """All records of a plan, in the order of their files and lines. About 150 bytes of memory a row.

    Attributes:
        numbers: a column each, by the names of `Record` and of the plan; text fields as places in `names`, -1 for None.
        bands: see `near_duplicates.bands_of`.
        content: the hashes of what is trained on, as two columns.
        names: the different values of each text field.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "records.arrow"
        self._order: list[int] = []  # of the file's batches
        self.numbers: dict[str, Numbers] = {}
        self.bands: Numbers = np.empty((0, 0), np.uint32)
        self.content: Numbers = np.empty((0, 2), np.uint64)
        self.names: dict[str, list[str]] = {name: [] for name in _NAMES}

    def __len__(self) -> int:
        return len(self.content)

    def fill(self, batches: Generator[pa.RecordBatch], on_progress: Callable[[int], None] = lambda _: None) -> None:
        """Store all records.

        Their generator is closed here, also where the disk is full: left to the garbage collector it might be closed
        by a thread that reads rows for another plan, which then would wait for itself.

        Raises:
            StorageError: the disk is full.
        """
        codes = {name: _Codes(self.names[name]) for name in _NAMES}
        columns: list[dict[str, Numbers]] = []
        with closing(batches), translated_os_errors(self._path, "write"), pa.OSFile(str(self._path), "wb") as sink:
            writer = None
            for batch in batches:
                if not batch.num_rows:
                    continue
                texts = batch.select(_TEXTS)
                writer = writer or ipc.new_file(sink, texts.schema)
                writer.write_batch(texts)
                columns.append(_numbers_of(batch, codes))
                on_progress(batch.num_rows)
            if writer is not None:
                writer.close()
        if columns:
            self._put_in_order(columns)

    def _put_in_order(self, columns: list[dict[str, Numbers]]) -> None:
        """Sort the blocks, which a cluster delivers in any order; rows within a block are in order."""
        self._order = sorted(range(len(columns)), key=lambda at: (columns[at]["source"][0], columns[at]["line"][0]))
        found = {name: np.concatenate([columns[at].pop(name) for at in self._order]) for name in list(columns[0])}
        self.bands, self.content = found.pop("bands"), found.pop("content")
        self.numbers = found
        after = np.lexsort((found["line"], found["source"]))
        assert (after == np.arange(len(after))).all(), "blocks of rows overlap"  # noqa: S101 - a bug of this project

    def code(self, column: str, name: str) -> int:
        """The place of a value in `names`, where it is added if it is new."""
        known = self.names[column]
        if name not in known:
            known.append(name)
        return known.index(name)

    def texts(self, *names: str) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Columns of text block by block, each block with the position of its first row.

        Raises:
            StorageError: the file cannot be read back.
        """
        if not self._order:
            return
        with translated_os_errors(self._path, "read"), pa.OSFile(str(self._path)) as source:
            places = sorted(_TEXTS.index(name) for name in names)
            reader = ipc.open_file(source, options=ipc.IpcReadOptions(included_fields=places))
            start = 0
            for place in self._order:
                batch = reader.get_batch(place)
                yield start, batch
                start += batch.num_rows

    def hashes(self, name: str) -> Iterator[tuple[Numbers, Numbers]]:
        """Positions of rows, and the numbers of the states that they have in a column of bytes, block by block."""
        for start, batch in self.texts(name):
            row, values = numbers_of(batch.column(0).to_pylist(), name)
            if len(row):
                yield row + start, values

    def pick(self, name: str, positions: Sequence[int] | Numbers) -> dict[int, str]:
        """The values of a column of text at these positions."""
        found: dict[int, str] = {}
        for part in self.picked(name, positions):
            found.update(part)
        return found

    def picked(self, name: str, positions: Sequence[int] | Numbers) -> Iterator[dict[int, str]]:
        """As `pick`, one block at a time, in the order of the rows."""
        chosen = np.unique(np.asarray(positions, np.int64))
        for start, batch in self.texts(name):
            low, high = np.searchsorted(chosen, (start, start + batch.num_rows))
            if low < high:
                here = chosen[low:high]
                values = batch.column(0).take(pa.array(here - start)).to_pylist()
                yield dict(zip(here.tolist(), values, strict=True))


def numbers_of(column: Sequence[bytes], name: str) -> tuple[Numbers, Numbers]:
    """The place of each state in a column of bytes, and its numbers."""
    width = _WIDTHS[name]
    lengths = np.fromiter(map(len, column), np.int64, len(column)) // (8 * width)
    return np.repeat(np.arange(len(column)), lengths), np.frombuffer(b"".join(column), np.uint64).reshape(-1, width)


class _Codes:
    """Numbers for the values of a column of text."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._known: dict[str, int] = {}

    def of(self, column: pa.Array) -> Numbers:
        encoded = column.dictionary_encode()
        places = np.array([self._code(name) for name in encoded.dictionary.to_pylist()] or [-1], np.int32)
        indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.where(indices < 0, np.int32(-1), places[indices])

    def _code(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = len(self._names)
            self._names.append(name)
        return self._known[name]


def _numbers_of(batch: pa.RecordBatch, codes: dict[str, _Codes]) -> dict[str, Numbers]:
    found = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in _NUMBERS}
    found |= {name: coder.of(batch.column(name)) for name, coder in codes.items()}
    padded = b"".join(value.ljust(16, b"\0") for value in batch.column("content").to_pylist())
    found["content"] = np.frombuffer(padded, np.uint64).reshape(-1, 2)
    found["bands"] = bands_of(as_matrix(batch.column("signature")), batch.column("telling").to_numpy() ^ found["apart"])
    return found
