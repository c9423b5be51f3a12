"""Rows of tables in memory: pandas, Polars, Arrow, DuckDB, Daft and Hugging Face."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from fine_tuning.data_io.key_meanings import Meaning, meaning_of, plain
from fine_tuning.data_io.sources.padding import Floats, Path, with_integers
from fine_tuning.data_io.sources.raw_row import RawRow, check_names, to_json_bytes
from fine_tuning.data_io.sources.required_nulls import with_required_nulls
from fine_tuning.errors import UsageError

if TYPE_CHECKING:
    from pyarrow import DataType, Schema

BATCH_ROWS = 1000  # rows converted to Python values at once


_BINARY = {Meaning.IMAGES, Meaning.FILES, Meaning.MEDIA}
_TEXTS = frozenset(
    (
        "text content value role from response completion reference answer output chosen rejected chosenresponse "
        "rejectedresponse responsechosen responserejected expectedoutput q a"
    ).split()
)


class RecordBatch(Protocol):
    """What is used of Arrow's record batches."""

    @property
    def num_rows(self) -> int:
        """Number of rows."""

    @property
    def schema(self) -> Schema:
        """The types of the columns, and what was noted of them."""

    def slice(self, offset: int, length: int) -> RecordBatch:
        """A part of the batch."""

    def to_pylist(self, *, maps_as_pydicts: str | None = None) -> list[dict[str, object]]:
        """The rows as dicts."""


def table_rows(table: object, name: str | None = None) -> Iterator[RawRow]:
    """The rows of a table in memory: any that supports Arrow's C stream, Daft's, or Hugging Face's datasets.

    Args:
        name: stands for the file in messages.

    Raises:
        UsageError: it is not a table.
        DataError: two columns have one name.
    """
    import pyarrow as pa

    label = name or f"<{type(table).__module__.partition('.')[0]} table>"
    if hasattr(table, "iloc") and hasattr(table, "columns"):  # pandas'
        check_names([str(each) for each in table.columns], label)
    if hasattr(table, "with_format") and hasattr(table, "features"):  # Hugging Face's, mapped or streamed
        blocks = table.with_format("arrow").iter(BATCH_ROWS)
        yield from rows_of_batches((batch for block in blocks for batch in block.to_batches()), label)
    elif hasattr(table, "to_arrow_iter"):  # Daft's
        yield from rows_of_batches(table.to_arrow_iter(), label)
    elif hasattr(table, "__arrow_c_stream__"):
        try:
            batches = pa.RecordBatchReader.from_stream(table)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            if not hasattr(table, "to_dict"):
                raise
            yield from _rows_of_pandas(table.to_dict("records"), label)  # its columns may have mixed types
            return
        yield from rows_of_batches(batches, label)
    else:
        raise UsageError(
            f"{type(table).__name__} is not a table; pass a pandas, Polars, Arrow, Daft or Hugging Face one"
        )


def _rows_of_pandas(records: Iterable[Mapping[object, object]], file: str) -> Iterator[RawRow]:
    rows = [_as_json({str(key): value for key, value in record.items()}) for record in records]
    places = _integers(rows, of_pandas=True)
    for position, row in enumerate(rows, 1):
        yield RawRow(file, position, to_json_bytes(with_integers(row, places)))


def _is_missing(value: object) -> bool:
    """Whether this is one of pandas' missing values."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return type(value).__module__.startswith("pandas") and str(value) in {"<NA>", "NaT"}


def rows_of_batches(batches: Iterable[RecordBatch], file: str) -> Iterator[RawRow]:
    """The rows of Arrow's record batches.

    Raises:
        DataError: two columns have one name.
    """
    position = 0
    for batch in batches:
        check_names(batch.schema.names, file)
        has_floats = any(_has_floats(each.type) for each in batch.schema)
        of_pandas = b"pandas" in (batch.schema.metadata or {})
        for start in range(0, batch.num_rows, BATCH_ROWS):
            rows = batch.slice(start, BATCH_ROWS).to_pylist(maps_as_pydicts="lossy")
            places = _integers(rows, of_pandas=of_pandas) if has_floats else frozenset()
            for row in rows:
                position += 1
                yield RawRow(file, position, to_json_bytes(_row_of(row, places)))


def _has_floats(kind: DataType) -> bool:
    """Whether a type has floats, at any depth."""
    return "float" in (name := str(kind)) or "double" in name


def _integers(rows: Sequence[object], *, of_pandas: bool) -> frozenset[Path]:
    floats = Floats()
    for row in rows:
        floats.see(row, ())
    return floats.whole_numbers(of_pandas=of_pandas)


def _row_of(values: Mapping[str, object], places: frozenset[Path]) -> object:
    row = with_required_nulls({key: _as_json(value, key) for key, value in values.items() if value is not None})
    return with_integers(row, places) if places else row


def _as_json(value: object, name: object = None) -> object:
    """A cell as a JSON value. The nulls with which tables pad nested objects to one schema are left out.

    Args:
        name: of the field that it is in, also in a list.
    """
    if isinstance(value, Mapping):
        return {key: _as_json(item, key) for key, item in value.items() if not _is_missing(item)}
    if isinstance(value, list | tuple):
        return [None if _is_missing(item) else _as_json(item, name) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, bytes):
        return _text_of_bytes(value, str(name))
    if hasattr(value, "tolist"):  # NumPy's arrays and numbers
        return _as_json(value.tolist(), name)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    return value


def _text_of_bytes(value: bytes, name: str) -> str:
    """The text that bytes are in UTF-8, else the bytes in base64, as images are.

    Where a text is due, bytes that are not UTF-8 stay as they are, for the check of the row's text to name.
    """
    meaning = meaning_of(name)
    if plain(name) == "bytes" or meaning in _BINARY:
        return base64.b64encode(value).decode()
    try:
        return value.decode()
    except UnicodeDecodeError:
        if plain(name) in _TEXTS or meaning is not None:
            return value.decode("utf-8", "surrogateescape")
        return base64.b64encode(value).decode()
