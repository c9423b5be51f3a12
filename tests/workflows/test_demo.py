"""The demo: its packaged data as described, and the whole loop on real weights over a user's own file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from scripts import author_support_inbox

from fine_tuning import CostTracker, DatasetBuilder, FineTuningCLI, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.settings import get_settings
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.workflows.demo import run_demo
from fine_tuning.workflows.pipeline import Pipeline


def packaged() -> Path:
    return Path(str(resources.files("fine_tuning.workflows.demo").joinpath("support_inbox.jsonl")))


def test_packaged_data_has_duplicates_malformed_rows_and_all_ratings() -> None:
    collector = DistillationDataCollector()
    report = collector.capture_file(packaged())
    assert (report.read, report.captured, report.duplicates, len(report.rejected)) == (774, 720, 40, 14)
    examples = collector.find_examples()
    assert {example["rating"] for example in examples} == {1, 2, 3, 4, 5}
    assert sum(example["sightings"] == 2 for example in examples) == 40
    good = DatasetBuilder().validate_examples(collector.get_curated_examples())["valid_examples"]
    assert len(good) == 660
    answers = [json.loads(example["response"]) for example in good]
    assert len({answer["intent"] for answer in answers}) == 7
    for example, answer in zip(good, answers, strict=True):
        assert list(answer) == ["intent", "order", "date"]
        assert answer["order"] is None or answer["order"] in example["prompt"]


def test_packaged_data_is_what_its_script_writes() -> None:
    written = [call.line or json.dumps(call.row) for call in author_support_inbox.author_calls()]
    assert author_support_inbox.OUTPUT.read_text(encoding="utf-8").splitlines() == written
    assert author_support_inbox.OUTPUT.name == Path(packaged()).name


def test_capture_file_twice_counts_sightings_only() -> None:
    collector = DistillationDataCollector()
    collector.capture_file(packaged())
    again = collector.capture_file(packaged())
    assert (again.captured, again.duplicates) == (0, 760)


def test_demo_keeps_the_environment_and_prices_its_own_workspace(
    tmp_path: Path, workspace: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [line for line in packaged().read_text(encoding="utf-8").splitlines() if '"rating": 5' in line][:24]
    (tmp_path / "mine.jsonl").write_text("\n".join(rows), encoding="utf-8")
    before = _settings_in_environment()
    code = FineTuningCLI().run(["demo", "--data", "mine.jsonl", "--model", str(tiny_model_dir), "--max-steps", "1"])
    assert code == 0, capsys.readouterr()
    assert _settings_in_environment() == before
    own = open_workspace(settings=run_demo.demo_settings(get_settings(), tmp_path / "mine.jsonl"))
    assert [path.name for path in workspace.iterdir()] == [own.settings.home.name]
    (version,) = ModelRegistry(workspace=own).list_model_versions("support-inbox")
    assert CostTracker(workspace=own).get_job_cost(version["job_id"])["total_cost"] > 0  # by the trainer's process
    assert ModelRegistry().list_models() == []


def _settings_in_environment() -> dict[str, str]:
    """Of the environment what settings are read from; libraries set variables of their own when they are imported."""
    return {name: value for name, value in os.environ.items() if name.startswith(("FINE_TUNING_", "OPENAI_"))}


@pytest.mark.real_weights
def test_demo_of_a_users_file_with_real_weights_runs_the_loop(
    tmp_path: Path,
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    with_real_model: Callable[[Path], None],
) -> None:
    lines = packaged().read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if '"rating": 5' in line][:24]
    (tmp_path / "mine.jsonl").write_text("\n".join(rows), encoding="utf-8")
    own = run_demo.demo_settings(get_settings(), tmp_path / "mine.jsonl").home  # each file has a workspace of its own
    with_real_model(own)
    code = FineTuningCLI().run(["demo", "--data", "mine.jsonl", "--max-steps", "1"])
    printed = capsys.readouterr().out
    assert code == 0, printed
    for expected in (
        "(24 rows read, 1 seen twice, 1 malformed and skipped)",
        "Evaluation on",
        "A/B test demo-support-inbox-v1",
        "Agreement with gpt-4o",
        "teacher: gpt-4o",
        "Return on investment of support-inbox against gpt-4o",
        "its machine, always on",
        "of the price of gpt-4o per call; break-even after",
    ):
        assert expected in printed
    assert list(workspace.iterdir()) == [own]
    monkeypatch.setenv("FINE_TUNING_HOME", str(own))
    asked = ["export", "support-inbox", "--to", "gguf", "--output", str(tmp_path / "o"), "--json"]
    assert FineTuningCLI().run(asked) == 0
    parity = json.loads(capsys.readouterr().out)["parity"]
    assert parity.keys() == {"merged", "exported"}
    for each in parity.values():
        assert each["prompts"] == each["prompts_alike"] == 8
        assert each["agreement"] == 1
        assert each["divergence"] < 0.001


def test_demo_of_many_rows_has_a_valid_test(tmp_path: Path, tiny_model_dir: Path) -> None:
    lines = packaged().read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if '"rating": 5' in line and line.endswith("}")]
    file = tmp_path / "many.jsonl"
    with file.open("w", encoding="utf-8") as stream:
        for number in range(1_200):
            row = rows[number % len(rows)]
            prompt = f"{row['prompt']} Ticket {number * 7919 % 100_003} of {chr(97 + number % 26)}{number % 89}."
            stream.write(json.dumps({**row, "prompt": prompt}) + "\n")
    settings = run_demo.demo_settings(get_settings(), file)
    plan = replace(run_demo.demo_plan(str(tiny_model_dir), 1, 1), max_tokens=1)
    pipeline = Pipeline(open_workspace(settings=settings), plan, lambda _: None, _ended)
    result = run_demo.run(pipeline, file)
    assert result.experiment.total_samples > 50
    assert result.experiment.withheld == ""
    assert result.analysis.incumbent == "gpt-4o"
    assert result.analysis.savings <= result.analysis.incumbent_cost
    assert "answers to the same requests" in str(result.analysis.assumptions)
    low, high = result.analysis.intervals["savings"]
    mean = result.analysis.incumbent_cost
    assert 0.01 * mean < high - low < 0.5 * mean  # prices of requests differ by about a fifth


def _ended(tuner: FineTuner, job_id: str) -> JobView:
    return tuner.wait_for_job(job_id)
