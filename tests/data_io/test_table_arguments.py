"""Objects in tables: calls with other arguments, whole numbers that pandas made floats, and the bytes of images."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fine_tuning.data_io import formats, rows, sources
from fine_tuning.errors import DataError


def calling(*arguments: dict[str, Any]) -> dict[str, Any]:
    calls = [
        {"id": f"c{at}", "type": "function", "function": {"name": f"f{at}", "arguments": each}}
        for at, each in enumerate(arguments)
    ]
    return {
        "messages": [
            {"role": "user", "content": "How far is Évora?"},
            {"role": "assistant", "content": None, "tool_calls": calls},
        ]
    }


ARGUMENTS: list[list[dict[str, Any]]] = [
    [{"a": 1}],
    [{"c": "z"}],
    [{"a": 2, "many": [1, 2]}, {"deep": {"n": 3}}],
    [{"many": [3], "km": 1.5}],
    [{"km": 2.0, "yes": True}],
]
TABLE = pa.Table.from_pylist([calling(*each) for each in ARGUMENTS])


def of_file(path: Path) -> list[sources.RawRow]:
    return list(sources.read(str(path)))


def parquet(folder: Path) -> pd.DataFrame:
    pq.write_table(TABLE, folder / "t.parquet")
    return pd.read_parquet(folder / "t.parquet")


def pandas_parquet(folder: Path) -> list[sources.RawRow]:
    parquet(folder).to_parquet(folder / "p.parquet")
    return of_file(folder / "p.parquet")


def pandas_lines(folder: Path) -> list[sources.RawRow]:
    parquet(folder).to_json(folder / "p.jsonl", orient="records", lines=True)
    return of_file(folder / "p.jsonl")


def pandas_array(folder: Path) -> list[sources.RawRow]:
    parquet(folder).to_json(folder / "p.json", orient="records", indent=1)
    return of_file(folder / "p.json")


def pandas_mixed(folder: Path) -> list[sources.RawRow]:
    frame = parquet(folder)
    frame["mixed"] = ["x", 2, 3.5, None, "y"]
    return list(sources.table_rows(frame))


def padded_lines(folder: Path) -> list[sources.RawRow]:
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in TABLE.to_pylist()))
    return of_file(folder / "t.jsonl")


def hugging_face_lines(folder: Path) -> list[sources.RawRow]:
    datasets.Dataset(TABLE).to_json(folder / "h.jsonl")
    return of_file(folder / "h.jsonl")


def parquet_rows(folder: Path) -> list[sources.RawRow]:
    parquet(folder)
    return of_file(folder / "t.parquet")


FORMS: dict[str, Callable[[Path], list[sources.RawRow]]] = {
    "parquet": parquet_rows,
    "arrow": lambda _: list(sources.table_rows(TABLE)),
    "hugging face": lambda _: list(sources.table_rows(datasets.Dataset(TABLE))),
    "hugging face, to_json": hugging_face_lines,
    "padded jsonl": padded_lines,
    "pandas": lambda folder: list(sources.table_rows(parquet(folder))),
    "pandas, mixed": pandas_mixed,
    "pandas, to_parquet": pandas_parquet,
    "pandas, to_json": pandas_lines,
    "pandas, to_json, an array": pandas_array,
}


def arguments_of(found: list[sources.RawRow]) -> list[list[str]]:
    calls = [call for row in found for call in formats.calls_in(json.loads(row.text or b""))]
    return [[each["function"]["arguments"] for each in call.messages[-1]["tool_calls"]] for call in calls]


@pytest.mark.parametrize("form", FORMS)
def test_arguments_are_those_of_the_rows_in_any_form_of_a_table(form: str, tmp_path: Path) -> None:
    found = arguments_of(FORMS[form](tmp_path))
    assert found == [[json.dumps(each) for each in row] for row in ARGUMENTS]


PLAIN: list[list[dict[str, Any]]] = [
    [{"x": None, "y": []}],
    [{"x": 1.0, "y": [None, 2.0], "z": {"n": None}}, {"x": {}}],
    [{"x": None}],
]


@pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
def test_arguments_of_plain_json_keep_nulls_empty_lists_and_floats(name: str, tmp_path: Path) -> None:
    given = [calling(*each) for each in PLAIN]
    lines = "".join(json.dumps(row) + "\n" for row in given)
    (tmp_path / name).write_text(lines if name.endswith("l") else json.dumps(given))
    assert arguments_of(of_file(tmp_path / name)) == [[json.dumps(each) for each in row] for row in PLAIN]


def test_arguments_of_one_row_keep_their_nulls(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps(calling({"x": None, "y": []})))
    assert arguments_of(of_file(tmp_path / "t.jsonl")) == [['{"x": null, "y": []}']]


def test_rows_with_padding_that_are_no_valid_json_stay_as_they_are(tmp_path: Path) -> None:
    padded = [json.dumps(row) for row in TABLE.to_pylist()]
    wrong = ['{"messages": null, "messages": 1}', '{"messages": [NaN, null]}', '{"messages": null', '{"a": "\\ud800"}']
    (tmp_path / "t.jsonl").write_text("\n".join([*padded, *wrong]))
    assert [row.text for row in of_file(tmp_path / "t.jsonl")][len(padded) :] == [each.encode() for each in wrong]


def test_column_of_floats_without_missing_values_stays_one() -> None:
    table = pa.table({"prompt": ["a", "b"], "response": ["c", "d"], "metadata": [{"km": 1.0}, {"km": 2.0}]})
    assert [json.loads(row.text or b"")["metadata"] for row in sources.table_rows(table)] == [{"km": 1.0}, {"km": 2.0}]
    assert all(b'{"km": 1.0}' in (row.text or b"") for row in list(sources.table_rows(table))[:1])


def test_rating_beside_a_missing_one_is_whole() -> None:
    frame = pd.DataFrame({"prompt": ["a", "b"], "response": ["c", "d"], "rating": [5, None]})
    first, second = (json.loads(row.text or b"") for row in sources.table_rows(frame))
    assert (repr(first["rating"]), "rating" in second) == ("5", False)


def test_questions_of_an_evaluation_are_without_the_padding_of_a_table(tmp_path: Path) -> None:
    padded_lines(tmp_path)
    (_, first), *_ = rows.without_padding(rows.read_rows(tmp_path / "t.jsonl"))
    assert rows.prompt_and_reference(first, "t").reference == '[{"arguments": {"a": 1}, "name": "f0"}]'


HEADS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x10\0\0\0WEBP",
}


@pytest.mark.parametrize("kind", HEADS)
def test_bytes_of_an_image_in_a_table_are_its_part(kind: str) -> None:
    content = HEADS[kind] + bytes(40)
    url = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    messages = [{"role": "user", "content": "What is this?"}, {"role": "assistant", "content": "A lake."}]
    image = {"bytes": content, "path": "a.png"}
    tables = [{"images": [[image]]}, {"image": [image]}, {"images": [[content]]}]
    for columns in tables:
        (row,) = sources.table_rows(pa.table({"messages": [messages], **columns}))
        (call,) = formats.calls_in(json.loads(row.text or b""))
        assert call.messages[0]["content"] == [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": "What is this?"},
        ]
    part = [{"type": "image", "image": image, "text": None}, {"type": "text", "image": None, "text": "?"}]
    (row,) = sources.table_rows(pa.table({"messages": [[{"role": "user", "content": part}]]}))
    (call,) = formats.calls_in(json.loads(row.text or b""))
    assert call.messages[0]["content"][0] == {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ({"bytes": None, "path": "a.png"}, "a file's path says nothing elsewhere"),
        ({"bytes": b"%PDF-1.7 and more", "path": "a.png"}, "bytes of an image must be"),
    ],
)
def test_image_of_a_table_without_its_bytes_is_refused(image: dict[str, Any], reason: str) -> None:
    messages = [{"role": "user", "content": "What is this?"}, {"role": "assistant", "content": "A lake."}]
    (row,) = sources.table_rows(pa.table({"messages": [messages], "images": [[image]]}))
    with pytest.raises(DataError, match=reason):
        list(formats.calls_in(json.loads(row.text or b"")))
