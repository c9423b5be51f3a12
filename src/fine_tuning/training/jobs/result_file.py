"""A finished job's metrics as the CSV file that OpenAI's API calls its result file."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Mapping
from typing import Any

from fine_tuning._util.files import atomic_write, sha256_file
from fine_tuning.settings import get_settings
from fine_tuning.store import job_events
from fine_tuning.store.database import Database

COLUMNS = {
    "step": "step",
    "train_loss": "train_loss",
    "train_accuracy": "token_accuracy",
    "valid_loss": "valid_loss",
    "valid_mean_token_accuracy": "valid_token_accuracy",
}


def write_results(database: Database, job: Mapping[str, Any]) -> dict[str, Any]:
    """Write one line for each step that was told of; returns the row of the file, for the caller to record."""
    with database.read() as tx:
        events = job_events.newest(tx, job["id"], job_events.MOST_EVENTS)
    steps: dict[int, dict[str, Any]] = {}
    for event in events:
        if event["kind"] == "metrics":
            known = {name: value for name, value in event["data"].items() if value is not None}
            steps.setdefault(known["step"], {}).update(known)
    file_id = f"file-{uuid.uuid4().hex[:24]}"
    path = get_settings().folder("files") / f"{file_id}.csv"
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
