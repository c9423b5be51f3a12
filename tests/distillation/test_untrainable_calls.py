"""Calls that an import stores and a build refuses: nothing is lost, and both the dry run and the report say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder, FineTuningCLI
from fine_tuning.distillation import DistillationDataCollector

Q, A = {"role": "user", "content": "When does the ferry leave?"}, {"role": "assistant", "content": "At noon."}


def called(*ids: str, arguments: str = "{}") -> dict[str, Any]:
    calls = [{"id": each, "type": "function", "function": {"name": "f", "arguments": arguments}} for each in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "12:00"}


WAITING = {"type": "tool-f", "toolCallId": "c", "state": "input-available", "input": {}}
ROWS: dict[str, dict[str, Any]] = {
    "system-not-first": {"messages": [{"role": "system", "content": "Be brief."}, Q, A], "system": "Be kind."},
    "wrong-tool-call": {"messages": [Q, called("c", arguments="{not json"), result("c"), A]},
    "unknown-message-key": {"messages": [{**Q, "mood": "curious"}, A]},
    "empty-content": {"messages": [Q, {"role": "assistant", "content": ""}, Q, A]},
    "unanswered-call": {"messages": [Q, {"role": "assistant", "parts": [WAITING]}, Q, A]},
}


@pytest.mark.parametrize("code", ROWS)
def test_import_counts_calls_that_a_build_refuses(tmp_path: Path, code: str) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(json.dumps(ROWS[code]) + "\n" + json.dumps({"messages": [Q, A]}) + "\n")
    collector = DistillationDataCollector()
    preview = collector.preview_files([file])
    assert preview.report.untrainable == {code: 1}
    assert [reason.partition(":")[0] for reason in preview.untrainable] == [code]
    report = collector.import_files([file])
    assert (report.captured, report.rejected, dict(report.untrainable)) == (2, [], {code: 1})
    counts = DatasetBuilder().build("ferry", validation=0, test=0)["counts"]
    assert (counts["kept"], counts["rejected"]) == (1, 1)


def test_import_prints_calls_that_are_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS.values()))
    assert FineTuningCLI().run(["capture", "import", str(file)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "not fit for training" in printed
    assert all(code in printed for code in ROWS)


def test_build_says_which_option_of_the_request_a_row_has_not(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        {"messages": [{**Q, "content": f"Ferry {n}?"}, A], **({"tool_choice": "required"} if n else {})}
        for n in range(3)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = DatasetBuilder().build("ferry", [file], validation=0, test=0, near_duplicates=None)
    assert made["counts"]["kept"] == 3
    assert [(each["code"], each["rows"]) for each in made["findings"] if each["code"] == "request-option"] == [
        ("request-option", 2)
    ]
