"""Rows of files and tables: JSONL, JSON, CSV, Parquet, Arrow; compressed; globs, folders, object storage; in memory.

Every row is read as the text it has in its file (or as JSON, if the file has none), with the file and the line that it
starts on, so that no value is lost or converted before a format interprets it.
"""

from __future__ import annotations

from fine_tuning.data_io.sources.batch_requests import with_requests
from fine_tuning.data_io.sources.encodings import check_encoding
from fine_tuning.data_io.sources.paths import expand, is_remote
from fine_tuning.data_io.sources.raw_row import MAX_ROW_BYTES, RawRow
from fine_tuning.data_io.sources.read_files import read, read_all
from fine_tuning.data_io.sources.table_rows import table_rows

__all__ = [
    "MAX_ROW_BYTES",
    "RawRow",
    "check_encoding",
    "expand",
    "is_remote",
    "read",
    "read_all",
    "table_rows",
    "with_requests",
]
