"""Rows of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.sources.raw_row import RawRow
from fine_tuning.data_io.sources.streams import open_stored, read_position
from fine_tuning.data_io.sources.table_rows import BATCH_ROWS, rows_of_batches
from fine_tuning.errors import DataError


def parquet_rows(file: str) -> Iterator[RawRow]:
    """The rows of a Parquet file.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is not a Parquet file, or is damaged.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    with open_stored(file) as stream, read_position(file, "row") as position:
        try:
            for row in rows_of_batches(ParquetFile(stream).iter_batches(BATCH_ROWS), file):
                yield row
                position.last = row.line
        except pa.ArrowInvalid as error:
            raise DataError(f"{file}, after row {position.last}: not a readable Parquet file ({error})") from None
