"""Rows from every kind of file and table, and what is said of those that cannot be read."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fine_tuning.data_io import sources
from fine_tuning.data_io.sources.streams import zstandard
from fine_tuning.errors import DataError, FineTuningError, NotFoundError, UsageError

ROWS: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "user", "content": "häuser"},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
        ]
    },
    {"prompt": "p", "response": "r", "rating": 4, "big": 12345678901234567890123, "exact": 1.0},
]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


def rows(*names: str | Path) -> list[tuple[int, Any]]:
    found = sources.read_all(sources.expand(names))
    return [(row.line, None if row.text is None else json.loads(row.text)) for row in found]


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard().compress,
}


@pytest.mark.parametrize("ending", COMPRESSED)
def test_read_jsonl_with_or_without_compression_returns_lines(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"calls.jsonl{ending}"
    file.write_bytes(COMPRESSED[ending](b"\xef\xbb\xbf\n  \n" + LINES))
    assert rows(file) == [(3, ROWS[0]), (4, ROWS[1])]


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zst"])
def test_read_truncated_file_names_line(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"calls.jsonl{ending}"
    lines = "".join(json.dumps({"n": n, "text": str(n * 7919) * 9}) + "\n" for n in range(20_000)).encode()
    whole = COMPRESSED[ending](lines)
    file.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(DataError, match=r"calls\.jsonl\.\w+, after line \d+: the compressed file is damaged"):
        rows(file)


def test_read_json_value_returns_elements(tmp_path: Path) -> None:
    file = tmp_path / "calls.json"
    file.write_text(json.dumps(ROWS, indent=1), encoding="utf-8")
    assert [row for _, row in rows(file)] == ROWS
    file.write_text(json.dumps({"object": "list", "data": ROWS}), encoding="utf-8")
    assert [row for _, row in rows(file)] == ROWS
    file.write_text(json.dumps(ROWS[1], indent=1), encoding="utf-8")
    assert [row for _, row in rows(file)] == ROWS[1:]
    file.write_bytes(LINES)
    assert [row for _, row in rows(file)] == ROWS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[{"a": 1}, {"a": }]', "line 1: not JSON"),
        (b'[{"a": 1} {"a": 2}]', "not JSON"),
        (b'[{"a": 1}] x', "not JSON"),
        (b'[{"a": "\xff"}]', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[1" + b"0" * 5000 + b"]", "thousands of digits"),
        (b'[{"a": 1},', "not JSON"),
    ],
)
def test_read_malformed_json_value_raises_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "calls.json"
    file.write_bytes(content)
    with pytest.raises(DataError) as caught:
        rows(file)
    assert reason in str(caught.value)
    assert str(file) in str(caught.value)


def test_read_too_long_line_keeps_next_line(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    with file.open("wb") as stream:
        stream.write(b'{"a": "')
        stream.writelines([b"x" * (1 << 20)] * 40)
        stream.write(b'"}\n' + LINES)
    assert rows(file) == [(1, None), (2, ROWS[0]), (3, ROWS[1])]


def test_read_csv_parses_cells(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text('\ufeffprompt,response,rating,metadata,note\n"a, ""b""\nc",r,4,"{""k"": 1}",\n', encoding="utf-8")
    assert rows(file) == [(2, {"prompt": 'a, "b"\nc', "response": "r", "rating": 4, "metadata": {"k": 1}})]
    file.write_bytes(b"prompt\n\xe4\xe0\n")  # "yes" in Windows-1251
    with pytest.raises(DataError, match="not UTF-8"):  # some alphabet's, which nobody can tell for sure
        rows(file)


@pytest.mark.parametrize("first", ["", "sep=;\n", "SEP=;\r\n", "\ufeff"])
def test_read_csv_takes_the_delimiter_of_the_file(tmp_path: Path, first: str) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(f'{first}prompt;response\n"1,5; 2";b\n', encoding="utf-8", newline="")
    (found,) = rows(file)
    assert found == (3 if "=" in first else 2, {"prompt": "1,5; 2", "response": "b"})


def test_read_csv_keeps_text_that_is_json(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text('prompt,completion,input\nq,"{""a"": 1}","[1, 2]"\n', encoding="utf-8")
    assert rows(file) == [(2, {"prompt": "q", "completion": '{"a": 1}', "input": "[1, 2]"})]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_read_csv_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "calls.csv"
    file.write_bytes("prompt;response\n„Grüße“ für €5?;à bientôt\n".encode(encoding))
    assert rows(file) == [(2, {"prompt": "„Grüße“ für €5?", "response": "à bientôt"})]


def test_read_json_lines_in_utf_16(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_bytes(
        "".join(json.dumps({"prompt": f"日本 {n}"}, ensure_ascii=False) + "\r\n" for n in range(3)).encode("utf-16")
    )
    assert rows(file) == [(n + 1, {"prompt": f"日本 {n}"}) for n in range(3)]


def test_read_parquet_and_table_rows_return_rows(tmp_path: Path) -> None:
    import daft

    plain = [{"prompt": "p", "response": "r", "rating": 4.0}, {"prompt": "q", "response": "s", "rating": float("nan")}]
    nested = [ROWS[0]["messages"][:1], [{"role": "assistant", "tool_calls": [{"id": "1"}]}]]
    table = pa.Table.from_pylist([{**row, "messages": each} for row, each in zip(plain, nested, strict=True)])
    file = tmp_path / "calls.parquet"
    pq.write_table(table, file)
    expected = [{**plain[0], "messages": nested[0]}, {**plain[1], "rating": "nan", "messages": nested[1]}]
    assert [row for _, row in rows(file)] == expected
    for value in (table, daft.from_arrow(table)):
        assert [json.loads(row.text or b"") for row in sources.table_rows(value)] == expected
    file.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        rows(file)
    with pytest.raises(UsageError, match="int is not a table"):
        list(sources.table_rows(3))


def test_table_rows_hugging_face_dataset_returns_rows() -> None:
    from datasets import Dataset

    table = Dataset.from_list([{"prompt": "p", "response": "r"}] * 3)
    assert [json.loads(row.text or b"") for row in sources.table_rows(table)] == [{"prompt": "p", "response": "r"}] * 3
    streamed = table.to_iterable_dataset()
    assert [row.line for row in sources.table_rows(streamed)] == [1, 2, 3]


def test_expand_folders_and_globs_lists_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/2.jsonl", "a/b/1.jsonl.gz", "a/note.txt", "3.json"):
        (tmp_path / name).write_bytes(gzip.compress(LINES) if name.endswith("gz") else LINES)
    (tmp_path / "a" / "b" / "up").symlink_to("..")
    assert sources.expand(["a", "*.json", "a/2.jsonl"]) == ["a/2.jsonl", "a/b/1.jsonl.gz", "3.json"]
    assert sources.expand([str(tmp_path / "a" / "*.jsonl")]) == [str(tmp_path / "a" / "2.jsonl")]
    assert len(rows("a", "3.json")) == 6


def _loop(folder: Path) -> Path:
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    return folder / "loop.jsonl"


UNREADABLE: dict[str, Callable[[Path], str | Path]] = {
    "no such file": lambda folder: folder / "none.jsonl",
    "no file matches": lambda folder: folder / "*.jsonl",
    "has no file named": lambda folder: folder,
    "symbolic links": _loop,
    "use s3://, gs:// or a file": lambda folder: "gopher://host/x.jsonl",
}


@pytest.mark.parametrize("reason", UNREADABLE)
def test_read_unreadable_file_raises_one_line(tmp_path: Path, reason: str) -> None:
    with pytest.raises(FineTuningError) as caught:
        rows(UNREADABLE[reason](tmp_path))
    assert reason in str(caught.value)


def test_expand_no_names_raises() -> None:
    with pytest.raises(UsageError, match="no files given"):
        sources.expand([])
    with pytest.raises(NotFoundError):
        rows("missing-folder/")


def test_read_of_values_one_after_the_other_over_many_lines_has_a_row_of_each(tmp_path: Path) -> None:
    file = tmp_path / "spans.json"
    file.write_text("\n".join(json.dumps({"name": name, "at": {"n": 1}}, indent=4) for name in "abc") + "\n")
    found = list(sources.read(str(file)))
    assert [(row.line, json.loads(row.text or b"")["name"]) for row in found] == [(1, "a"), (7, "b"), (13, "c")]


def test_read_of_values_one_after_the_other_ends_at_what_is_none(tmp_path: Path) -> None:
    file = tmp_path / "spans.json"
    file.write_text('{\n "a": 1\n}\n{\n "a": 2\n}\nINFO done\n')
    with pytest.raises(DataError, match=r"line 7: not JSON"):
        list(sources.read(str(file)))
