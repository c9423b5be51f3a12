"""Problems that `doctor` finds and fixes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text

from fine_tuning import CostTracker, DatasetBuilder, LocalFineTuner, ModelRegistry
from fine_tuning.datasets.earlier_versions import EARLIER
from fine_tuning.store import jobs
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import doctor
from tests.tiny_model import make_tiny_model
from tests.workflows.maintenance.conftest import workspace_of


def findings(database: Database, *, fix: bool = False) -> list[str]:
    return [each.what for found in doctor.check_workspace(workspace_of(database), fix=fix).values() for each in found]


def test_doctor_of_a_healthy_workspace_finds_nothing(trained: dict[str, Any], cli: Any) -> None:
    ModelRegistry().deploy_model("orders")
    CostTracker().record_inference("orders", 10, 0.25, True)
    assert findings(open_database()) == []
    code, out, _ = cli("doctor")
    assert (code, "ok" in out) == (0, True)


def test_doctor_finds_changed_weights_and_missing_files(
    trained: dict[str, Any],
    workspace: Path,
    cli: Any,
) -> None:
    ModelRegistry().deploy_model("orders")
    weights = next((workspace / "artifacts" / trained["job_id"]).rglob("merged/model.safetensors"))
    weights.write_bytes(b"x")
    assert "is deployed, but" in findings(open_database())[0]
    next((workspace / "files").iterdir()).unlink()
    (workspace / "datasets" / "orders.jsonl").unlink()
    said = "\n".join(findings(open_database()))
    assert "dataset orders is not at" in said
    assert "is not at" in said.replace("dataset orders is not at", "")
    assert cli("doctor", "--fix")[0] == 1  # what is lost cannot be fixed


def test_doctor_fix_repairs_totals_and_leftovers(database: Database, workspace: Path) -> None:
    tracker = CostTracker()
    for cost in (0.25, 0.5, None):
        tracker.record_inference("m", 10, cost, True)
    with database.write() as tx:
        tx.execute(text("UPDATE cost_totals SET total = 99"))
    old = time.time() - 7200
    for name in (".half.x1y2z3ab", ".words.abcdefgh.partial", "file-unknown.jsonl", ".new.x1y2z3ab"):
        (workspace / "files").mkdir(parents=True, exist_ok=True)
        (workspace / "files" / name).write_text("x")
        (workspace / "files" / name).chmod(0o600)
        if not name.startswith(".new"):  # somebody is writing it
            os.utime(workspace / "files" / name, (old, old))
    said = findings(database)
    assert len(said) == 4
    assert tracker.get_inference_costs("m")["m"]["total"] == 99
    findings(database, fix=True)
    assert tracker.get_inference_costs("m")["m"] == {"count": 3, "total": 0.75, "tokens": 30, "unpriced": 1}
    assert [what.split()[0] for what in findings(database)] == ["no"]  # whose it was, nobody knows
    assert (workspace / "files" / ".new.x1y2z3ab").exists()


def test_doctor_finds_inconsistent_statuses_and_version_gaps(database: Database) -> None:
    registry = ModelRegistry()
    for job in ("j1", "j2"):
        registry.register_model("m", "b", job, 1)
    registry.deploy_model("m", 1)
    with database.write() as tx:
        tx.execute(text("UPDATE model_versions SET status = 'READY' WHERE version = 1"))
        tx.execute(text("UPDATE model_versions SET version = 5 WHERE version = 2"))
    said = "\n".join(findings(database))
    assert "m v1 is READY, its events say DEPLOYED" in said
    assert "versions of m have gaps: 2, 3, 4" in said


def test_doctor_finds_a_job_without_worker(database: Database) -> None:
    with database.write() as tx:
        job = {
            "id": "ftjob-1",
            "provider": "local",
            "idempotency_key": "k",
            "model": "m",
            "training_file_id": "f",
            "hyperparameters": {},
            "status": "running",
        }
        jobs.add(tx, job)
    (said,) = findings(database)
    assert "ftjob-1 counts as running" in said
    assert "resume it with: ft-cli jobs resume ftjob-1" in said
    findings(database, fix=True)
    assert findings(database) == []
    assert LocalFineTuner().get_job_status("ftjob-1")["status"] == "paused"


WRITER = """
import os, signal, sys
from pathlib import Path
from fine_tuning._util.files import atomic_write, atomic_folder
home = Path(sys.argv[1])
with atomic_write(home / "datasets" / "orders.jsonl") as stream:
    artifacts = home / "artifacts"
    with atomic_folder(artifacts / "job") as job, atomic_folder(artifacts / "j2" / "merged") as merged:
        (job / "weights").write_text("x")
        (merged / "weights").write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)
"""


def age(home: Path, seconds: float) -> None:
    then = time.time() - seconds
    for path in home.rglob("*"):
        os.utime(path, (then, then))


def test_doctor_fix_removes_only_files_of_killed_processes(workspace: Path) -> None:
    database = open_database()
    for attempt in range(20):  # a name of letters alone is let be; there are few
        subprocess.run([sys.executable, "-c", WRITER, workspace], check=False)
        left = [path.name for path in (workspace / "datasets").iterdir()]
        if attempt and any(any(sign in "0123456789_" for sign in name[-8:]) for name in left):
            break
    # The last but one is named as ours are, but of another mode.
    names = ".gitignore .DS_Store .env.local .project.settings .notes.20261126 .a.b1c2d3e4 .partial".split()
    own = [workspace / "datasets" / name for name in names]
    for path in own:
        path.write_text("mine")
    (workspace / "datasets" / ".link.partial").symlink_to(workspace / "datasets" / ".gitignore")
    shutil.copy(own[0], workspace / "artifacts" / ".gitkeep")
    assert findings(database, fix=True) == []  # somebody may still be writing
    age(workspace, 7200)
    said = findings(database)
    assert any(".orders.jsonl." in what for what in said)
    for name in (".job.partial", ".merged.partial"):
        assert any(what.endswith(name) for what in said)
    findings(database, fix=True)
    assert findings(database) == []
    assert all(path.exists() for path in [*own, workspace / "artifacts" / ".gitkeep"])
    assert (workspace / "datasets" / ".link.partial").is_symlink()
    assert not list((workspace / "artifacts").rglob("*.partial"))


def test_doctor_keeps_the_folder_of_a_long_build(workspace: Path) -> None:
    (workspace / "datasets" / ".large.partial" / ".work").mkdir(parents=True)
    age(workspace, 7200)
    assert findings(open_database()) == []
    age(workspace, 2 * 86400)
    assert len(findings(open_database(), fix=True)) == 1
    assert not (workspace / "datasets" / ".large.partial").exists()


@contextmanager
def without_foreign_keys(database: Database) -> Iterator[Callable[[str], object]]:
    if database.url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(database.url.database))) as connection, connection:
            yield connection.execute
    else:
        with database.write() as tx:
            tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
            yield tx.exec_driver_sql


def test_doctor_knows_the_winner_of_a_bakeoff_that_was_not_registered(database: Database, workspace: Path) -> None:
    folders = [workspace / "artifacts" / f"{kind}-{number:012x}" for number, kind in enumerate(("head", "few-shot"))]
    folders += [workspace / "artifacts" / name for name in ("cascade over head-0123456789ab", "head-of-mine")]
    for folder in folders:
        (folder / "head").mkdir(parents=True)
    registered, *left, own = folders
    ModelRegistry().register_model(
        "m", "head: TF-IDF", "bakeoff-1", 1, provider="local", provider_model=str(registered)
    )
    found = doctor.check_workspace(open_workspace())["left-over files"]
    assert found == [], "a bake-off may be about to register them"
    for folder in folders:
        for each in (folder, folder / "head"):
            os.utime(each, (1, 1))
    found = doctor.check_workspace(open_workspace(), fix=True)["left-over files"]
    assert [each.what for each in found] == [f"no row refers to {each}" for each in sorted(left)]
    assert [each.is_dir() for each in folders] == [True, False, False, True], own


def test_doctor_knows_the_second_path_of_a_dataset_whose_replacement_was_killed(workspace: Path) -> None:
    builder = DatasetBuilder()
    for answer in ("yes", "no"):
        builder.save_dataset([{"prompt": "Is it open?", "response": answer}], "saved")
    (replaced,) = (workspace / "datasets" / EARLIER).iterdir()
    killed = replaced.with_name("saved-0123456789ab.jsonl")
    os.link(workspace / "datasets" / "saved.jsonl", killed)
    age(workspace / "datasets", 7200)
    found = doctor.check_workspace(open_workspace(), fix=True)["left-over files"]
    assert found == [doctor.Finding("left-over files", f"no row refers to {killed}")]
    assert killed.exists()


def test_doctor_finds_broken_references(database: Database, workspace: Path) -> None:
    for name in ("gone", "lamp"):
        ModelRegistry().register_model(name, "b", "j", 1)
    (workspace / "artifacts" / ".j.partial").mkdir(parents=True)
    age(workspace / "artifacts", 7200)
    with without_foreign_keys(database) as execute:
        execute("DELETE FROM model_versions WHERE model_name = 'gone'")
        execute("UPDATE model_versions SET status = 'DEPLOYED' WHERE model_name = 'lamp'")
    said = "\n".join(findings(database))
    assert "deployment event 1 is of a missing version" in said
    assert "lamp v1 is DEPLOYED, its events say READY" in said
    assert "half-written" in said


def test_doctor_finds_invalid_json(workspace: Path, cli: Any) -> None:
    registry = ModelRegistry()
    registry.register_model("lamp", "b", "j", 1)
    registry.deploy_model("lamp", 1)
    CostTracker().record_inference("lamp", 10, 0.25, True)
    with open_database().write() as tx:
        tx.execute(text("UPDATE model_versions SET metadata = '{oops'"))
        tx.execute(text("UPDATE cost_totals SET total = 99"))
        tx.execute(text("UPDATE model_versions SET status = 'READY'"))
    code, out, _ = cli("doctor")
    assert code == 1
    for what in ("metadata is not JSON in 1 rows of model_versions", "is not the sum of its events", "its events say"):
        assert what in out
    code, _, err = cli("backup", str(workspace.parent / "b"))
    assert (code, "table model_versions has a value that cannot be read" in err) == (1, True)
    assert not (workspace.parent / "b").exists()


def test_doctor_with_a_failing_check_reports_the_others(workspace: Path) -> None:
    CostTracker().record_inference("lamp", 10, 0.25, True)
    ModelRegistry().register_model("lamp", "b", "j", 1)
    with open_database().write() as tx:
        tx.execute(text("UPDATE cost_events SET recorded_at = 'yesterday'"))
        tx.execute(text("UPDATE model_versions SET version = 3"))
    found = doctor.check_workspace(open_workspace())
    assert "could not be checked completely" in found["totals of costs"][0].what
    assert "gaps: 1, 2" in found["registry"][0].what


def test_doctor_finds_a_missing_model_folder(database: Database, tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "elsewhere")
    ModelRegistry().import_model("imported", folder)
    ModelRegistry().register_model("hosted", "b", "j", 1, provider="local", provider_model="org/name-of-a-hub")
    assert findings(database) == []
    shutil.rmtree(folder)
    assert findings(database) == [f"the model of imported v1 is not at {folder}"]


def test_doctor_checks_weights_of_imported_models(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "ext"))
    registry = ModelRegistry()
    registry.import_model("lamp", folder)
    registry.deploy_model("lamp")
    assert [each.what for found in doctor.check_workspace(open_workspace()).values() for each in found] == []
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    found = [each.what for found in doctor.check_workspace(open_workspace()).values() for each in found]
    assert found == [f"lamp v1 is deployed, but {weights} is not what it was registered with"]
