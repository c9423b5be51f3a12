"""Calls from other tools' files and tables, taken over once and accounted for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from fine_tuning.data_io.sources import RawRow
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.importer import import_rows
from fine_tuning.distillation.row_reader import BLOCK_ROWS
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store import examples
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace
from tests.data_io import vendor_rows
from tests.data_io.test_formats import ONE_CALL

CHAT = {"messages": [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "Here."}]}


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def adds_up(report: ImportReport) -> bool:
    return report.read == report.captured + report.duplicates + report.skipped + len(report.rejected)


def test_import_files_mixed_formats_captures_each(database: Database, tmp_path: Path) -> None:
    file = write(
        tmp_path / "mixed.jsonl", [*ONE_CALL.values(), {"call_type": "embedding", "messages": [], "response": {}}]
    )
    report = DistillationDataCollector().import_files([file], domain="shop")
    assert (report.read, report.captured + report.duplicates, report.skipped) == (len(ONE_CALL) + 1, len(ONE_CALL), 1)
    with database.read() as tx:  # the same question and answer, with and without tools and a system prompt
        answers = {row["response"] for row in examples.each(tx)}
    assert answers == {"On its way.", "No idea.", '[{"arguments": {"order": 7}, "name": "track"}]'}
    assert report.formats == dict.fromkeys(ONE_CALL, 1)
    assert report.rejected == []
    assert report.preferences == 2
    assert adds_up(report)


def test_import_files_same_rows_again_adds_nothing(database: Database, tmp_path: Path) -> None:
    collector = DistillationDataCollector()
    first = collector.import_files([write(tmp_path / "a.jsonl", [CHAT])])
    again = collector.import_files([write(tmp_path / "copy.jsonl", [CHAT])])
    assert (first.captured, first.known_since) == (1, None)
    assert (again.captured, again.duplicates) == (0, 1)
    assert again.known_since is not None
    assert collector.get_dataset_stats()["sightings"] == 1
    other = collector.import_files([write(tmp_path / "b.jsonl", [CHAT, {**CHAT, "rating": 2}])])
    assert (other.captured, other.duplicates, other.known_since) == (0, 2, None)
    assert collector.get_dataset_stats()["sightings"] == 3


def test_import_files_unrated_rows_get_default_rating(database: Database, tmp_path: Path) -> None:
    collector = DistillationDataCollector()
    logged = {**ONE_CALL["litellm"], "messages": [{"role": "user", "content": "logged"}]}
    report = collector.import_files([write(tmp_path / "a.jsonl", [CHAT, logged, {**CHAT, "rating": 1}])])
    assert report.unrated == {5: 1, 3: 1}
    found = {each["prompt"]: each["rating"] for each in collector.find_examples()}
    assert found == {"Where is it?": 1, "logged": 3}
    collector.import_files([tmp_path / "a.jsonl"], rating=4)
    assert {each["rating"] for each in collector.find_examples()} == {1, 4}


def test_import_files_preference_row_stores_both_calls(database: Database, tmp_path: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "track", "arguments": "{}"}}
    asked = [{"role": "system", "content": "s"}, {"role": "user", "content": "Where is it?"}]
    pair = {
        "input": {"messages": asked},
        "preferred_output": [{"role": "assistant", "content": None, "tool_calls": [call]}],
        "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
    }
    collector = DistillationDataCollector()
    assert collector.import_files([write(tmp_path / "a.jsonl", [pair])]).preferences == 1
    (preference,) = collector.get_preferences()
    with database.read() as tx:
        worse, better = (examples.get(tx, preference[key]) for key in ("example_id", "chosen_id"))
    assert worse is not None
    assert better is not None
    assert (worse["rating"], better["rating"]) == (2, 5)
    assert better["messages"] == [*asked, *pair["preferred_output"]]
    assert worse["messages"] == [*asked, *pair["non_preferred_output"]]


def test_import_files_bad_rows_name_file_and_line(database: Database, tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [CHAT, {"question": "x"}])
    (tmp_path / "b.jsonl").write_bytes(b"\n{oops\n" + b"x" * (17 << 20) + b"\n3\n")
    report = DistillationDataCollector().import_files([tmp_path])
    assert [(Path(each["file"]).name, each["line"]) for each in report.rejected] == [
        ("a.jsonl", 2),
        ("b.jsonl", 2),
        ("b.jsonl", 3),
        ("b.jsonl", 4),
    ]
    assert "longer than 16 MiB" in report.rejected[2]["reason"]
    assert adds_up(report)


def test_import_files_truncated_file_stores_nothing(database: Database, tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [CHAT])
    (tmp_path / "b.json").write_text(json.dumps([CHAT, CHAT])[:-3])
    with pytest.raises(DataError, match=r"b\.json, line 1: not JSON"):
        DistillationDataCollector().import_files([tmp_path])
    assert DistillationDataCollector().get_dataset_stats()["teacher_examples"] == 0
    assert DistillationDataCollector().import_files([tmp_path / "a.jsonl"]).captured == 1


def test_import_of_a_grown_file_reads_what_is_new(database: Database, tmp_path: Path) -> None:
    rows = [{"prompt": f"question {number}", "response": f"answer {number}"} for number in range(2500)]
    write(tmp_path / "log.jsonl", rows[:2000])
    first = DistillationDataCollector().import_files([tmp_path / "log.jsonl"])
    write(tmp_path / "log.jsonl", rows)
    grown = DistillationDataCollector().import_files([tmp_path / "log.jsonl"])
    assert (first.captured, grown.captured, grown.already_imported, grown.known_since) == (2000, 500, 2000, None)
    assert {each["sightings"] for each in DistillationDataCollector().find_examples()} == {1}
    again = DistillationDataCollector().import_files([tmp_path / "log.jsonl"])
    assert (again.captured, again.duplicates, again.already_imported) == (0, 2500, 2500)
    assert again.known_since is not None


def test_others_capture_while_a_file_is_imported(database: Database, tmp_path: Path) -> None:
    collector = DistillationDataCollector()

    def rows() -> Iterator[RawRow]:
        for number in range(2 * BLOCK_ROWS):
            yield RawRow("rows", number + 1, json.dumps({"prompt": f"q{number}", "response": "a"}).encode())
            if number == BLOCK_ROWS:  # the first block is stored
                assert len(collector.find_examples()) == BLOCK_ROWS
                collector.capture_success("and meanwhile?", "This.", "general", "chat")

    report = import_rows(open_workspace().database, rows(), Defaults())
    assert (report.captured, len(collector.find_examples())) == (2 * BLOCK_ROWS, 2 * BLOCK_ROWS + 1)


def test_import_table_arrow_table_captures_rows(database: Database) -> None:
    table = pa.Table.from_pylist([{"prompt": "Where is it?", "response": "Here.", "rating": 4}])
    assert DistillationDataCollector().import_table(table).captured == 1
    nan = pa.Table.from_pylist([{"prompt": "Where is it?", "response": "Here.", "rating": float("nan")}])
    assert "rating must be a whole number" in DistillationDataCollector().import_table(nan).rejected[0]["reason"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"format": "xml"}, "unknown format"), ({"rating": 9}, "from 1 to 5"), ({"domain": " "}, "domain must be")],
)
def test_import_files_invalid_argument_raises_before_reading(
    database: Database, wrong: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        DistillationDataCollector().import_files(["missing.jsonl"], **wrong)


def test_import_files_of_a_batch_joins_output_with_input(database: Database, tmp_path: Path) -> None:
    asked = write(tmp_path / "input.jsonl", [vendor_rows.BATCH_INPUT, {**vendor_rows.BATCH_INPUT, "custom_id": "r-2"}])
    answered = write(tmp_path / "output.jsonl", [vendor_rows.BATCH_OUTPUT])
    collector = DistillationDataCollector()
    alone = collector.import_files([answered])
    assert (alone.captured, len(alone.rejected)) == (0, 1)
    report = collector.import_files([answered, asked])
    assert (report.captured, dict(report.formats)) == (1, {"batch": 1})
    (rejected,) = report.rejected
    assert (rejected["file"], rejected["line"]) == (str(asked), 2)
    assert "a batch's request has no answer here" in rejected["reason"]


def test_import_files_times_in_any_unit_are_read(tmp_path: Path) -> None:
    moment = "2025-11-24T16:00:00+00:00"
    times = [moment, 1764000000, 1764000000_000, 1764000000_000_000, 1764000000_000_000_000]
    answer = {"role": "assistant", "content": "On its way."}
    rows = [{"messages": [{"role": "user", "content": str(at)}, answer], "captured_at": at} for at in times]
    collector = DistillationDataCollector()
    assert collector.import_files([write(tmp_path / "a.jsonl", rows)]).captured == len(times)
    assert {each["captured_at"] for each in collector.find_examples()} == {moment}
