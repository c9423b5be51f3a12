"""A model is relocated to this project's own server, behind a line that fails."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import ModelRegistry
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import files, jobs
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.worker_pool import Pool
from fine_tuning.workflows import relocation
from fine_tuning.workflows.relocation import Plan
from tests import wire
from tests.faults import faulty
from tests.server.conftest import ALIAS, listening


def test_relocate_to_unreliable_host_succeeds(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [(f"Please add {n} and {n + 1} for me.", f"That makes {2 * n + 1}.") for n in range(50)]
    rows = [{"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]} for a, b in said]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    theirs, over = open_database(), threading.Event()
    pool = Pool(open_workspace())

    def work() -> None:
        while not over.wait(0.1):
            pool.step()

    config = ServerConfig(aliases={ALIAS: str(tiny_model_dir)})
    with wire.host() as old, listening(config) as address, faulty(address) as line:
        worker = threading.Thread(target=work)
        worker.start()
        try:
            old.answers["POST /chat/completions"] = lambda request: (
                200,
                wire.completion(request.body["messages"][-1]["content"], "ft:old"),
            )
            outcome = _relocated(path, old, line, tmp_path, monkeypatch)
        finally:
            over.set()
            worker.join()
            pool.shut_down()
    assert (outcome.verdict, outcome.examples, outcome.held_out) == ("undecided", 20, True)  # both are always wrong
    assert sum(line.failed.values()) > 3
    with theirs.read() as tx:
        assert len(jobs.newest(tx, 10)) == 1  # one job, however often it was sent


def _relocated(path: Path, old: wire.Host, line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Relocate from a database of our own; the server has read where its own is."""
    monkeypatch.setenv("FINE_TUNING_DATABASE_URL", f"sqlite:///{tmp_path / 'ours.db'}")
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    with open_database().write() as tx:
        files.add(
            tx,
            {
                "id": "file-1",
                "provider": old.url,
                "purpose": "fine-tune",
                "filename": path.name,
                "path": str(path),
                "bytes": 1,
                "sha256": "0" * 64,
            },
        )
        jobs.add(
            tx,
            {
                "id": "ftjob-1",
                "provider": old.url,
                "idempotency_key": "k",
                "model": "gpt-4o-mini",
                "training_file_id": "file-1",
                "hyperparameters": {},
                "status": "succeeded",
                "fine_tuned_model": "ft:old",
            },
        )
    ModelRegistry().register_model("sums", "gpt-4o-mini", "ftjob-1", 50, provider=old.url, provider_model="ft:old")
    line.rate = 0.2
    plan = Plan("sums", ALIAS, line.url, n_epochs=1, max_answer_tokens=8)
    return relocation.relocate(plan, workspace=open_workspace())
