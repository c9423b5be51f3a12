"""Large files are read by several processes, with the result of one."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.distillation import DistillationDataCollector, parallel_import
from fine_tuning.distillation.import_report import Defaults, ImportReport, RejectedRow
from fine_tuning.errors import DataError
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace

pytestmark = pytest.mark.slow
ROWS = 2500  # more than two blocks


def row(number: int) -> str:
    if number % 100 == 7:
        return '{"prompt": "broken'
    if number % 100 == 8:
        return json.dumps({"prompt": f"q{number}", "chosen": "a", "rejected": f"b{number}"})
    return json.dumps({"prompt": f"question {number % 2000}", "completion": "Yes.", "metadata": {"n": number % 2000}})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{row(number)}\n" for number in range(ROWS)))
    return path


def kept(collector: DistillationDataCollector) -> list[Any]:
    rows = [{key: value for key, value in each.items() if "_at" not in key} for each in collector.find_examples()]
    return sorted(rows, key=lambda each: each["id"])


def facts(report: ImportReport) -> dict[str, Any]:
    return {key: value for key, value in vars(report).items() if key not in {"known_since", "already_imported"}}


def test_parallel_import_stores_and_reports_what_one_process_does(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = DistillationDataCollector(tmp_path / "alone")
    expected = alone.import_files([file])
    assert len(expected.rejected) == ROWS // 100
    monkeypatch.setattr(parallel_import, "MIN_BYTES", 1)
    together = DistillationDataCollector(tmp_path / "together")
    found = together.import_files([file])
    assert facts(found) == facts(expected)
    assert kept(together) == kept(alone)
    again = together.import_files([file])
    assert again.known_since is not None
    assert (again.captured, again.duplicates) == (0, expected.captured + expected.duplicates)
    assert kept(together) == kept(alone)
    assert alone.import_files([file]).known_since is not None  # both note the same content


def test_parallel_import_of_a_truncated_file_keeps_what_is_before_it(
    database: Database, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel_import, "MIN_BYTES", 1)
    packed = gzip.compress(file.read_bytes())
    half = tmp_path / "rows.jsonl.gz"
    half.write_bytes(packed[: len(packed) * 3 // 4])
    collector = DistillationDataCollector(workspace=open_workspace())
    with pytest.raises(DataError, match=r"rows\.jsonl\.gz, after line \d+: .* \d+ captured calls are kept; repeat"):
        collector.import_files([half])
    before = len(collector.find_examples())
    half.write_bytes(packed)
    found = collector.import_files([half])
    assert 0 < before < ROWS
    assert found.already_imported == before - 10  # each of the ten pairs is two examples
    alone = DistillationDataCollector(tmp_path / "alone")
    alone.import_files([file])
    assert kept(collector) == kept(alone)


def test_reports_of_parts_add_up_in_every_count() -> None:
    wrong: list[RejectedRow] = [{"file": "f", "line": 1, "reason": "r"}]
    part = ImportReport(1, 2, 3, 4, 5, 6, wrong, Counter(openai=7), Counter({3: 8}), 9)
    whole = ImportReport()
    for _ in range(2):
        whole.add(part)
    assert whole == ImportReport(
        2, 4, 6, 8, 10, 12, part.rejected * 2, Counter(openai=14), Counter({3: 16}), 18, known_since=None
    )


def test_import_worker_whose_answers_nobody_reads_ends(tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    row = json.dumps({"prompt": "q" * 400, "response": "a" * 400})
    file.write_text(f"{row}\n" * 10_000)
    task = {"files": [str(file)], "defaults": astuple(Defaults()), "first": 0, "workers": 1}
    command = [sys.executable, "-m", "fine_tuning.distillation.import_worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdout.close()
        worker.stdin.write(json.dumps(task).encode() + b"\n")
        worker.stdin.close()
        assert worker.wait(60) == 1
