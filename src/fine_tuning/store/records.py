"""What the store returns: a TypedDict for each kind of row, so that a mistyped key is an error of the type checker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict, TypeVar, cast

JsonObject = dict[str, Any]  # a JSON column whose keys are the caller's (metadata) or another system's
Record = TypeVar("Record")


def record(kind: type[Record], row: Mapping[Any, Any]) -> Record:  # noqa: ARG001 - only its type is needed
    """A row of a query as the record that it is; the query selects what the record has."""
    return cast("Record", dict(row))


def records(kind: type[Record], rows: Iterable[Mapping[Any, Any]]) -> list[Record]:
    """As `record`, of every row."""
    return [record(kind, row) for row in rows]


class ApiKey(TypedDict):
    """A row of `api_keys`."""

    id: str
    name: str
    project: str
    prefix: str
    sha256: str
    created_at: datetime
    revoked_at: datetime | None
    read_only: bool


class BudgetStatus(TypedDict):
    """A row of `budgets` with what is spent of it: US dollars of the current calendar month (UTC).

    `spent` includes the estimates of jobs that have not ended; `unpriced` counts events without a known price.
    """

    model_name: str
    usd_per_month: float
    spent: float
    left: float
    unpriced: int


class CheckpointPermission(TypedDict):
    """A row of `checkpoint_permissions`."""

    id: str
    checkpoint: str
    project: str
    created_at: datetime


class NewCostEvent(TypedDict):
    """A row of `cost_events` to be added. `tokens` and `cost` (US dollars) are None where unknown."""

    kind: str
    model_name: str
    tokens: int | None
    cost: float | None
    is_fine_tuned: bool | None
    metadata: JsonObject
    base_model: NotRequired[str | None]
    job_id: NotRequired[str]
    dataset_size: NotRequired[int | None]
    recorded_at: NotRequired[datetime]


class CostEvent(TypedDict):
    """A row of `cost_events`, its time in ISO 8601."""

    id: int
    kind: str
    model_name: str
    base_model: str | None
    job_id: str | None
    dataset_size: int | None
    tokens: int | None
    cost: float | None
    is_fine_tuned: bool | None
    metadata: JsonObject
    recorded_at: str


class TrainingCost(TypedDict):
    """The row of `cost_events` of a training job; `total_cost` is US dollars, None where unknown."""

    job_id: str
    model_name: str
    base_model: str
    dataset_size: int | None
    training_tokens: int | None
    total_cost: float | None
    recorded_at: str
    metadata: JsonObject


class CallTotals(TypedDict):
    """Sums over recorded calls: `total` is US dollars of the priced ones, `unpriced` counts the others."""

    count: int
    total: float
    tokens: int
    unpriced: int


class DailyCost(CallTotals):
    """Sums over the events of a day (ISO 8601, UTC), a kind and a model, from `cost_totals` and `cost_events`."""

    day: str
    kind: str
    model_name: str


class Dataset(TypedDict):
    """A row of `datasets`."""

    id: int
    name: str
    content_hash: str
    format: str
    path: str
    rows: int
    recipe: JsonObject
    created_at: datetime


class Example(TypedDict):
    """A row of `examples`."""

    id: str
    prompt: str
    response: str
    messages: JsonObject | None
    tools: JsonObject | None
    domain: str
    task_type: str
    rating: int
    judged: bool
    model_used: str
    metadata: JsonObject
    sightings: int
    captured_at: datetime
    last_seen_at: datetime


class Experiment(TypedDict):
    """A row of `experiments`."""

    id: str
    model_a: str
    model_b: str
    status: str
    design: JsonObject
    statistics: JsonObject | None
    slots: JsonObject
    layer: str | None
    pinned: JsonObject | None
    late: int
    metadata: JsonObject
    result: JsonObject | None
    started_at: datetime
    completed_at: datetime | None


class ImportedFile(TypedDict):
    """A row of `imports`."""

    path: str
    kind: str
    rows: int
    imported_at: datetime


class ShutdownDate(TypedDict):
    """A row of `model_shutdowns`."""

    provider: str
    model: str
    shutdown_date: str | None
    checked_at: datetime


class Relocation(TypedDict):
    """A row of `relocations`."""

    id: str
    model_name: str
    version: int
    base_model: str
    provider: str
    done: JsonObject
    created_at: datetime
    finished_at: datetime | None


class TaskRecord(TypedDict):
    """A row of `tasks`."""

    id: int
    title: str
    fine_tuned_model_id: str | None
    model_accuracy: float | None
    details: JsonObject
    created_at: datetime


class StoredCompletion(TypedDict):
    """A row of `completions`."""

    id: str
    project: str
    model: str
    request: JsonObject
    response: JsonObject
    metadata: JsonObject
    example_id: str | None
    created_at: datetime


class ExperimentDecision(TypedDict):
    """A row of `experiment_decisions`."""

    id: int
    experiment_id: str
    action: str
    model: str | None
    reason: str
    created_at: datetime


class ExperimentLook(TypedDict):
    """A row of `experiment_looks`."""

    experiment_id: str
    size: int
    effect: float
    low: float | None
    high: float | None
    p_value: float | None
    created_at: datetime


class NewFile(TypedDict):
    """What `files.add` records; the database fills in the rest."""

    id: str
    provider: str
    purpose: str
    filename: str
    path: str
    bytes: int
    sha256: str
    dataset_id: int | None
    provider_file_id: NotRequired[str | None]
    project: NotRequired[str]
    status: NotRequired[str]
    expires_at: NotRequired[datetime | None]


class StoredFile(TypedDict):
    """A row of `files`."""

    id: str
    provider: str
    provider_file_id: str | None
    purpose: str
    filename: str
    path: str
    bytes: int
    sha256: str
    dataset_id: int | None
    created_at: datetime
    project: str
    status: str
    expires_at: datetime | None
    deleted_at: datetime | None


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


class JobMethod(TypedDict):
    """`jobs.method`; a host's has the method's settings under the type's name as well."""

    type: str


class JobError(TypedDict):
    """`jobs.error`: why a job failed, or paused by itself."""

    code: str
    message: str
    param: NotRequired[str | None]


class JobEstimate(TypedDict):
    """`jobs.estimate`: tokens over all epochs, US dollars and seconds expected of a job; None is unknown."""

    tokens: int | None
    usd: float | None
    seconds: float | None


class JobCheckpoint(TypedDict):
    """A checkpoint, as trainers list them; `model` names it, or is its folder."""

    id: str
    step: int | None
    model: str
    metrics: JsonObject
    created_at: str | None


class ProbeParity(TypedDict):
    """Probes that the serving engine answers as the trainer did, of how many."""

    same: int
    asked: int


class JobResult(TypedDict, total=False):
    """`jobs.result`: metrics and folders of a local run, see `training_events.TrainingResult`.

    Sums over all sessions of the job: `wall_seconds` and `joules`. A job of a host has `checkpoints` alone.
    """

    status: str
    steps: int
    trained_tokens: int
    train_loss: float | None
    validation_loss: float | None
    wall_seconds: float
    joules: float | None
    rows: int
    truncated: list[int]
    dropped: list[int]
    adapter_dir: str | None
    merged_dir: str | None
    parity: ProbeParity
    checkpoints: list[JobCheckpoint]


class NewJob(TypedDict):
    """What `jobs.add` records; the database fills in the rest."""

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
    metadata: NotRequired[JsonObject | None]
    integrations: NotRequired[list[JsonObject] | None]


class Job(TypedDict):
    """A row of `jobs`."""

    id: str
    provider: str
    provider_job_id: str | None
    idempotency_key: str
    model: str
    training_file_id: str
    validation_file_id: str | None
    dataset_id: int | None
    suffix: str | None
    hyperparameters: Hyperparameters
    status: JobStatus
    requested: JobRequest
    fine_tuned_model: str | None
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
    metadata: JsonObject | None
    integrations: list[JsonObject] | None
    result_file_id: str | None
    estimate: JobEstimate | None


class Preference(TypedDict):
    """A row of `preferences`."""

    id: int
    example_id: str
    prompt: str
    chosen: str
    rejected: str
    chosen_id: str | None
    created_at: datetime


class RegistryChange(TypedDict):
    """A row of `registry_changes`."""

    id: int
    model_name: str
    version: int | None
    kind: str
    name: str
    before: str | None
    after: str | None
    actor: str
    reason: str
    created_at: datetime


class ReviewClaim(TypedDict):
    """A row of `review_claims`."""

    example_id: str
    reviewer: str
    expires_at: datetime


class Review(TypedDict):
    """A row of `reviews`."""

    id: int
    example_id: str
    reviewer: str
    rating: int
    corrected_id: str | None
    rating_before: int
    judged_before: bool
    created_at: datetime
    undone_at: datetime | None


class Sample(TypedDict):
    """A row of `samples`."""

    id: int
    experiment_id: str
    arm: str
    ordinal: int | None
    sample_id: str | None
    cluster_id: str | None
    prediction: str | None
    reference: str | None
    score: float | None
    error: str | None
    latency_ms: float | None
    cost: float | None
    covariate: float | None
    measures: JsonObject | None
    metadata: JsonObject
    recorded_at: datetime


class Artifact(TypedDict):
    """A row of `artifacts`."""

    id: int
    job_id: str | None
    kind: str
    step: int | None
    path: str
    sha256: str | None
    created_at: datetime


class StepMetrics(TypedDict, total=False):
    """What a training measures at a step.

    Losses are nats a trained token, means since the previous metrics; accuracies are 0 to 1 over the same tokens;
    `tokens_per_second` counts the non-padding tokens of this session; `seconds_left` is an estimate.
    """

    step: int
    total_steps: int
    epoch: float | None
    learning_rate: float | None
    train_loss: float | None
    token_accuracy: float | None
    valid_loss: float | None
    valid_token_accuracy: float | None
    trained_tokens: int
    tokens_per_second: float | None
    seconds_left: float | None


class JobEventData(StepMetrics, total=False):
    """`job_events.data`: metrics, the `path` of a checkpoint or of an epoch's weights, or facts behind a message."""

    path: str
    workers: int
    lines: list[int]
    needed: dict[str, int]
    free: int
    micro_batch_size: int | None
    best_step: int | None
    same: int
    asked: int
    problems: list[str]


class JobEvent(TypedDict):
    """A row of `job_events`."""

    id: int
    job_id: str
    created_at: datetime
    level: str
    kind: str
    message: str
    data: JobEventData


class Upload(TypedDict):
    """A row of `uploads`."""

    id: str
    project: str
    filename: str
    purpose: str
    mime_type: str
    bytes: int
    status: str
    file_expires_after: int | None
    file_id: str | None
    created_at: datetime
    expires_at: datetime


class ModelVersion(TypedDict):
    """A row of `model_versions`."""

    id: int
    model_name: str
    version: int
    base_model: str
    job_id: str
    job_ref: str | None
    artifact_id: int | None
    dataset_size: int
    accuracy: float | None
    cost: float | None
    status: str
    provider: str | None
    provider_model: str | None
    metadata: JsonObject
    tags: JsonObject
    registered_at: datetime
    deployed_at: datetime | None


class UploadPart(TypedDict):
    """A row of `upload_parts`."""

    id: str
    upload_id: str
    bytes: int
    path: str
    created_at: datetime


class Deployment(TypedDict):
    """A row of `deployment_events`."""

    id: int
    model_version_id: int
    from_status: str | None
    to_status: str
    actor: str
    reason: str
    experiment_id: str | None
    created_at: datetime


class Evaluation(TypedDict):
    """A row of `evaluations`."""

    id: int
    model_name: str
    model_version_id: int | None
    model_type: str
    metric: str
    accuracy: float | None
    precision: float | None
    recall: float | None
    f1_score: float | None
    avg_latency_ms: float | None
    cost_per_inference: float | None
    test_set_size: int
    metadata: JsonObject
    created_at: datetime


class Export(TypedDict):
    """A row of `exports`."""

    id: int
    model_version_id: int | None
    job_id: str | None
    target: str
    quantization: str | None
    path: str
    sha256: str
    parity: JsonObject
    created_at: datetime


class EvaluationRow(TypedDict):
    """A row of `evaluation_results`."""

    evaluation_id: int
    ordinal: int
    question: str | None
    prediction: str | None
    reference: str
    score: float | None
    scores: JsonObject | None
    slices: JsonObject | None
    cluster: str | None
    error: str | None
    latency_ms: float | None
    cost: float | None
