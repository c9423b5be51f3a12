"""The metrics of a succeeded job as a CSV file, which OpenAI's API calls its result file."""

from __future__ import annotations

import csv
import uuid

from fine_tuning._util.files import atomic_write, sha256_file
from fine_tuning.store import job_events
from fine_tuning.store.records.files import NewFile
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.workspace import Workspace

COLUMNS = {
    "step": "step",
    "train_loss": "train_loss",
    "train_accuracy": "token_accuracy",
    "valid_loss": "valid_loss",
    "valid_mean_token_accuracy": "valid_token_accuracy",
}


def write_results(workspace: Workspace, job: Job) -> NewFile:
    """Write one line for each step with metrics; returns the file's record, for the caller to add."""
    with workspace.database.read() as tx:
        metrics = job_events.metrics(tx, job["id"])
    steps: dict[int, dict[str, object]] = {}
    for each in metrics:
        steps.setdefault(each["step"], {}).update({k: v for k, v in each.items() if v is not None})
    file_id = f"file-{uuid.uuid4().hex[:24]}"
    path = workspace.folder("files") / f"{file_id}.csv"
    with atomic_write(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for step in sorted(steps):
            writer.writerow([steps[step].get(name, "") for name in COLUMNS.values()])
    return {
        "id": file_id,
        "provider": "local",
        "project": job["project"],
        "purpose": "fine-tune-results",
        "filename": "step_metrics.csv",
        "path": str(path),
        "bytes": path.stat().st_size,
        "sha256": sha256_file(path),
        "dataset_id": None,
    }
