"""Local jobs: a real worker process that trains a tiny model."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import psutil
import pytest
from transformers import AutoModelForCausalLM

from fine_tuning import CostTracker, LLMService, LocalFineTuner, ModelRegistry
from fine_tuning.errors import ConflictError, DataError, NotFoundError, TrainingError, UsageError
from fine_tuning.export.chat_template import rendered
from fine_tuning.store import artifacts, costs, jobs
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.local_trainer import TRAIN_EXTRA
from fine_tuning.workflows.model_export import ExportPlan, export_model
from tests.conftest import PROJECT
from tests.small_disks import remount, small_disk
from tests.waiting import wait_until


def write_chats(path: Path, count: int) -> str:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Please add {number} and {number + 1} for me."},
                {"role": "assistant", "content": f"That makes {2 * number + 1}."},
            ]
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def file_id(tmp_path: Path) -> str:
    return LocalFineTuner().upload_training_file(write_chats(tmp_path / "chats.jsonl", 24))


def start(file_id: str, model: Path, **hyperparameters: Any) -> tuple[LocalFineTuner, str]:
    tuner = LocalFineTuner()
    settings = {"n_epochs": 1, "batch_size": 4, **hyperparameters}
    return tuner, tuner.create_fine_tuning_job(str(model), file_id, suffix="tiny", **settings)["job_id"]


def step(tuner: LocalFineTuner, job_id: str) -> int:
    steps = [event["data"].get("step", 0) for event in tuner.list_events(job_id, 50)]
    return max(steps, default=0)


def test_job_succeeds_with_a_model(
    database: Database, tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "3.6")
    tuner = LocalFineTuner()
    training = tuner.upload_training_file(write_chats(tmp_path / "chats.jsonl", 24))
    validation = tuner.upload_training_file(write_chats(tmp_path / "more.jsonl", 4))
    settings = {"suffix": "tiny", "n_epochs": 2, "batch_size": 4}
    created = tuner.create_fine_tuning_job(str(tiny_model_dir), training, validation, **settings)
    assert created["status"] in {"queued", "running"}
    job = tuner.wait_for_job(created["job_id"], poll_seconds=0.1)
    assert job["status"] == "succeeded", job["error"]
    assert job["fine_tuned_model"].startswith(f"ft:{tiny_model_dir.name}:local:tiny:")
    assert job["trained_tokens"] > 1000
    metrics = [event["data"] for event in tuner.list_events(job["job_id"], 100) if event["type"] == "metrics"]
    assert [facts["step"] for facts in metrics if "train_loss" in facts] == list(range(1, 13))
    assert any("valid_loss" in facts for facts in metrics)
    with database.read() as tx:
        stored = jobs.get(tx, job["job_id"])
        made = {artifact["kind"]: artifact for artifact in artifacts.of_job(tx, job["job_id"])}
        (cost,) = costs.training_jobs(tx, job_id=job["job_id"])
    assert stored is not None
    assert (Path(made["merged"]["path"]) / "model.safetensors").is_file()
    assert len(made["merged"]["sha256"]) == 64
    assert (Path(made["adapter"]["path"]) / "adapter_model.safetensors").is_file()
    assert cost["total_cost"] == pytest.approx(stored["result"]["wall_seconds"] * 0.001)
    assert cost["training_tokens"] == job["trained_tokens"]
    assert LocalFineTuner().list_jobs()[0]["job_id"] == job["job_id"]


def test_job_on_sharded_base_without_template_is_served_and_exported_with_the_named_one(
    database: Database, file_id: str, tiny_model_dir: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny_model_dir, tmp_path / "base"))
    (base / "chat_template.jinja").unlink()
    (base / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(tiny_model_dir).save_pretrained(base, max_shard_size="100KB")
    assert (base / "model.safetensors.index.json").is_file()
    with pytest.raises(DataError, match="--chat-template"):
        start(file_id, base)
    tuner, job_id = start(file_id, base, chat_template="chatml", max_steps=2)
    job = tuner.wait_for_job(job_id, poll_seconds=0.1)
    assert job["status"] == "succeeded", job["error"]
    with database.read() as tx:
        stored = jobs.get(tx, job_id)
    assert stored is not None
    assert stored["hyperparameters"]["chat_template"] == "chatml"
    served, merged = Path(str(stored["base_model"])), Path(str(stored["result"]["merged_dir"]))
    asked = [{"role": "user", "content": "Please add 1 and 2 for me."}]
    text = rendered(tiny_model_dir, asked)  # its own template is of the same form
    assert text is not None
    assert [rendered(folder, asked) for folder in (served, merged)] == [text, text]
    service = LLMService()
    service.set_model(str(job["fine_tuned_model"]))
    assert service.complete(asked[0]["content"], max_tokens=4)["content"]
    plan = ExportPlan(job["fine_tuned_model"], "gguf", tmp_path / "exported", prompts=1)
    assert export_model(plan, workspace=open_workspace()).parity.keys() == {"merged", "exported"}


def test_resume_job_continues_at_the_paused_step(file_id: str, tiny_model_dir: Path) -> None:
    tuner, job_id = start(file_id, tiny_model_dir, n_epochs=60)
    wait_until(lambda: step(tuner, job_id) >= 3)
    tuner.pause_job(job_id)
    assert tuner.wait_for_job(job_id, poll_seconds=0.1)["status"] == "paused"
    paused_at = step(tuner, job_id)
    assert 3 <= paused_at < 360
    assert tuner.list_checkpoints(job_id)[0]["step"] == paused_at
    assert tuner.resume_job(job_id)["status"] in {"queued", "running"}
    job = tuner.wait_for_job(job_id, poll_seconds=0.1)
    assert job["status"] == "succeeded", job["error"]
    trained = [e["data"]["step"] for e in tuner.list_events(job_id, 1000) if "train_loss" in (e["data"] or {})]
    assert trained == sorted(set(trained))
    assert step(tuner, job_id) == 360


def test_job_killed_worker_can_be_resumed(file_id: str, tiny_model_dir: Path) -> None:
    tuner, job_id = start(file_id, tiny_model_dir, n_epochs=60, checkpoint_steps=5)
    wait_until(lambda: len(tuner.list_checkpoints(job_id)) >= 1)
    workers = [process for process in psutil.process_iter(["cmdline"]) if job_id in (process.info["cmdline"] or [])]
    assert len(workers) == 1
    workers[0].kill()
    workers[0].wait()
    # Nobody waits for its lease, which another machine's worker would have: its lock tells that it is gone.
    wait_until(lambda: tuner.get_job_status(job_id)["status"] == "paused", seconds=5)
    assert any("the worker died" in event["message"] for event in tuner.list_events(job_id))
    tuner.resume_job(job_id)
    job = tuner.wait_for_job(job_id, poll_seconds=0.1)
    assert job["status"] == "succeeded", job["error"]
    events = tuner.list_events(job_id, 1000)
    assert any("resuming from step" in event["message"] for event in events)
    trained = [event["data"]["step"] for event in events if "train_loss" in (event["data"] or {})]
    assert trained == sorted(set(trained))


def test_cancel_job_stops_a_running_job_whose_time_is_paid(
    file_id: str, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "3600")
    tuner, job_id = start(file_id, tiny_model_dir, n_epochs=200)
    wait_until(lambda: step(tuner, job_id) >= 1)
    assert tuner.cancel_job(job_id) is True
    assert tuner.wait_for_job(job_id, timeout_seconds=10, poll_seconds=0.1, progress_bar=False)["status"] == "cancelled"
    with pytest.raises(ConflictError, match="has cancelled; resume is no longer possible"):
        tuner.resume_job(job_id)
    cost = CostTracker().get_job_cost(job_id)
    assert cost is not None
    assert cost["total_cost"] == pytest.approx(cost["metadata"]["seconds"])
    assert cost["metadata"]["seconds"] > 0


def test_job_outlives_its_starting_process(file_id: str, tiny_model_dir: Path) -> None:
    import sys

    code = (
        "from fine_tuning import LocalFineTuner\n"
        f"job = LocalFineTuner().create_fine_tuning_job({str(tiny_model_dir)!r}, {file_id!r}, n_epochs=1)\n"
        "print(job['job_id'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    job = LocalFineTuner().wait_for_job(done.stdout.strip(), poll_seconds=0.1)
    assert job["status"] == "succeeded", job["error"]


def test_upload_invalid_row_raises_and_stores_nothing(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"messages": [{"role": "user", "content": "no answer"}]}\n')
    with pytest.raises(DataError, match=r"^bad\.jsonl, line 1: messages: there is no assistant message to train on$"):
        LocalFineTuner().upload_training_file("bad.jsonl")
    assert not (workspace / "files").exists()


def test_job_error_in_worker_fails_the_job(file_id: str, tiny_model_dir: Path) -> None:
    tuner = LocalFineTuner()
    job_id = tuner.create_fine_tuning_job(str(tiny_model_dir), file_id, max_length=8)["job_id"]
    job = tuner.wait_for_job(job_id, poll_seconds=0.1)
    assert job["status"] == "failed"
    assert job["error"]["message"].endswith("has no row that fits into 8 tokens; raise max_length")
    assert job["fine_tuned_model"] is None


def test_create_job_invalid_arguments_raise(file_id: str, tiny_model_dir: Path) -> None:
    tuner = LocalFineTuner()
    with pytest.raises(NotFoundError, match="no base model 'smollm3'"):
        tuner.create_fine_tuning_job("smollm3", file_id)
    with pytest.raises(NotFoundError, match="no training file file-0"):
        tuner.create_fine_tuning_job(str(tiny_model_dir), "file-0")
    with pytest.raises(UsageError, match="unknown hyperparameter batchsize; known are method, tuning, n_epochs"):
        tuner.create_fine_tuning_job(str(tiny_model_dir), file_id, batchsize=4)
    with pytest.raises(UsageError, match="hyperparameter batch_size = 0: input should be greater than or equal to 1"):
        tuner.create_fine_tuning_job(str(tiny_model_dir), file_id, batch_size=0)
    with pytest.raises(NotFoundError, match="no job ftjob-0 in this workspace"):
        tuner.get_job_status("ftjob-0")
    assert tuner.list_jobs() == []


def test_wait_for_job_timeout_raises_and_job_continues(file_id: str, tiny_model_dir: Path) -> None:
    tuner, job_id = start(file_id, tiny_model_dir, n_epochs=200)
    with pytest.raises(TrainingError, match="after 0.2 s; it continues"):
        tuner.wait_for_job(job_id, poll_seconds=0.1, timeout_seconds=0.2)
    tuner.cancel_job(job_id)
    assert tuner.wait_for_job(job_id, poll_seconds=0.1)["status"] == "cancelled"


def test_delete_model_deployed_raises(file_id: str, tiny_model_dir: Path) -> None:
    tuner, job_id = start(file_id, tiny_model_dir)
    model = str(tuner.wait_for_job(job_id, poll_seconds=0.1)["fine_tuned_model"])
    registry = ModelRegistry()
    registry.register_model("m", str(tiny_model_dir), job_id, 24)
    registry.set_model_status("m", "DEPLOYED")
    with pytest.raises(ConflictError, match="is deployed as m"):
        tuner.delete_fine_tuned_model(model)
    registry.set_model_status("m", "ARCHIVED")
    assert tuner.delete_fine_tuned_model(model) is True
    with pytest.raises(NotFoundError, match="no local fine-tuned model"):
        tuner.delete_fine_tuned_model(model)


def test_base_model_by_relative_path_is_found_from_any_folder_and_a_missing_one_pauses_the_job(
    file_id: str, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model_dir, tmp_path / "one" / "base")
    monkeypatch.chdir(tmp_path / "one")
    tuner, job_id = start(file_id, Path("./base"))
    elsewhere = tmp_path / "two"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    model = tuner.wait_for_job(job_id, poll_seconds=0.1)["fine_tuned_model"]
    exported = export_model(ExportPlan(str(model), "safetensors", prompts=1), workspace=open_workspace())
    assert exported.folder.parent == elsewhere

    monkeypatch.chdir(tmp_path / "one")
    (tmp_path / "one" / "base").rename(tmp_path / "away")
    (tmp_path / "one" / "base").mkdir()
    with pytest.raises(NotFoundError, match="not a model folder"):  # told before a job is made
        start(file_id, Path("./base"))
    (tmp_path / "one" / "base").rmdir()
    (tmp_path / "away").rename(tmp_path / "one" / "base")
    tuner, job_id = start(file_id, Path("./base"), n_epochs=200)
    wait_until(lambda: step(tuner, job_id) >= 2)
    tuner.pause_job(job_id)
    tuner.wait_for_job(job_id, poll_seconds=0.1)
    (tmp_path / "one" / "base").rename(tmp_path / "away")
    tuner.resume_job(job_id)
    job = tuner.wait_for_job(job_id, poll_seconds=0.1)
    assert job["status"] == "paused"
    assert job["error"]["message"].startswith("the base model base cannot be loaded; resume the job when it can be: ")
    assert f"(looked for at {tmp_path / 'one' / 'base'})" in job["error"]["message"]
    (tmp_path / "away").rename(tmp_path / "one" / "base")
    paused_at = step(tuner, job_id)
    tuner.resume_job(job_id)
    wait_until(lambda: step(tuner, job_id) > paused_at)
    tuner.cancel_job(job_id)
    tuner.wait_for_job(job_id, poll_seconds=0.1)


@pytest.mark.cold_start
def test_base_model_that_goes_away_while_the_job_starts_pauses_it(
    file_id: str, tiny_model_dir: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(tiny_model_dir, tmp_path / "base"))
    tuner, job_id = start(file_id, base)
    wait_until(lambda: "loading the training libraries" in str(tuner.list_events(job_id)))  # which takes seconds
    base.rename(tmp_path / "away")
    job = tuner.wait_for_job(job_id, poll_seconds=0.1)
    assert job["status"] == "paused"
    assert job["error"]["message"].startswith(
        f"the base model {base} cannot be loaded; resume the job when it can be: "
    )
    assert job["error"]["code"] == "model_not_found"


def test_job_full_disk_pauses_and_can_be_resumed(workspace: Path, file_id: str, tiny_model_dir: Path) -> None:
    disk = workspace / "artifacts"
    with small_disk(disk, "200k"):
        tuner, job_id = start(file_id, tiny_model_dir, checkpoint_steps=1)
        job = tuner.wait_for_job(job_id, progress_bar=False)
        assert job["status"] == "paused", job
        assert "the disk is full; free some space" in job["error"]["message"]
        remount(disk, "size=500m")
        tuner.resume_job(job_id)
        job = tuner.wait_for_job(job_id, progress_bar=False)
        assert (job["status"], job["error"]) == ("succeeded", None)


def test_packages_that_are_checked_are_those_of_the_extra() -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {re.match(r"[\w-]+", each)[0] for each in extras["train"]} == set(TRAIN_EXTRA)  # type: ignore[index]


@pytest.mark.parametrize("package", ["gguf", "psutil", "jinja2"])
def test_demo_without_a_package_does_nothing(
    package: str, cli: Any, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as Python itself marks what cannot be imported
    code, out, err = cli("demo")
    assert code != 0
    assert out == ""
    assert f"needs {package}: pip install" in err, err
    assert not any(workspace.glob("**/*.jsonl"))
