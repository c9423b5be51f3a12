"""A job, its events and its checkpoints as fine-tuners return them, the same for every trainer."""

from __future__ import annotations

from typing import TypedDict

from fine_tuning.store.records.job_events import JobEventData
from fine_tuning.store.records.jobs import JobError, JobStatus
from fine_tuning.store.records.rows import JsonColumn


class JobView(TypedDict):
    """A job; times are ISO 8601, what is unknown is None."""

    job_id: str
    model: str
    status: JobStatus
    training_file: str
    validation_file: str | None
    fine_tuned_model: str | None
    created_at: str | None
    finished_at: str | None
    trained_tokens: int | None
    error: JobError | None


class JobEventView(TypedDict):
    """An event of a job; `type` is message, metrics, checkpoint or epoch; a host has the first two, or None."""

    id: int | str
    created_at: str | None
    level: str
    type: str | None
    message: str
    data: JobEventData | JsonColumn | None
