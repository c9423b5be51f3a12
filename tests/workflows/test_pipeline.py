"""`ft-cli auto-pipeline`: captured calls in, a registered and evaluated version out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import CostTracker, FineTuningCLI, LocalFineTuner, ModelEvaluator, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError, TrainingError
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.workflows.pipeline import Outcome, Pipeline, Plan, WaitForJob


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


def test_pipeline_interrupted_resumes_its_job(captured: list[dict[str, Any]], tiny_model_dir: Path) -> None:
    def pause(tuner: FineTuner, job_id: str) -> JobView:
        tuner.pause_job(job_id)
        return tuner.wait_for_job(job_id, progress_bar=False)

    def run(wait_for_job: WaitForJob, epochs: int) -> Outcome:
        plan = Plan(str(tiny_model_dir), "mine", n_epochs=epochs)
        return Pipeline(open_workspace(), plan, on_message=lambda _: None, wait_for_job=wait_for_job).run()

    with pytest.raises(TrainingError, match="paused"):
        run(pause, epochs=2)
    (paused,) = LocalFineTuner().list_jobs()
    outcome = run(FineTuner.wait_for_job, epochs=2)
    assert outcome.job["job_id"] == paused["job_id"]
    with pytest.raises(TrainingError, match="paused"):
        run(pause, epochs=1)  # another plan: it has a job of its own
    assert len(LocalFineTuner().list_jobs()) == 2


def test_pipeline_labels_are_answers_and_what_is_left_out_is_told(database: Database) -> None:
    collector, told = DistillationDataCollector(), list[str]()
    pipeline = Pipeline(open_workspace(), Plan("tiny", "mine"), told.append, FineTuner.wait_for_job)
    for number in range(9):
        collector.capture_success(f"Lost {number}", "yes" if number % 2 else "no", "bank", "intent")
    cut = {"finish_reason": "length"}
    collector.capture_success("Lost for ever?", "I am afr", "bank", "intent", metadata=cut)
    with pytest.raises(DataError, match=r"9 valid examples .* \(1 left out, 1 with 'Response cut off'; such as"):
        pipeline.select_examples()
    collector.capture_success("Lost 9", "?", "bank", "intent")
    assert [each["response"] for each in pipeline.select_examples()] == [*["no", "yes"] * 4, "no", "?"]
    assert told == ["data: 1 left out, 1 with 'Response cut off'; such as 'Response cut off (finish reason length)'"]
