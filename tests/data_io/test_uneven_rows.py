"""Rows of CSV with more cells than columns, or with fewer: each is refused alone, with its line and the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fine_tuning import DatasetBuilder, FineTuningCLI
from fine_tuning.data_io import sources
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError

ROWS = [f"Question {number}?,Answer {number}.,note" for number in range(12)]
TEXT = "\n".join(
    [
        "question,answer,note",
        *ROWS[:6],
        "What is it, and why?,It is not quoted.,note",
        "Which line,ends",
        "here?,In two.,note",
        '"Which line\nends?","In\ntwo.",note',
        "One more?,Yes.,note,,",
        ",,",
        "",
        *ROWS[6:],
    ]
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(TEXT)
    return path


def test_import_refuses_an_uneven_row_alone(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = DistillationDataCollector().import_files([file])
    assert (report.read, report.captured, len(report.rejected)) == (17, 15, 2)
    assert [each["line"] for each in report.rejected] == [8, 9]
    assert "4 cells, where the first line names 3 columns; quote cells" in report.rejected[0]["reason"]
    assert "2 cells, where the first line names 3 columns" in report.rejected[1]["reason"]
    assert FineTuningCLI().run(["capture", "import", "--dry-run", str(file)]) == 0
    assert "4 cells, where" in capsys.readouterr().out


def test_build_refuses_an_uneven_row_alone_and_keeps_its_text(file: Path, tmp_path: Path) -> None:
    made = DatasetBuilder(output_dir=tmp_path / "built").build(
        "made", files=[str(file)], validation=0, test=0, near_duplicates=None
    )
    assert (made["counts"]["kept"], made["counts"]["rejected"]) == (15, 2)
    (finding,) = [each for each in made["findings"] if each["code"] == "wrong-cells"]
    assert (finding["rows"], finding["line"]) == (2, 8)
    rejected = (tmp_path / "built" / "made" / "rejected.jsonl").read_text().splitlines()
    assert "It is not quoted." in json.loads(rejected[0])["text"]


def test_error_in_quotes_names_the_line_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('question,answer\na,b\n"Which?,It\nis\nopen.\n')
    with pytest.raises(DataError, match=r"line 5: not CSV .*in the row that begins on line 3"):
        list(sources.read(str(path)))


@pytest.mark.parametrize(
    "content",
    [
        b'\x00\x00\n{"q": 1}\n\x00\x00\n{"q": 2}\x00\x00\x00',
        b'\x1e{"q": 1}\n\x1e{"q": 2}\n',
        b'{"q": 1}\r\n{"q": 2}\r\n\x1a',
    ],
    ids=["zeros", "records", "dos"],
)
def test_padding_of_lines_is_no_row(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    assert [json.loads(row.text or b"") for row in sources.read(str(path))] == [{"q": 1}, {"q": 2}]


def test_empty_lines_before_the_names_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\n\nq,a\n1,2\n\x1a")
    assert [(row.line, json.loads(row.text or b"")) for row in sources.read(str(path))] == [(4, {"q": "1", "a": "2"})]


def test_columns_of_one_name_are_refused_in_every_table(tmp_path: Path) -> None:
    table = pa.table([pa.array(["x"]), pa.array(["y"]), pa.array(["z"])], names=["question", "answer", "question"])
    frame = pd.DataFrame([["x", "y", "z"]], columns=table.column_names)
    pq.write_table(table, tmp_path / "rows.parquet")
    reads = (sources.table_rows(table), sources.table_rows(frame), sources.read(str(tmp_path / "rows.parquet")))
    for rows in reads:
        with pytest.raises(DataError, match="two columns are named 'question'; rename one"):
            list(rows)


def test_column_without_a_name_is_kept_unless_it_is_an_index(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(",question,answer,\n0,a,b,c\n")
    assert [json.loads(row.text or b"") for row in sources.read(str(path))] == [
        {"question": "a", "answer": "b", "column 4": "c"}
    ]


def test_build_names_the_encoding_that_it_assumes(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    rows = "".join(f"Où est le café numéro {number} ?;À côté de l’été {number}\n" for number in range(12))  # noqa: RUF001
    path.write_bytes(f"question;answer\n{rows}".encode("cp1252"))
    made = DatasetBuilder().build("made", files=[str(path)], validation=0, test=0, near_duplicates=None)
    (finding,) = [each for each in made["findings"] if each["code"] == "assumed-reading"]
    assert (finding["rows"], finding["message"]) == (12, "the file was read as cp1252")


STRAY = ['"He said "yes" to me",ok', '"a" b,c', '"one ""two"" three" four,""']


@pytest.mark.parametrize("line", STRAY)
def test_line_with_a_stray_quote_is_refused_alone(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["prompt,completion", "Why?,So.", line, '"In\ntwo?",Yes.', "And?,No."]))
    report = DistillationDataCollector().preview_files([path]).report
    assert (report.captured, [each["line"] for each in report.rejected]) == (3, [3])
    assert "a quote in a cell that is not written twice" in report.rejected[0]["reason"]


@pytest.mark.parametrize("line", ['"two\nlines "x" here",ok', 'a,"open\nfor long', 'a,"open\nfor, long"x'])
def test_file_ends_where_it_is_open_which_line_a_quote_closes(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.csv"
    rows = [f"Why {number}?,So." for number in range(80_000)]  # more than are looked at for the dialect
    path.write_text("\n".join(["prompt,completion", *rows, line, "And?,No."]))
    with pytest.raises(DataError, match=r"not CSV.*in the row that begins on line 80002"):
        list(sources.read(str(path)))


OPEN = ['a,"open', '"open,a', '"He said "yes to me",ok', '"a","b', 'a,"open\r']


@pytest.mark.parametrize("line", OPEN)
@pytest.mark.parametrize(
    "after", [["And?,No."], ["And?,No.", '"In\ntwo?",Yes.', '"x, y",z'] * 90, ["And?,No.", OPEN[0], "Or?,Yes."]]
)
def test_line_with_a_quote_that_is_not_closed_is_refused_alone(tmp_path: Path, line: str, after: list[str]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["prompt,completion", '"Why, or\nso?",So.', line, *after]), newline="")
    rows = list(sources.read(str(path)))
    refused = sum(each in OPEN for each in after)
    assert [row.line for row in rows[:3]] == [2, 4, 5]
    assert len(rows) == 2 + len(after)
    report = DistillationDataCollector().preview_files([path]).report
    assert (report.captured, len(report.rejected)) == (1 + len(set(after)) - refused, 1 + refused)
    assert report.rejected[0]["line"] == 4
    assert "quote" in report.rejected[0]["reason"]


def test_quotes_that_close_each_other_rows_apart_swallow_none_between(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('prompt,completion\na,"b\nc,d\ne,f\ng",h\ni,j\n')
    rows = list(sources.read(str(path)))
    assert all(row.text for row in rows)
    assert [row.line for row in rows] in ([2, 6], [2, 3, 4, 5, 6])
