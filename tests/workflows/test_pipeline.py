"""`ft-cli auto-pipeline`: captured calls in, a registered and evaluated version out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import CostTracker, FineTuningCLI, LocalFineTuner, ModelEvaluator, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database


@pytest.fixture
def captured(examples: list[dict[str, Any]], database: Database) -> list[dict[str, Any]]:
    collector = DistillationDataCollector()
    for example in examples:
        collector.capture_success(**example)
    return examples


def auto_pipeline(*argv: str) -> int:
    return FineTuningCLI().run(["auto-pipeline", *argv])


def test_auto_pipeline_registers_an_evaluated_version(
    captured: list[dict[str, Any]], tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = auto_pipeline(str(tiny_model_dir), "--suffix", "mine", "--epochs", "1", "--json")
    out, err = capsys.readouterr()
    assert code == 0, err
    printed = json.loads(out)
    (record,) = ModelRegistry().list_model_versions("mine")
    (job,) = LocalFineTuner().list_jobs()
    assert (record["version"], record["status"], record["job_id"]) == (1, "READY", job["job_id"])
    assert record["accuracy"] == printed["tuned"]["accuracy"]
    evaluated = {result.model_type: result for result in ModelEvaluator().get_results()}
    assert evaluated.keys() == {"base", "fine_tuned"}
    assert evaluated["fine_tuned"].test_set_size == len(captured) - record["dataset_size"]
    assert CostTracker().get_job_cost(job["job_id"])["training_tokens"] == job["trained_tokens"]
    assert "deploy it with" not in out


def test_auto_pipeline_with_too_few_examples_fails_in_one_line(
    captured: list[dict[str, Any]], tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert auto_pipeline(str(tiny_model_dir), "--domain", "nowhere") == 1
    assert "0 valid examples rated 4 or more in domain nowhere; at least 10 are needed" in capsys.readouterr().err
    assert LocalFineTuner().list_jobs() == []
