"""`ft-cli calls`: the newest calls, one whole, and all of them in a file."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from fine_tuning.cli import app
from fine_tuning.data_io.sources import RawRow
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.import_report import Defaults
from fine_tuning.distillation.row_reader import Import
from fine_tuning.errors import NotFoundError
from fine_tuning.gateway.recorder import Recorder
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.store import examples
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace
from tests.gateway.test_recording import exchange


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["calls", *arguments])
    return found.exit_code, found.output


def test_calls_are_shown_filtered_and_exported(database: Database, spool: Recorder, tmp_path: Path) -> None:
    for number in range(3):
        made = exchange(number)
        made.tags = {"unit": f"u-{number}"}
        made.status = 500 if number == 2 else 200
        spool.record(made)
    spool.close()
    store_spool(open_workspace(), spool.folder)
    code, text = run("tail")
    assert code == 0
    assert all(f"call_{number}" in text for number in range(3))
    assert "no: the call failed" in text
    assert [call["id"] for call in json.loads(run("tail", "--failed", "--json")[1])] == ["call_2"]
    assert [call["id"] for call in json.loads(run("tail", "--unit", "u-1", "--json")[1])] == ["call_1"]
    assert json.loads(run("tail", "--since", "2999-01-01", "--json")[1]) == []
    code, text = run("show", "call_0")
    assert code == 0
    assert "user: Question 0" in text
    assert "assistant: On its way." in text
    target = tmp_path / "calls.jsonl"
    assert run("export", str(target), "--answered")[0] == 0
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["messages"][0]["content"] for row in rows] == ["Question 0", "Question 1"]
    assert isinstance(CliRunner().invoke(app, ["calls", "show", "call_9"]).exception, NotFoundError)
    assert "--since: 'soon' is no time" in str(CliRunner().invoke(app, ["calls", "tail", "--since", "soon"]).exception)


def test_exported_calls_are_what_they_were_where_they_are_imported(
    database: Database, spool: Recorder, tmp_path: Path
) -> None:
    for number in range(2):
        made = exchange(number)
        made.started_at = 1_700_000_000.0 + number
        made.tags = {"unit": f"u-{number}", "task": "triage", "metadata": '{"shop": 7}'}
        spool.record(made)
    spool.close()
    store_spool(open_workspace(), spool.folder)
    first, second = (each["id"] for each in DistillationDataCollector().find_examples())
    DistillationDataCollector().rate(first, 1)
    target = tmp_path / "calls.jsonl"
    assert run("export", str(target))[0] == 0
    with database.read() as tx:
        kept = [examples.get(tx, each) for each in (first, second)]
    rows = [RawRow("calls.jsonl", number, line) for number, line in enumerate(target.read_bytes().splitlines())]
    read = {each.better["id"]: each.better for each in Import(Defaults()).calls(rows)}
    for example in kept:
        assert example is not None
        again = read[example["id"]]
        names = ("rating", "task_type", "domain", "model_used")
        assert [again[name] for name in names] == [example[name] for name in names]  # type: ignore[literal-required]
        assert again["captured_at"].isoformat() == example["captured_at"]
        assert again["metadata"].items() >= example["metadata"].items()
