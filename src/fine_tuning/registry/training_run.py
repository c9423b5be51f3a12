"""The training run behind a version."""

from __future__ import annotations

from dataclasses import dataclass, field

from fine_tuning.store import jobs
from fine_tuning.store.column_types import iso
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.records.rows import JsonColumn


@dataclass
class FinetuneJobRecord:
    """The training run behind a model version; what is unknown is None."""

    job_id: str
    model_name: str
    base_model: str
    dataset_size: int
    training_time_seconds: float | None
    cost: float | None
    accuracy: float | None
    status: str
    started_at: str | None
    completed_at: str | None
    notes: str = ""
    metadata: JsonColumn = field(default_factory=dict)


def training_run(tx: Transaction, version: ModelVersion) -> FinetuneJobRecord:
    """The training run of a version, as far as its job is recorded."""
    job = jobs.get(tx, version["job_id"])
    started, finished = (job["started_at"], job["finished_at"]) if job else (None, None)
    return FinetuneJobRecord(
        job_id=version["job_id"],
        model_name=version["model_name"],
        base_model=version["base_model"],
        dataset_size=version["dataset_size"],
        training_time_seconds=(finished - started).total_seconds() if started and finished else None,
        cost=version["cost"],
        accuracy=version["accuracy"],
        status=job["status"] if job else version["status"],
        started_at=iso(started),
        completed_at=iso(finished),
        metadata=version["metadata"],
    )
