"""Rows of tables: Parquet files, and pandas, Polars, Arrow, DuckDB, Daft and Hugging Face tables in memory."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from fine_tuning._util.files import open_to_read
from fine_tuning.data_io.sources.paths import is_remote
from fine_tuning.data_io.sources.streams import breaking_off
from fine_tuning.data_io.sources.text_rows import RawRow, to_json
from fine_tuning.errors import DataError, UsageError

BLOCK = 1000  # rows turned into Python's values at once


def parquet_rows(file: str) -> Iterator[RawRow]:
    """The rows of a Parquet file.

    Raises:
        NotFoundError, DataError: there is no such file, or it is none.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    if is_remote(file):
        from fine_tuning.data_io.sources.remote import open_remote

        stream: Any = open_remote(file)
    else:
        stream = open_to_read(file)
    position = [0]
    with stream, breaking_off(file, "row", position):
        try:
            for row in _rows_of(ParquetFile(stream).iter_batches(BLOCK), file):
                yield row
                position[0] = row.line
        except pa.ArrowInvalid as error:
            raise DataError(f"{file}, after row {position[0]}: not a Parquet file that can be read ({error})") from None


def table_rows(table: Any, name: str | None = None) -> Iterator[RawRow]:
    """The rows of a table in memory: of anything that speaks Arrow, of Daft, of Hugging Face's datasets.

    Raises:
        UsageError: it is no table.
    """
    import pyarrow as pa

    label = name or f"<{type(table).__module__.partition('.')[0]} table>"
    if hasattr(table, "with_format") and hasattr(table, "features"):  # Hugging Face's, mapped or streamed
        batches = (batch for block in table.with_format("arrow").iter(BLOCK) for batch in block.to_batches())
    elif hasattr(table, "to_arrow_iter"):  # Daft's
        batches = table.to_arrow_iter()
    elif hasattr(table, "__arrow_c_stream__"):
        try:
            batches = iter(pa.RecordBatchReader.from_stream(table))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            if not hasattr(table, "to_dict"):
                raise
            yield from _rows_of_pandas(table, label)  # its columns may hold anything
            return
    else:
        raise UsageError(f"{type(table).__name__} is no table; give a pandas, Polars, Arrow, Daft or Hugging Face one")
    yield from _rows_of(batches, label)


def _rows_of_pandas(table: Any, file: str) -> Iterator[RawRow]:
    for place, row in enumerate(table.to_dict("records"), 1):
        facts = {str(key): _plain(value) for key, value in row.items() if not _is_missing(value)}
        yield RawRow(file, place, to_json(facts))


def _is_missing(value: Any) -> bool:
    """Whether this is pandas' word for nothing."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in {"<NA>", "NaT"}


def _rows_of(batches: Any, file: str) -> Iterator[RawRow]:
    place = 0
    for batch in batches:
        for start in range(0, batch.num_rows, BLOCK):
            for row in batch.slice(start, BLOCK).to_pylist():
                place += 1
                facts = {key: _plain(value) for key, value in row.items() if value is not None}
                yield RawRow(file, place, to_json(facts))


def _plain(value: Any) -> Any:
    """A cell in JSON's words. Tables fill up objects with nulls so that all rows are alike; those are left out."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it, and no number may take its place
    return value
