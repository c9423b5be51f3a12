"""CSV whose quotes stand after a backslash, or after a space, as databases and hand-written files have them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.commands.import_preview_tables import print_preview
from fine_tuning.data_io import sources
from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.sources.raw_row import WRONG_CELLS
from fine_tuning.datasets import file_check
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError

NAMES = ["prompt", "response"]
ROWS = [
    ['say "hi"', 'C:\\new\\"x", y'],
    ['a, b; c\nline two\ttab | bar"', 'print("a\\n")'],
    ['"', "\\frac{1}{2} \\\\ x"],
    ["x \\", "q ends with a backslash\\"],
]
ALL, QUOTES = "CSV with quotes and backslashes after a backslash", "CSV with quotes after a backslash"
PADDED = "CSV with spaces before cells"


def read(path: Path, text: str) -> tuple[list[Any], set[str | None]]:
    path.write_bytes(text.encode())
    rows = list(sources.read(str(path)))
    return [json.loads(row.text or b"") for row in rows], {row.assumed for row in rows}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE])
@pytest.mark.parametrize("is_doubled", [True, False])
def test_what_the_csv_module_writes_is_read_back(
    tmp_path: Path, delimiter: str, quoting: Any, is_doubled: bool
) -> None:
    out = io.StringIO()
    escape = None if is_doubled else "\\"
    quoting = csv.QUOTE_ALL if is_doubled and quoting == csv.QUOTE_NONE else quoting
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, escapechar=escape, doublequote=is_doubled)
    writer.writerows([NAMES, *ROWS])
    rows, assumed = read(tmp_path / "x.csv", out.getvalue())
    assert rows == [dict(zip(NAMES, each, strict=True)) for each in ROWS]
    assert assumed == {None if is_doubled else ALL}


@pytest.mark.parametrize(
    ("text", "rows", "assumed"),
    [
        # Spark: a backslash stands for itself, but before a quote.
        ('"say \\"hi\\" now","print(\\"a\\n\\") \\d+"\n', [('say "hi" now', 'print("a\\n") \\d+')], QUOTES),
        ('"{\\"a\\": \\"b \\\\\\"c\\\\\\"\\n\\"}",x\n', [('{"a": "b \\"c\\"\\n"}', "x")], QUOTES),
        # MySQL: nulls, and lines within cells.
        ('"say \\"hi\\"","a\\\\b"\n"two\\\nlines",\\N\n', [('say "hi"', "a\\b"), ("two\nlines", None)], ALL),
        ('"a\\\\b",x\n\\N,y\n', [("a\\b", "x"), (None, "y")], ALL),
        ('say \\"hi\\",b\n', [('say "hi"', "b")], ALL),
        ('"a \\", b",c\n', [('a ", b', "c")], ALL),
        ('q,"a \\""\n', [("q", 'a "')], ALL),
        ('a, "b, c"\nd, e\n', [("a", "b, c"), ("d", "e")], PADDED),
        ('"a",  "b\nc"\n', [("a", "b\nc")], PADDED),
        ('a, "say \\"b\\", c"\n', [("a", 'say "b", c')], f"{ALL} and spaces before cells"),
    ],
)
def test_dialect_is_told_from_the_rows(
    tmp_path: Path, text: str, rows: list[tuple[str | None, ...]], assumed: str
) -> None:
    found, said = read(tmp_path / "x.csv", f"prompt,response\n{text}")
    assert [(each.get("prompt"), each.get("response")) for each in found] == rows
    assert said == {assumed}


@pytest.mark.parametrize(
    "cells",
    [("C:\\dir\\", "D:\\"), (' "x", y', "b"), ('{"a": "\\"x\\""}', "y\\"), ("\\\\", '\\"'), ('a "b" c', ' "q')],
)
def test_what_is_written_by_the_rules_is_read_by_them(tmp_path: Path, cells: tuple[str, str]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([NAMES, cells, ROWS[0]])
    assert read(tmp_path / "x.csv", out.getvalue())[0][0] == dict(zip(NAMES, cells, strict=True))


def test_text_after_a_quoted_word_stays_one_cell(tmp_path: Path) -> None:
    rows, assumed = read(tmp_path / "x.csv", 'prompt,response\nq, "Hello" he said\n')
    assert (rows, assumed) == ([{"prompt": "q", "response": ' "Hello" he said'}], {None})


def test_dialect_that_changes_far_inside_a_file_is_refused_with_its_line(tmp_path: Path) -> None:
    many = "".join(f"question {at},answer\n" for at in range(80_000))
    with pytest.raises(DataError, match=r"line 80002: not CSV .* after a backslash"):
        read(tmp_path / "x.csv", f'prompt,response\n{many}"say \\"hi\\" now",a\n')


def test_rows_before_the_damage_of_a_compressed_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    whole = gzip.compress("".join(f"question {at * 7919 % 10007},{at}\n" for at in range(9000)).encode())
    path.write_bytes(whole[: len(whole) // 2])
    rows: list[RawRow] = []
    with pytest.raises(DataError, match="after line [1-9].* truncated"):
        for row in sources.read(str(path)):
            rows.append(row)  # noqa: PERF402 - those before the error stay
    assert rows


def test_dialect_is_said_by_import_dry_run_and_check(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('prompt,response\n"Is it \\"on\\"?","Yes, it is."\n', "utf-8")
    collector = DistillationDataCollector()
    assert collector.preview_files([file]).report.assumed == {ALL: 1}
    assert collector.import_files([file]).assumed == {ALL: 1}
    report = file_check.check_files([file], None, tmp_path)
    (found,) = [each for each in report.tally.rows() if each["code"] == "assumed-reading"]
    assert found["message"] == f"the file was read as {ALL}"


def test_dialect_is_said_beside_an_encoding(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    text = 'prompt,response\n"Où est \\"le café\\" ?","À côté, c\'est l\'été"\n'
    file.write_bytes(text.encode("cp1252"))
    assert {row.assumed for row in sources.read(str(file))} == {f"cp1252, {ALL}"}


@pytest.mark.parametrize(
    "lines",
    [
        ['1,"open one', '2,"open two'],
        ['1,"open one', '2,"open two', '3,"open three'],
        ['"open one,1', '"open two,2'],
        ['"open one,1', '2,"open two'],
    ],
)
def test_neighbouring_quotes_that_are_not_closed_refuse_their_rows_alone(tmp_path: Path, lines: list[str]) -> None:
    others = [f"q{number},à {number}" for number in range(5)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["question,answer", "q,a", *lines, *others, ""]))
    rows = [json.loads(row.text or b"") for row in sources.read(str(path))]
    assert [WRONG_CELLS in row for row in rows] == [False] + [True] * len(lines) + [False] * len(others)
    assert [row["answer"] for row in rows[-len(others) :]] == [f"à {number}" for number in range(5)]


def test_quote_that_is_never_closed_is_named_with_the_line_where_it_opens(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('question,answer\nq,a\nq2,"an answer, long,\nand longer\n')
    with pytest.raises(
        DataError, match=r"line 4: not CSV \(a quote is never closed\), in the row that begins on line 3"
    ):
        list(sources.read(str(path)))


def test_dry_run_names_the_first_row_of_each_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.csv"
    path.write_text('question,answer\nq,a\nq2,"open\nq3,a3\n')
    preview = DistillationDataCollector().preview_files([path])
    print_preview("x.csv", preview)
    assert "x.csv:3" in capsys.readouterr().out
