"""Jobs of LoRA on SmolLM2-135M for the benchmarks: a file of short questions, and a place in the queue of workers."""

from __future__ import annotations

import json
from pathlib import Path

from fine_tuning import LocalFineTuner
from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL
from fine_tuning.store import jobs
from fine_tuning.store.records.jobs import NewJob
from fine_tuning.store.workspace import Workspace


def upload(workspace: Workspace, folder: Path, rows: int) -> str:
    """A training file of so many rows. Returns its id."""
    file = folder / "rows.jsonl"
    asked = [f"Where is order {at}? It was sent a week ago, and nobody tells me anything." for at in range(rows)]
    chats = [[{"role": "user", "content": each}, {"role": "assistant", "content": "track_order"}] for each in asked]
    file.write_text("".join(json.dumps({"messages": each}) + "\n" for each in chats))
    return str(LocalFineTuner(workspace=workspace).upload_training_file(file))


def enqueue(workspace: Workspace, name: str, file_id: str, **hyperparameters: float) -> None:
    """A job of one epoch, 4 rows a step, that waits for any worker."""
    job: NewJob = {
        "id": name,
        "provider": "local",
        "idempotency_key": name,
        "model": DEFAULT_BASE_MODEL,
        "training_file_id": file_id,
        "suffix": None,
        "hyperparameters": {"n_epochs": 1, "batch_size": 4, **hyperparameters},
        "status": "queued",
        "pooled": True,
    }
    with workspace.database.write() as tx:
        jobs.add(tx, job)
