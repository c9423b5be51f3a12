"""Files of the older file-based system are taken over once and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError


def version(number: int, status: str) -> dict[str, object]:
    return {
        "version": number,
        "model_name": "m",
        "base_model": "gpt-3.5-turbo",
        "job_id": f"ftjob-{number}",
        "dataset_size": 500,
        "accuracy": 0.9,
        "cost": 50.0,
        "status": status,
        "registered_at": "2025-01-01T00:00:00+00:00",
        "deployed_at": None,
        "metadata": {"a": 1},
    }


def test_import_registry_twice_imports_once(tmp_path: Path) -> None:
    path = tmp_path / "model_registry.json"
    content = json.dumps({"m": [version(1, "DEPLOYED"), version(2, "READY"), version(3, "DEPLOYED")]})
    path.write_text(content)
    registry = ModelRegistry(path)
    statuses = {record["version"]: record["status"] for record in registry.list_model_versions("m")}
    assert statuses == {1: "ARCHIVED", 2: "READY", 3: "DEPLOYED"}
    registry.register_model("m", "b", "j", 1)
    assert len(ModelRegistry(path).list_model_versions("m")) == 4
    assert path.read_text() == content


def test_import_costs_twice_imports_once(tmp_path: Path) -> None:
    path = tmp_path / "cost_tracking.json"
    job = {
        "job_id": "j",
        "model_name": "m",
        "base_model": "b",
        "dataset_size": 5,
        "training_tokens": 7,
        "total_cost": 3,
    }
    call = {"model_name": "m", "tokens_used": 9, "cost": 0.5, "is_fine_tuned": True, "timestamp": "2025-01-01T00:00:00"}
    path.write_text(json.dumps({"jobs": {"j": job}, "inferences": [call, call]}))
    for _ in range(2):
        assert CostTracker(path).get_cost_summary()["total_cost"] == 4.0


def test_import_costs_reads_exports_and_jsonl(tmp_path: Path) -> None:
    tracker = CostTracker(tmp_path / "first.db")
    tracker.record_training_job("j", "m", "b", 5, 7, 3.0)
    tracker.record_inference("m", 9, 0.5, is_fine_tuned=True)
    tracker.record_inference("m", 2, 0.25, is_fine_tuned=True, kind="evaluation")
    exported = Path(tracker.export_costs(tmp_path / "export.json"))
    summary = CostTracker(exported).get_cost_summary()
    assert summary == tracker.get_cost_summary()
    assert CostTracker(exported).get_job_cost("j") == tracker.get_job_cost("j")
    content = json.loads(exported.read_text())
    lines = [content["jobs"]["j"], *content["inferences"]]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert CostTracker(tmp_path / "events.jsonl").get_cost_summary()["total_cost"] == 3.5


def test_import_registry_keeps_the_newest_deployed_version(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps({"m": [version(3, "DEPLOYED"), version(1, "DEPLOYED")]}))
    deployed = ModelRegistry(tmp_path / "r.json").get_deployed_version("m")
    assert deployed is not None
    assert deployed["version"] == 3


def test_import_of_captured_calls_twice_imports_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    row = {"prompt": "a question", "response": "an answer", "domain": "d", "task_type": "t", "rating": 5}
    (tmp_path / "teacher_examples.jsonl").write_text(json.dumps(row) + "\nbroken\n")
    (tmp_path / "curated_dataset.jsonl").write_text(json.dumps(row) + "\n")
    for _ in range(2):
        (example,) = DistillationDataCollector(output_dir=tmp_path).get_curated_examples()
        assert (example["domain"], example["sightings"]) == ("d", 1)
    assert "teacher_examples.jsonl, line 2 was not imported: not JSON" in caplog.text


DAMAGED = [
    json.dumps({"m": [version(1, "READY"), version(1, "READY")]}),
    json.dumps({"m": [version(1, "READY") | {"base_model": None}]}),
    json.dumps({"m": [version(1, "READY") | {"cost": "much"}]}),
    json.dumps({"m": [version(1, "READY") | {"registered_at": "yesterday"}]}),
]


@pytest.mark.parametrize("content", ["[1, 2]", '{"m": 3}', '{"m": [{"version": 1}]}', "not json", *DAMAGED])
def test_import_of_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "registry.json"
    path.write_text(content)
    for _ in range(2):
        with pytest.raises(DataError, match=r"registry\.json"):
            ModelRegistry(path)
    assert path.read_text() == content
    assert [file.name for file in tmp_path.glob("registry*")] == ["registry.json"]


def test_import_registry_expands_home_and_reads_jsonl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "registry.jsonl").write_text("".join(json.dumps(version(n, "READY")) + "\n" for n in (1, 2)))
    assert len(ModelRegistry("~/registry.jsonl").list_model_versions("m")) == 2


def test_import_experiments_twice_imports_once(tmp_path: Path) -> None:
    ab = ABTestFramework(tmp_path / "first.db")
    ab.create_test("t", "old", "new")
    for _ in range(40):
        ab.record_sample("t", "model_a", "a", "b", 10, None)
        ab.record_sample("t", "model_b", "b", "b", 10, None)
    result = ab.conclude_test("t")
    file = ab.export_results(tmp_path / "results.json")
    for _ in range(2):
        imported = ABTestFramework(file)
        found = imported.get_test_results("t")
        assert (found.p_value, found.total_samples, imported.recommend_winner(found)) == (result.p_value, 80, "new")
        assert not imported.record_sample("t", "model_a", "a", "b", 10, None)
    (tmp_path / "other.json").write_text('{"t": {"model_a": "x"}}')
    with pytest.raises(DataError, match="as A/B test file of the older system"):
        ABTestFramework(tmp_path / "other.json")
