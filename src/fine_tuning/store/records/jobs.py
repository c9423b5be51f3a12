"""Fine-tuning jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NotRequired, TypedDict

from fine_tuning.store.records.job_results import JobResult
from fine_tuning.store.records.rows import JsonColumn

JobStatus = Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]

JobRequest = Literal["run", "pause", "cancel"]  # what the user last requested of a job


class Hyperparameters(TypedDict, total=False):
    """Settings of a job: those that OpenAI's API has too; `training_config.TrainingConfig` has the further ones."""

    method: str
    n_epochs: int | str
    batch_size: int | str
    learning_rate_multiplier: float | str
    beta: float | str
    seed: int
    chat_template: str


class JobMethod(TypedDict):
    """`jobs.method`; a host's has the method's settings under the type's name as well."""

    type: str


class JobError(TypedDict):
    """`jobs.error`: why a job failed, or paused by itself; `detail`, such as a path, is for who runs the jobs alone."""

    code: str
    message: str
    param: NotRequired[str | None]
    detail: NotRequired[str | None]


class JobEstimate(TypedDict):
    """`jobs.estimate`: tokens over all epochs, US dollars and seconds expected of a job; None is unknown."""

    tokens: int | None
    usd: float | None
    seconds: float | None


class JobFacts(TypedDict):
    """What is known of every job; `provider` is "local" or a host's address."""

    id: str
    provider: str
    idempotency_key: str
    model: str
    training_file_id: str
    validation_file_id: str | None
    dataset_id: int | None
    suffix: str | None
    hyperparameters: Hyperparameters
    status: JobStatus


class NewJob(JobFacts):
    """What `jobs.add` records; the database fills in the rest."""

    estimate: NotRequired[JobEstimate]
    provider_job_id: NotRequired[str | None]
    fine_tuned_model: NotRequired[str | None]
    trained_tokens: NotRequired[int | None]
    error: NotRequired[JobError | None]
    result: NotRequired[JobResult | None]
    started_at: NotRequired[datetime | None]
    finished_at: NotRequired[datetime | None]
    project: NotRequired[str]
    pooled: NotRequired[bool]
    base_model: NotRequired[str | None]
    method: NotRequired[JobMethod | None]
    seed: NotRequired[int | None]
    metadata: NotRequired[JsonColumn | None]
    integrations: NotRequired[list[JsonColumn] | None]


class Job(JobFacts):
    """A row of `jobs`."""

    provider_job_id: str | None
    requested: JobRequest
    fine_tuned_model: str | None
    model_deleted_at: datetime | None
    trained_tokens: int | None
    error: JobError | None
    result: JobResult | None
    worker: str | None
    lease_expires_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    project: str
    pooled: bool
    deaths: int
    base_model: str | None
    method: JobMethod | None
    seed: int | None
    metadata: JsonColumn | None
    integrations: list[JsonColumn] | None
    result_file_id: str | None
    estimate: JobEstimate | None
