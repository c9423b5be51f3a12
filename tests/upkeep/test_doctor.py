"""What the doctor finds, and what it mends."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from fine_tuning import CostTracker, LocalFineTuner, ModelRegistry
from fine_tuning.store import jobs
from fine_tuning.store.database import Database, open_database
from fine_tuning.upkeep import doctor


def findings(database: Database, *, fix: bool = False) -> list[str]:
    return [each.what for found in doctor.examine(database, fix=fix).values() for each in found]


def test_a_healthy_workspace(trained: dict[str, Any], cli: Any) -> None:
    ModelRegistry().deploy_model("orders")
    CostTracker().record_inference("orders", 10, 0.25, True)
    assert findings(open_database()) == []
    code, out, _ = cli("doctor")
    assert (code, "well" in out) == (0, True)


def test_files_and_weights_that_are_not_what_they_were(
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
    assert "data set orders is not at" in said
    assert "is not at" in said.replace("data set orders is not at", "")
    assert cli("doctor", "--fix")[0] == 1  # what is lost cannot be mended


def test_what_loses_nothing_is_mended(database: Database, workspace: Path) -> None:
    tracker = CostTracker()
    for cost in (0.25, 0.5, None):
        tracker.record_inference("m", 10, cost, True)
    with database.write() as tx:
        tx.execute(text("UPDATE cost_totals SET total = 99"))
    old = time.time() - 7200
    for name in (".half.xyz", "file-unknown.jsonl"):
        (workspace / "files").mkdir(parents=True, exist_ok=True)
        (workspace / "files" / name).write_text("x")
        os.utime(workspace / "files" / name, (old, old))
    (workspace / "files" / ".new").write_text("x")  # somebody is writing it
    said = findings(database)
    assert len(said) == 3
    assert tracker.get_inference_costs("m")["m"]["total"] == 99
    findings(database, fix=True)
    assert tracker.get_inference_costs("m")["m"] == {"count": 3, "total": 0.75, "tokens": 30, "unpriced": 1}
    assert [what.split()[0] for what in findings(database)] == ["no"]  # whose it was, nobody knows
    assert (workspace / "files" / ".new").exists()


def test_a_registry_that_was_tampered_with(database: Database) -> None:
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


def test_a_job_whose_worker_is_gone(database: Database) -> None:
    with database.write() as tx:
        job = {"id": "ftjob-1", "provider": "local", "idempotency_key": "k", "model": "m", "training_file_id": "f",
               "hyperparameters": {}, "status": "running"}  # fmt: skip
        jobs.add(tx, job)
    (said,) = findings(database)
    assert "ftjob-1 counts as running" in said
    findings(database, fix=True)
    assert findings(database) == []
    assert LocalFineTuner().get_job_status("ftjob-1")["status"] == "paused"
