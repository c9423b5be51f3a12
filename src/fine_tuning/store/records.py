"""What the store returns: a TypedDict for each kind of row, so that a mistyped key is an error of the type checker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NotRequired, Required, TypedDict, TypeVar, cast, final

from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.store.experiment_json import Arm, DesignRecord, ExperimentResult, Slots, StatisticsRecord

JsonObject = dict[str, Any]  # a JSON column whose keys are the caller's (metadata) or another system's
Record = TypeVar("Record")


def record(kind: type[Record], row: Mapping[Any, Any]) -> Record:  # noqa: ARG001 - only its type is needed
    """A row of a query as the record that it is; the query selects what the record has."""
    return cast("Record", dict(row))


def records(kind: type[Record], rows: Iterable[Mapping[Any, Any]]) -> list[Record]:
    """As `record`, of every row."""
    return [record(kind, row) for row in rows]


class NewApiKey(TypedDict):
    """A new row of `api_keys`."""

    id: str
    name: str
    project: str
    prefix: str
    sha256: str
    read_only: bool


class ApiKey(TypedDict):
    """A row of `api_keys`, without the hash of the key."""

    id: str
    name: str
    project: str
    prefix: str
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


class DerivationStep(TypedDict, total=False):
    """How examples were chosen from others; `operation` names the step, the other keys are its arguments."""

    operation: Required[Literal["validate", "split", "slice"]]
    min_prompt_length: int
    min_response_length: int
    side: Literal["train", "test"]
    train_ratio: float
    seed: int
    rows: str


@final
class ExamplesRecipe(TypedDict, total=False):
    """`datasets.recipe` of one file: the filters that found its examples, and what was done with these.

    Attributes:
        source: "distillation" (captured calls) or "given" (rows that the caller brought).
        derived: steps after finding, in order.
        saved: rows in the file.
        exported_from, file: of a hosted account's file: the host's address, and the file's id there.
    """

    source: str
    min_rating: int
    domain: str | None
    task_type: str | None
    limit: int | None
    found: int
    derived: list[DerivationStep]
    saved: int
    exported_from: str
    file: str


@final
class SplitRecipe(TypedDict):
    """`datasets.recipe` of a split's file: the hash of its data set, the split's name and its tokens."""

    part_of: str
    part: str
    tokens: int | None


class SplitFile(TypedDict):
    """A split in a manifest; tokens are None where they were not counted."""

    file: str
    rows: int
    content_hash: str
    tokens: int | None


class RowCounts(TypedDict):
    """Rows by status: read = kept + rejected + duplicates + left_out."""

    read: int
    kept: int
    rejected: int
    duplicates: int
    left_out: int


class FindingCount(TypedDict):
    """A code of a finding with its rows, and the first of them."""

    code: str
    severity: str
    rows: int
    file: str
    line: int
    field: str
    message: str
    advice: str


class Conflicts(TypedDict):
    """Questions with different answers, their rows, and file and line of the first ones."""

    questions: int
    rows: int
    first: list[list[tuple[str, int]]]


class Histogram(TypedDict):
    """Bin edges in tokens (one more than bins) and rows in each bin."""

    edges: list[float]
    counts: list[int]


class TokenLengths(TypedDict):
    """Tokens of the rows: see `datasets.token_lengths.describe`."""

    rows: int
    total: int
    mean: float
    p50: float
    p95: float
    p99: float
    longest: int
    histogram: Histogram
    over: dict[str, int]


class ManifestFacts(TypedDict):
    """What a manifest says beside name and hash: see `datasets.manifest.Manifest`."""

    recipe: JsonObject
    parts: dict[str, SplitFile]
    counts: RowCounts
    steps: dict[str, int]
    findings: list[FindingCount]
    conflicts: Conflicts
    lengths: TokenLengths | None
    sources: list[str]
    versions: dict[str, str]


@final
class BuiltRecipe(ManifestFacts):
    """`datasets.recipe` of a data set in splits: its manifest."""


class DatasetManifest(ManifestFacts):
    """A data set's manifest."""

    hash: str
    name: str


DatasetRecipe = ExamplesRecipe | SplitRecipe | BuiltRecipe


class NewDataset(TypedDict):
    """A data set to record; see `store.datasets.freeze`."""

    name: str
    content_hash: str
    format: str
    path: str
    rows: int
    recipe: DatasetRecipe


class Dataset(NewDataset):
    """A row of `datasets`; created_at is ISO 8601, UTC."""

    id: int
    created_at: str


class ListedDataset(TypedDict):
    """A data set in a list."""

    name: str
    format: str
    rows: int
    path: str
    created_at: str
    hash: str


class TrainingFile(TypedDict):
    """A file that can be trained on; part is the name of its split, "all" of a data set of one file."""

    name: str
    part: str
    rows: int
    path: str


class NewExample(TypedDict):
    """A captured call before it is stored; `messages` is None for a prompt and its response alone."""

    id: str
    prompt: str
    response: str
    messages: list[Message] | None
    tools: list[Tool] | None
    domain: str
    task_type: str
    rating: int
    model_used: str
    metadata: JsonObject
    captured_at: datetime


class Example(TypedDict):
    """A captured call. Times are ISO 8601; `curated` is a rating of 4 or 5."""

    id: str
    prompt: str
    response: str
    messages: list[Message] | None
    tools: list[Tool] | None
    domain: str
    task_type: str
    rating: int
    model_used: str
    metadata: JsonObject
    sightings: int
    captured_at: str
    last_seen_at: str
    curated: bool


class Experiment(TypedDict):
    """An A/B test (`experiments`); times are ISO 8601."""

    id: str
    model_a: str
    model_b: str
    status: str
    design: DesignRecord
    statistics: StatisticsRecord | None
    slots: Slots
    layer: str | None
    pinned: dict[Arm, str] | None
    late: int
    metadata: JsonObject
    result: ExperimentResult | None
    started_at: str
    completed_at: str | None


class ExperimentOfVersion(Experiment):
    """An A/B test, and the arm that a model version is in it."""

    arm: Arm


class RelocationData(TypedDict):
    """Files to train and to test on; held_out: the test file is a part of the training data."""

    train: str
    test: str
    held_out: bool


class RelocationRequest(TypedDict):
    """What identifies a relocation."""

    model_name: str
    version: int
    base_model: str
    provider: str
    n_epochs: int
    hyperparameters: JsonObject
    test_file: str | None


class Relocation(TypedDict):
    """A row of `relocations`; done: the result of each step that has finished."""

    id: str
    model_name: str
    version: int
    base_model: str
    provider: str
    done: JsonObject
    created_at: datetime
    finished_at: datetime | None


class NewCompletion(TypedDict):
    """A new row of `completions`: a request of OpenAI's chat API and its response."""

    id: str
    project: str
    model: str
    request: JsonObject
    response: JsonObject
    metadata: dict[str, str]
    example_id: str | None


class StoredCompletion(NewCompletion):
    """A row of `completions`."""

    created_at: datetime


class ExperimentDecision(TypedDict):
    """A decision about an A/B test (`experiment_decisions`), without its keys; the time is ISO 8601."""

    action: str
    model: str | None
    reason: str
    created_at: str


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
    """A preference pair; `example_id` is the rejected example, `chosen_id` the better one, None if unknown."""

    example_id: str
    prompt: str
    chosen: str
    rejected: str
    chosen_id: str | None


class RegistryChange(TypedDict):
    """A change of a model, from `registry_changes` or `deployment_events`; the time in ISO 8601.

    kind: status, alias, tag or accuracy; name: the alias's or tag's name, else the kind; version: None of an alias;
    experiment: the A/B test that decided it.
    """

    kind: str
    version: int | None
    name: str
    before: str | None
    after: str | None
    actor: str
    reason: str
    experiment: str | None
    created_at: str


class Review(TypedDict):
    """A person's rating of a captured call; `corrected_id` is the example with the correction."""

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
    """A sample of an A/B test (`samples`), without the test's id and the time."""

    id: int
    arm: Arm
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
    measures: dict[str, float] | None
    metadata: JsonObject


class Artifact(TypedDict):
    """A row of `artifacts`."""

    id: int
    job_id: str | None
    kind: str
    step: int | None
    path: str
    sha256: str | None
    created_at: datetime


class DeployedArtifact(TypedDict):
    """An artifact of a deployed version; `sha256` is of its weights file."""

    model_name: str
    version: int
    kind: str
    path: str
    sha256: str | None


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
    """A row of `model_versions` without the keys of other tables; times in ISO 8601."""

    model_name: str
    version: int
    base_model: str
    job_id: str
    dataset_size: int
    accuracy: float | None
    cost: float | None
    status: str
    provider: str | None
    provider_model: str | None
    metadata: JsonObject
    tags: dict[str, str]
    registered_at: str
    deployed_at: str | None


class NewModelVersion(TypedDict):
    """What `model_versions.register` stores, less the number that it gives."""

    model_name: str
    base_model: str
    job_id: str
    artifact_id: int | None
    dataset_size: int
    accuracy: float | None
    cost: float | None
    status: str
    provider: NotRequired[str | None]
    provider_model: NotRequired[str | None]
    metadata: JsonObject
    tags: NotRequired[dict[str, str]]
    registered_at: NotRequired[datetime]


class DatedModelVersion(ModelVersion):
    """A version with the host that answers for it, and the day on which that host shuts it down.

    answered_by: "local" or a host's address, None where unknown; shutdown_date (ISO 8601) and days_left (negative
    afterwards): None where no shutdown is announced.
    """

    answered_by: str | None
    shutdown_date: str | None
    days_left: int | None


class DescribedModelVersion(DatedModelVersion):
    """As `DatedModelVersion`, with the aliases that point at the version."""

    aliases: list[str]


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


class NewEvaluation(TypedDict):
    """The columns of `evaluations` that the caller gives."""

    model_name: str
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


class Evaluation(NewEvaluation):
    """A row of `evaluations`; `created_at` is ISO 8601."""

    id: int
    model_version_id: int | None
    created_at: str


class ParityFigures(TypedDict):
    """How alike two models are, as JSON; see `export.token_parity.Parity`."""

    quantization: str
    prompts: int
    prompts_alike: int
    places: int
    ties: int
    agreement: float
    divergence: float
    first_difference: str | None
    passed: bool


class NewExport(TypedDict):
    """What `exports.add` stores; parity: by what was compared, "merged" or "exported"."""

    job_id: str | None
    target: str
    quantization: str | None
    path: str
    sha256: str
    parity: dict[str, ParityFigures]


class Export(NewExport):
    """A row of `exports` with the number of its version; the time in ISO 8601."""

    id: int
    version: int
    created_at: str


class ScoredExample(TypedDict):
    """One example of an evaluation.

    `prediction` is None where the call failed for the reason `error`; `scores` are by metric, `score` is the first;
    `slices` are the fields by which results are grouped; examples of one `cluster` may be correlated.
    """

    question: str | None
    prediction: str | None
    reference: str
    score: float | None
    scores: dict[str, float | None] | None
    slices: dict[str, str] | None
    cluster: str | None
    error: str | None
    latency_ms: float | None
    cost: float | None


class EvaluationRow(ScoredExample):
    """A row of `evaluation_results`."""

    evaluation_id: int
    ordinal: int
