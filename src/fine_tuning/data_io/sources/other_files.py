"""Files that hold rows in a form that is not read here, known by their first bytes or their name, and what to do."""

from __future__ import annotations

from pathlib import PurePath

from fine_tuning.errors import DataError

SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".numbers")
_RENAMED = "give it its own extension"
_STARTS = (  # the longest names first
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a spreadsheet of Excel"),
    (b"SQLite format 3\x00", "an SQLite database; write the rows of its table as JSONL"),
    (b"PAR1", f"Parquet; {_RENAMED}, .parquet"),
    (b"ARROW1", f"Arrow; {_RENAMED}, .arrow"),
    (b"\x1f\x8b", f"compressed with gzip; {_RENAMED}, such as .jsonl.gz"),
    (b"\x28\xb5\x2f\xfd", f"compressed with zstd; {_RENAMED}, such as .jsonl.zst"),
    (b"BZh", f"compressed with bzip2; {_RENAMED}, such as .jsonl.bz2"),
    (b"\xfd7zXZ\x00", f"compressed with xz; {_RENAMED}, such as .jsonl.xz"),
    (b"%PDF-", "a PDF; write its rows as JSONL"),
    (b"\x89HDF\r\n", "HDF5; write its rows as JSONL or Parquet"),
    (b"Obj\x01", "Avro; write its rows as JSONL or Parquet"),
    (b"ORC", "ORC; write its rows as JSONL or Parquet"),
    (b"\x93NUMPY", "an array of NumPy; write its rows as JSONL"),
    (b"\x80\x02", "a pickle; write its rows as JSONL"),
    (b"\x80\x03", "a pickle; write its rows as JSONL"),
    (b"\x80\x04", "a pickle; write its rows as JSONL"),
    (b"\x80\x05", "a pickle; write its rows as JSONL"),
)
_ZIP = b"PK\x03\x04"
_OF_OFFICE = (b"[Content_Types].xml", b"_rels/", b"xl/", b"docProps/", b"mimetypeapplication/vnd.oasis")
_MARKUP = ("<!doctype html", "<html", "<?xml", "<table")
HEAD_BYTES = 256


def refuse(file: str, head: bytes) -> None:
    """Refuse a file that is no text of rows.

    Args:
        head: its first `HEAD_BYTES` bytes, decompressed.

    Raises:
        DataError: it is none; the message says what it is, and what to do.
    """
    if head.startswith(_ZIP):
        is_sheet = any(mark in head for mark in _OF_OFFICE)
        what = "a spreadsheet" if is_sheet else "a zip archive; unpack it, and import the files in it"
    else:
        what = next((what for start, what in _STARTS if head.startswith(start)), "")
        text = head.decode("latin-1").removeprefix("\xef\xbb\xbf").lstrip().lower()
        if not what and text.startswith(_MARKUP):
            what = "a page or a document in mark-up; export it as CSV, or write its rows as JSONL"
    if what.startswith("a spreadsheet"):
        raise DataError(f"{file} is {what}; {advice(file)}")
    if what:
        raise DataError(f"{file} is {what}")


def is_spreadsheet(name: str) -> bool:
    """Whether a file's name is that of a spreadsheet."""
    return name.lower().endswith(SPREADSHEETS)


def advice(file: str) -> str:
    """What to do with a spreadsheet."""
    name = PurePath(file).name
    code = f"pandas.read_excel('{name}', dtype=str).to_csv('{PurePath(name).stem}.csv', index=False)"
    return f'save it as "CSV UTF-8", or with pandas and openpyxl: python -c "import pandas; {code}"'
