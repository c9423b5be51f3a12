"""A dry run of an import: what was understood, and what would be left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder, FineTuningCLI
from fine_tuning.distillation import DistillationDataCollector

QUESTION = {"role": "user", "content": "When does the ferry leave?"}
CALL = {"id": "c1", "type": "function", "function": {"name": "timetable", "arguments": '{"line": 3}'}}


def completion(text: str, reason: str, number: int = 0) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "model": "gpt-4o",
        "messages": [QUESTION],
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [
        *(completion(f"At {hour}.", "stop") for hour in range(5)),
        completion("At fif", "length", 8),
        {
            "messages": [QUESTION, {"role": "assistant", "content": None, "tool_calls": [CALL]}],
            "tools": [{"name": "x"}],
        },
        {"messages": [QUESTION, {"role": "assistant", "content": "At noon."}], "images": ["ferry.png"]},
        completion("At 0.", "stop"),
    ]
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_preview_files_counts_samples_and_reasons(file: Path, workspace: Path) -> None:
    found = DistillationDataCollector().preview_files([file])
    report = found.report
    assert (report.read, report.captured, report.duplicates, report.cut_off) == (9, 7, 1, 1)
    assert [sample["format"] for sample in found.samples] == ["stored-completion"] * 3 + ["openai"]
    assert found.samples[0]["messages"] == [QUESTION, {"role": "assistant", "content": "At 0."}]
    assert found.samples[0]["model"] == "gpt-4o"
    assert found.samples[-1]["tools"] == [{"type": "function", "function": {"name": "x"}}]
    (reason,) = found.reasons
    assert "images" in reason
    (untrainable,) = found.untrainable
    assert "'timetable' is not among the row's tools" in untrainable
    assert DistillationDataCollector().find_examples() == []


def test_dry_run_prints_calls_and_reasons(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert FineTuningCLI().run(["capture", "import", "--dry-run", str(file)]) == 0
    printed = capsys.readouterr().out
    for expected in ("nothing was stored", "When does the ferry leave?", "calls timetable", "Rejected", "images: an"):
        assert expected in printed
    assert FineTuningCLI().run(["capture", "import", "--dry-run", "--json", str(file)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["report"]["captured"] == 7


def test_cut_off_answers_are_marked_counted_and_left_out(file: Path) -> None:
    collector = DistillationDataCollector()
    assert collector.import_files([file]).cut_off == 1
    (cut,) = [each for each in collector.find_examples() if each["response"] == "At fif"]
    assert cut["metadata"]["finish_reason"] == "length"
    builder = DatasetBuilder()
    choices: dict[str, Any] = {"near_duplicates": None, "validation": 0, "test": 0}
    made = builder.build("whole", **choices)
    assert made["counts"]["left_out"] == 1
    assert made["steps"]["filter cut_off"] == 1
    assert builder.build("all", keep_cut_off=True, **choices)["counts"]["left_out"] == 0
    valid = builder.validate_examples(collector.find_examples(), 1, 1)
    issues = [each["issues"] for each in valid["invalid_examples"]]
    assert ["Response cut off (finish reason length)"] in issues


def test_prepare_dataset_saves_only_what_check_keeps(
    file: Path, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DistillationDataCollector().import_files([file])
    run = FineTuningCLI().run
    assert run(["prepare-dataset", "--output", "ready", "--min-rating", "1", "--min-response-length", "1"]) == 0
    assert "'timetable' is not among the row's tools" in " ".join(capsys.readouterr().out.split())
    report = DatasetBuilder().check_files([workspace / "datasets" / "ready.jsonl"])
    assert (report.read, report.kept) == (5, 5)


def test_preview_files_counts_answers_that_stay_json_of_messages(tmp_path: Path, workspace: Path) -> None:
    answer = json.dumps([{"role": "assistant", "content": "At noon."}])
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "Write JSON.", "response": answer}))
    found = DistillationDataCollector().preview_files([tmp_path / "rows.jsonl"])
    assert (found.report.captured, found.unread_messages) == (1, 1)
