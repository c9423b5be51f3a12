"""Stray bytes in UTF-8, lines of two encodings, keys that a call has twice, and tables of pandas in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import row_text
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.sources import read
from fine_tuning.datasets.file_check import examine
from fine_tuning.errors import DataError

ROWS = [{"prompt": "Where?", "response": "There."}, {"prompt": "When?", "response": "Now."}]


def line(text: str, encoding: str = "utf-8") -> bytes:
    return json.dumps({"prompt": "Where?", "response": text}, ensure_ascii=False).encode(encoding) + b"\n"


def responses(file: Path) -> list[object]:
    """The answers of the rows; of one that cannot be read, the code of its finding."""
    found = (row_text.parse(row.text) for row in read(str(file)))
    return [each.code if isinstance(each, Finding) else each["response"] for each in found]


def test_stray_byte_refuses_its_line_alone(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    stray = line("plain").replace(b"plain", b"pl\xffain")
    file.write_bytes(line("plain") + stray + line("plain " * 60) * 3_000 + line("größe"))
    found = responses(file)
    assert (found[1], found[-1]) == ("not-utf8", "größe")


def test_table_with_a_stray_byte_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"prompt,response\nWhere,p\xfflain\n")
    with pytest.raises(DataError, match="line 2.*0xFF"):
        list(read(str(tmp_path / "rows.csv")))


def test_line_in_utf8_stays_as_it_is_among_those_of_another_encoding(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(
        line("Das Café an der Straße ist für die größten Gäste sehr schön und gemütlich.", "cp1252")
        + line("plain " * 60) * 3_000
        + line("größe café")
    )
    found = responses(file)
    assert (found[0], found[-1]) == (
        "Das Café an der Straße ist für die größten Gäste sehr schön und gemütlich.",
        "größe café",
    )


@pytest.mark.parametrize("arguments", ['{"a": 1, "a": 2}', '{"b": [{"a": 1, "a": 1}]}'])
def test_key_that_a_call_has_twice_is_named(arguments: str) -> None:
    function = {"name": "f", "arguments": arguments}
    asked = {"role": "user", "content": "Go."}
    answer = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }
    (finding,) = examine(json.dumps({"messages": [asked, answer]}).encode()).findings
    assert (finding.code, finding.field) == ("duplicate-key", "messages[1].tool_calls[0].function.arguments")
    text = f'<tool_call>{{"name": "f", "arguments": {arguments}}}</tool_call>'
    with pytest.raises(DataError, match="has the key 'a' twice"):
        list(formats.calls_in({"messages": [asked, {"role": "assistant", "content": text}]}))


@pytest.mark.parametrize(
    "table",
    [
        {"prompt": {"0": "Where?", "1": "When?"}, "response": {"0": "There.", "1": "Now."}},
        {"0": ROWS[0], "1": ROWS[1]},
        {"columns": ["prompt", "response"], "index": [0, 1], "data": [[*row.values()] for row in ROWS]},
    ],
)
def test_table_in_any_orient_of_pandas_has_its_rows(table: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(table))
    assert [row_text.parse(row.text) for row in read(str(tmp_path / "rows.json"))] == ROWS


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": {"0": "Where?"}, "response": {"0": "There."}}, "a table by columns, as pandas"),
        ({"role": "assistant", "content": "There."}, "the row is one message"),
        ({"role": "user", "content": "Where?"}, "the row is one message"),
        ({"question": "Where?", "response": {"object": "chat.completion", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "There."}}]}}, "whole response beside question"),
    ],
)  # fmt: skip
def test_row_of_another_shape_is_refused_by_what_it_is(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        list(formats.calls_in(row))
