"""Rows wherever they lie: JSONL, JSON, CSV, Parquet; compressed; globs, folders, object storage; tables in memory.

Every row comes as the text it has in its file (or as JSON, where the file has none), with the file and the line that it
starts on, so that nothing a row holds is lost or retyped before somebody decides what it means.
"""

from __future__ import annotations

from fine_tuning.data_io.sources.paths import expand, is_remote
from fine_tuning.data_io.sources.table_rows import table_rows
from fine_tuning.data_io.sources.text_rows import LONGEST_ROW, RawRow, read, read_all

__all__ = ["LONGEST_ROW", "RawRow", "expand", "is_remote", "read", "read_all", "table_rows"]
