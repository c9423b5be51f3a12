"""Tables with conversations in a column, and files that are no text of rows: read, or refused by name."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fine_tuning.data_io import formats, sources
from fine_tuning.errors import DataError, UsageError

MESSAGES = [{"role": "user", "content": "When does it leave?"}, {"role": "assistant", "content": "At 5."}]
SAID = [{"from": "human", "value": "When does it leave?"}, {"from": "gpt", "value": "At 5."}]


def tables(folder: Path, row: dict[str, Any]) -> list[Path]:
    """The row as CSV, Parquet and null-padded JSONL."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in row.items()}
    paths = [folder / "t.csv", folder / "t.parquet", folder / "t.jsonl", folder / "native.parquet"]
    pd.DataFrame([texts]).to_csv(paths[0], index=False)
    pd.DataFrame([texts]).to_parquet(paths[1])
    pd.DataFrame([texts]).to_json(paths[2], orient="records", lines=True)
    pd.DataFrame([row]).to_parquet(paths[3])
    return paths


def first_row(path: Path) -> dict[str, Any]:
    (raw,) = sources.read(str(path))
    row: dict[str, Any] = json.loads(raw.text or b"")
    return row


@pytest.mark.parametrize("turns", [MESSAGES, SAID])
@pytest.mark.parametrize("key", ["messages", "Messages", "chat", "messages_json", "dialog", "transcript_7"])
def test_conversation_in_a_column_of_any_name_is_read(tmp_path: Path, key: str, turns: list[Any]) -> None:
    for path in tables(tmp_path, {key: turns, "source": "crm"}):
        row = first_row(path)
        (call,) = formats.calls_in(row)
        assert formats.format_of(row) == "openai"
        assert (call.messages, call.metadata) == (MESSAGES, {"source": "crm"})


def test_two_conversations_in_columns_are_refused() -> None:
    with pytest.raises(DataError, match="not of any known format"):
        list(formats.calls_in({"first": MESSAGES, "second": MESSAGES}))


@pytest.mark.parametrize("row", [{"messages": MESSAGES}, {"question": "a", "answer": "b"}])
def test_whole_row_in_a_column_is_refused_by_name(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="payload holds a row of the format .*; write the rows in it as JSONL"):
        list(formats.calls_in({"payload": json.dumps(row), "id": "7"}))


def spreadsheet(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return path.read_bytes()


def test_spreadsheet_is_refused_with_what_converts_it(tmp_path: Path) -> None:
    content = spreadsheet(tmp_path / "calls.xlsx")
    (tmp_path / "calls.csv").write_bytes(content)
    for name in ("calls.xlsx", "calls.csv"):
        with pytest.raises(DataError, match=r"is a spreadsheet; save it as .CSV UTF-8.*pandas\.read_excel\('calls\."):
            list(sources.read(str(tmp_path / name)))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is a spreadsheet of Excel; save it"),
        (b"PK\x03\x04" + bytes(60), "is a zip archive; unpack it"),
        (b"PAR1" + bytes(60), r"is Parquet; give it its own extension, \.parquet"),
        (gzip.compress(b'{"a": 1}', mtime=0), r"is compressed with gzip; give it .*\.jsonl\.gz"),
        (b"SQLite format 3\x00", "is an SQLite database"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "is a page or a document in mark-up"),
    ],
    ids=["excel", "zip", "parquet", "gzip", "sqlite", "html"],
)
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.json", "x"])
def test_file_that_is_no_text_of_rows_is_refused_by_name(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{name} {word}"):
        list(sources.read(str(path)))


def test_folder_with_a_spreadsheet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n")
    (tmp_path / "~$b.xlsx").write_bytes(b"of Excel")
    assert sources.expand(tmp_path) == [str(tmp_path / "a.jsonl")]
    spreadsheet(tmp_path / "b.xlsx")
    with pytest.raises(UsageError, match=r"b\.xlsx is a spreadsheet; .* name the files to import"):
        sources.expand(tmp_path)
