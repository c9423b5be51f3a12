"""A table has the same calls in whatever form it comes: Parquet, JSONL with nulls, pandas, Arrow, a data frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fine_tuning.data_io import formats, sources
from fine_tuning.data_io.formats import Call

TOOL = {
    "type": "function",
    "function": {"name": "tide", "parameters": {"type": "object", "properties": {"town": {"type": "string"}}}},
}
OTHER = {
    "type": "function",
    "function": {"name": "wind", "parameters": {"type": "object", "properties": {"km": {"type": "number"}}}},
}
ROWS: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "user", "content": "When is high tide at Brest?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": '{"town": "Brest"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "4:12"},
            {"role": "assistant", "content": "At 4:12."},
        ],
        "tools": [TOOL],
        "rating": 5,
        "metadata": {"port": "Brest"},
    },
    {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "And at Gijón?"},
                     {"role": "assistant", "content": "At 3:58.", "weight": 1}],
        "tools": [OTHER],
        "rating": 3,
        "metadata": {"note": "asked twice"},
    },
]  # fmt: skip
TABLE = pa.Table.from_pylist(ROWS)


def arrays(value: Any) -> Any:
    """Lists as NumPy arrays, as `read_parquet` makes them."""
    if isinstance(value, dict):
        return {key: arrays(each) for key, each in value.items()}
    if isinstance(value, list):
        found = np.empty(len(value), object)
        found[:] = [arrays(each) for each in value]
        return found
    return np.int64(value) if isinstance(value, int) else value


def of_file(path: Path) -> list[sources.RawRow]:
    return list(sources.read(str(path)))


def parquet(folder: Path) -> list[sources.RawRow]:
    pq.write_table(TABLE, folder / "t.parquet")
    return of_file(folder / "t.parquet")


def padded(folder: Path) -> list[sources.RawRow]:
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in TABLE.to_pylist()))
    return of_file(folder / "t.jsonl")


def columns_of_json(folder: Path) -> list[sources.RawRow]:
    texts = [{key: json.dumps(value) for key, value in row.items()} for row in ROWS]
    pd.DataFrame(texts).to_csv(folder / "t.csv")
    return of_file(folder / "t.csv")


FORMS: dict[str, Any] = {
    "parquet": parquet,
    "jsonl padded with nulls": padded,
    "csv with json": columns_of_json,
    "pandas": lambda _: list(sources.table_rows(pd.DataFrame(ROWS))),
    "pandas with arrays of mixed types": lambda _: list(
        sources.table_rows(
            pd.DataFrame([{**arrays(row), "mixed": mixed} for row, mixed in zip(ROWS, ("x", 2), strict=True)])
        )
    ),
    "arrow": lambda _: list(sources.table_rows(TABLE)),
}


def calls_of(rows: list[sources.RawRow]) -> list[Call]:
    return [call for row in rows for call in formats.calls_in(json.loads(row.text or b""))]


@pytest.mark.parametrize("form", FORMS)
def test_calls_of_a_table_are_those_of_its_rows(form: str, tmp_path: Path) -> None:
    expected = [call for row in ROWS for call in formats.calls_in(row)]
    for found, wanted in zip(calls_of(FORMS[form](tmp_path)), expected, strict=True):
        assert (found.messages, found.tools, found.rating) == (wanted.messages, wanted.tools, wanted.rating)
        assert {key: value for key, value in found.metadata.items() if key != "mixed"} == wanted.metadata


def test_map_columns_of_arrow_are_objects() -> None:
    kind = pa.map_(pa.string(), pa.string())
    table = pa.table({"prompt": ["Tide?"], "response": ["4:12."], "metadata": pa.array([[("port", "Brest")]], kind)})
    (call,) = calls_of(list(sources.table_rows(table)))
    assert call.metadata == {"port": "Brest"}


@pytest.mark.parametrize("form", ["t.csv", "t.parquet", "t.jsonl"])
def test_json_text_in_cells_of_facts_is_read_in_every_form(form: str, tmp_path: Path) -> None:
    chats = [json.dumps([{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "a"}]) for n in "12"]
    frame = pd.DataFrame(
        {"messages": chats, "metadata": [json.dumps({"finish_reason": "length"}), "null"], "tools": ["null", "null"]}
    )
    path = tmp_path / form
    {"t.csv": lambda: frame.to_csv(path, index=False), "t.parquet": lambda: frame.to_parquet(path)}.get(
        form, lambda: frame.to_json(path, orient="records", lines=True)
    )()
    first, second = calls_of(of_file(path))
    assert (first.metadata, first.tools, first.finish_reason) == ({"finish_reason": "length"}, None, "length")
    assert (second.metadata, second.tools, second.finish_reason) == ({}, None, None)


def test_whole_numbers_that_pandas_made_floats_are_whole_in_columns_without_padding(tmp_path: Path) -> None:
    rows = [{**row, "metadata": {"ticket": 17}} for row in ROWS] + [{**ROWS[0], "metadata": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    pd.read_parquet(tmp_path / "t.parquet").to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    assert '"ticket":17.0' in (tmp_path / "t.jsonl").read_text()
    found = [call.metadata.get("ticket") for call in calls_of(of_file(tmp_path / "t.jsonl"))]
    assert (found, {type(each) for each in found[:-1]}) == ([*[17] * len(ROWS), None], {int})
