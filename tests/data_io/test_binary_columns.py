"""Columns of plain bytes: text in UTF-8 is text, images stay images, and another text is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import row_text
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.sources import read, table_rows

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_bytes_of_text_are_text(tmp_path: Path, kind: pa.DataType) -> None:
    columns = {"prompt": ["Où?".encode()], "response": ["À Brest.".encode()]}
    table = pa.table({name: pa.array(values, kind) for name, values in columns.items()})
    parquet.write_table(table, tmp_path / "rows.parquet")
    for rows in (read(str(tmp_path / "rows.parquet")), table_rows(table)):
        (row,) = rows
        (call,) = formats.calls_in(json.loads(row.text or b""))
        assert [each.get("content") for each in call.messages] == ["Où?", "À Brest."]


def test_bytes_of_another_text_are_refused() -> None:
    table = pa.table({"prompt": pa.array(["Où?".encode("latin-1")], pa.binary()), "response": ["Ici."]})
    (row,) = table_rows(table)
    found = row_text.parse(row.text)
    assert isinstance(found, Finding)
    assert found.code == "not-utf8"


def test_bytes_of_images_and_of_other_columns_are_in_base64() -> None:
    table = pa.table({"image": [{"bytes": PNG, "path": "a.png"}], "images": [[b"<svg/>"]], "digest": [b"\xff\x00"]})
    (row,) = table_rows(table)
    found = json.loads(row.text or b"")
    assert found == {"image": {"bytes": "iVBORw0KGgo=", "path": "a.png"}, "images": ["PHN2Zy8+"], "digest": "/wA="}
