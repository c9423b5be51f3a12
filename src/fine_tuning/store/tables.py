"""Every table, declared once. Lineage is one chain of foreign keys:

    example -> dataset -> job -> artifact -> model version -> evaluation -> experiment -> deployment -> cost

Unknown is NULL, money is US dollars, times are UTC. A change here needs a migration in `migrations/versions`;
a test compares the two.
"""

from __future__ import annotations

from typing import TypedDict

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    TextClause,
    UniqueConstraint,
    false,
    text,
)

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime, now

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MODEL_STATUSES = ("TRAINING", "READY", "DEPLOYED", "ARCHIVED", "FAILED")
JOB_STATUSES = ("validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled")
ARMS = ("model_a", "model_b")
COST_KINDS = ("training", "inference", "evaluation", "judge")


class IndexCondition(TypedDict):
    """The condition of a partial index, for both dialects."""

    sqlite_where: ColumnElement[bool] | TextClause
    postgresql_where: ColumnElement[bool] | TextClause


def _only(condition: ColumnElement[bool] | TextClause) -> IndexCondition:
    """Restrict an index to the rows that meet a condition."""
    return {"sqlite_where": condition, "postgresql_where": condition}


def _one_of(column: str, values: tuple[str, ...], name: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


examples = Table(
    "examples",
    metadata,
    Column("id", String(80), primary_key=True, doc="sha256:<hash of the canonical conversation>"),
    Column("prompt", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("messages", Json, doc="the conversation; NULL if prompt and response are all of it"),
    Column("tools", Json),
    Column("domain", String(200), nullable=False),
    Column("task_type", String(200), nullable=False),
    Column("rating", Integer, nullable=False),
    Column("judged", Boolean, nullable=False, server_default=false(), doc="rated or corrected by a person"),
    Column("model_used", String(200), nullable=False),
    Column("metadata", Json, nullable=False),
    Column("sightings", Integer, nullable=False, default=1),
    Column("captured_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating_1_to_5"),
    Index(None, "domain", "rating"),
    Index(None, "captured_at"),
)
# Few of the captured calls wait for a review.
Index(
    "ix_examples_waiting",
    examples.c.captured_at,
    examples.c.id,
    **_only(examples.c.judged.is_(False)),
)
Index(
    "ix_examples_waiting_kind",
    examples.c.domain,
    examples.c.model_used,
    **_only(examples.c.judged.is_(False)),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("example_id", ForeignKey("examples.id"), nullable=False),
    Column("reviewer", String(200), nullable=False),
    Column("rating", Integer, nullable=False),
    Column("corrected_id", String(80), doc="the corrected call; no foreign key, as a correction may be undone"),
    Column("rating_before", Integer, nullable=False, doc="of the call; restored by an undo"),
    Column("judged_before", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("undone_at", UtcTime, doc="NULL: in effect"),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating_1_to_5"),
    Index(None, "example_id"),
    Index(None, "reviewer", "id"),
)

review_claims = Table(
    "review_claims",
    metadata,
    Column("example_id", ForeignKey("examples.id"), primary_key=True),
    Column(
        "reviewer",
        String(200),
        nullable=False,
        doc="a reviewer, or one of their browser tabs; no other gets the example",
    ),
    Column("expires_at", UtcTime, nullable=False),
)

preferences = Table(
    "preferences",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("example_id", ForeignKey("examples.id"), nullable=False, doc="the corrected example"),
    Column("prompt", Text, nullable=False),
    Column("chosen", Text, nullable=False),
    Column("rejected", Text, nullable=False),
    Column("chosen_id", ForeignKey("examples.id"), doc="the corrected call; NULL in records of older versions"),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("example_id", "chosen"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("content_hash", String(80), nullable=False, doc="sha256:<hash over rows in order>"),
    Column("format", String(20), nullable=False),
    Column("path", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("recipe", Json, nullable=False, doc="filters and counts of each step"),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "content_hash"),
)

dataset_examples = Table(
    "dataset_examples",
    metadata,
    Column("dataset_id", ForeignKey("datasets.id"), primary_key=True),
    Column("example_id", ForeignKey("examples.id"), primary_key=True),
)

files = Table(
    "files",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("provider", String(200), nullable=False, doc="local, or the address of the host"),
    Column("provider_file_id", String(200), doc="NULL until the host has answered"),
    Column("purpose", String(40), nullable=False),
    Column("filename", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("bytes", BigId, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("dataset_id", ForeignKey("datasets.id"), doc="the data set with this content, if known"),
    Column("created_at", UtcTime, nullable=False),
    Column("project", String(80), nullable=False, server_default="default"),
    Column("status", String(20), nullable=False, server_default="processed"),
    Column("expires_at", UtcTime, doc="NULL: kept until deleted"),
    Column("deleted_at", UtcTime, doc="its bytes are deleted; the row stays for the lineage of its jobs"),
    Index(None, "provider_file_id"),
    Index(None, "project", "created_at"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("project", String(80), nullable=False),
    Column("filename", Text, nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("mime_type", String(200), nullable=False),
    Column("bytes", BigId, nullable=False, doc="as announced; verified on completion"),
    Column("status", String(20), nullable=False),
    Column("file_expires_after", Integer, doc="seconds until the file expires; NULL: never"),
    Column("file_id", ForeignKey("files.id"), doc="of the completed upload"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    _one_of("status", ("pending", "completed", "cancelled", "expired"), "status"),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("upload_id", ForeignKey("uploads.id"), nullable=False),
    Column("bytes", BigId, nullable=False),
    Column("path", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "upload_id"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("provider", String(200), nullable=False, doc="local, or the address of the host"),
    Column("provider_job_id", String(200), doc="NULL until the host has answered"),
    Column("idempotency_key", String(200), nullable=False, unique=True),
    Column("model", Text, nullable=False, doc="the base model"),
    Column("training_file_id", Text, nullable=False),
    Column("validation_file_id", Text),
    Column("dataset_id", ForeignKey("datasets.id")),
    Column("suffix", String(200)),
    Column("hyperparameters", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("requested", String(10), nullable=False, default="run", doc="run, pause or cancel, by the user"),
    Column("fine_tuned_model", Text),
    Column("trained_tokens", BigId),
    Column("error", Json),
    Column("result", Json, doc="metrics and folders of a finished local run"),
    Column("worker", String(200), doc="the worker that trains it"),
    Column("lease_expires_at", UtcTime, doc="after which the worker counts as dead"),
    Column("created_at", UtcTime, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime),
    Column("project", String(80), nullable=False, server_default="default"),
    Column("pooled", Boolean, nullable=False, server_default=false(), doc="queued for any worker with a free slot"),
    Column("deaths", Integer, nullable=False, server_default="0", doc="workers that died since the last checkpoint"),
    Column("base_model", Text, doc="catalogue name, folder or hub id that `model` resolves to; NULL: `model` itself"),
    Column("method", Json, doc="supervised or dpo, as requested"),
    Column("seed", BigId),
    Column("metadata", Json),
    Column("integrations", Json),
    Column("result_file_id", Text, doc="the CSV of its metrics"),
    Column("estimate", Json, doc="expected tokens, usd and seconds before it started; null where unknown"),
    _one_of("status", JOB_STATUSES, "status"),
    _one_of("requested", ("run", "pause", "cancel"), "requested"),
    Index(None, "status", "created_at"),
    Index(None, "provider_job_id"),
    Index(None, "project", "created_at"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("level", String(10), nullable=False),
    Column("kind", String(20), nullable=False, doc="message, metrics or checkpoint"),
    Column("message", Text, nullable=False),
    Column("data", Json, nullable=False),
    Index(None, "job_id", "id"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("job_id", ForeignKey("jobs.id")),
    Column("kind", String(20), nullable=False, doc="checkpoint, adapter, merged or gguf"),
    Column("step", Integer),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), doc="of the weights file; NULL for a folder that may still change"),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "job_id"),
)

models = Table(
    "models",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("created_at", UtcTime, nullable=False),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("model_name", ForeignKey("models.name"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("base_model", Text, nullable=False),
    Column("job_id", Text, nullable=False, doc="as the caller named it; may be an unknown job of a host"),
    Column("job_ref", ForeignKey("jobs.id"), doc="the row of that job, if there is one"),
    Column("artifact_id", ForeignKey("artifacts.id")),
    Column("dataset_size", Integer, nullable=False),
    Column("accuracy", Float),
    Column("cost", Float),
    Column("status", String(20), nullable=False),
    Column("provider", String(200), doc="local, or the address of the host that serves it"),
    Column("provider_model", Text, doc="the host's model id, or a local folder"),
    Column("metadata", Json, nullable=False),
    Column("tags", Json, nullable=False, server_default="{}", doc="tags of the user, by name"),
    Column("registered_at", UtcTime, nullable=False),
    Column("deployed_at", UtcTime),
    UniqueConstraint("model_name", "version"),
    _one_of("status", MODEL_STATUSES, "status"),
)
# The database itself keeps the promise that at most one version of a model is deployed.
Index(
    "uq_model_versions_one_deployed",
    model_versions.c.model_name,
    unique=True,
    **_only(text("status = 'DEPLOYED'")),
)

deployment_events = Table(
    "deployment_events",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("model_version_id", ForeignKey("model_versions.id"), nullable=False),
    Column("from_status", String(20)),
    Column("to_status", String(20), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("experiment_id", ForeignKey("experiments.id"), doc="the experiment behind the decision, if any"),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "model_version_id"),
)

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("model_name", ForeignKey("models.name"), primary_key=True),
    Column("alias", String(200), primary_key=True, doc="champion, challenger or another name"),
    Column("model_version_id", ForeignKey("model_versions.id"), nullable=False),
)

registry_changes = Table(
    "registry_changes",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("model_name", ForeignKey("models.name"), nullable=False),
    Column("version", Integer, doc="NULL for an alias, which belongs to the model"),
    Column("kind", String(20), nullable=False),
    Column("name", String(200), nullable=False, doc="name of the alias or tag; accuracy"),
    Column("before", Text, doc="NULL: there was none"),
    Column("after", Text, doc="NULL: it was removed"),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    _one_of("kind", ("alias", "tag", "accuracy"), "kind"),
    Index(None, "model_name"),
)

model_shutdowns = Table(
    "model_shutdowns",
    metadata,
    Column("provider", String(200), primary_key=True),
    Column("model", String(200), primary_key=True, doc="as the host names it"),
    Column("shutdown_date", String(10), doc="ISO 8601; NULL: the host has announced none"),
    Column("checked_at", UtcTime, nullable=False),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("model_name", String(200), nullable=False),
    Column("model_version_id", ForeignKey("model_versions.id")),
    Column("model_type", String(20), nullable=False),
    Column("metric", String(40), nullable=False),
    Column("accuracy", Float),
    Column("precision", Float),
    Column("recall", Float),
    Column("f1_score", Float),
    Column("avg_latency_ms", Float),
    Column("cost_per_inference", Float),
    Column("test_set_size", Integer, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "model_name", "created_at"),
)

evaluation_results = Table(
    "evaluation_results",
    metadata,
    Column("evaluation_id", ForeignKey("evaluations.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("question", Text),
    Column("prediction", Text, doc="NULL where the call failed"),
    Column("reference", Text, nullable=False),
    Column("score", Float),
    Column("scores", Json, doc="of each metric, by name"),
    Column("slices", Json, doc="fields of the example by which results are grouped"),
    Column("cluster", Text, doc="the conversation or other group of correlated examples"),
    Column("error", Text, doc="reason of a failed call"),
    Column("latency_ms", Float),
    Column("cost", Float),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("model_a", String(200), nullable=False),
    Column("model_b", String(200), nullable=False),
    Column("status", String(20), nullable=False),
    Column("design", Json, nullable=False, doc="see experiments.design.Design"),
    Column(
        "statistics",
        Json,
        doc="running sums, see experiments.sufficient_statistics; NULL before the first sample",
    ),
    Column("slots", Json, nullable=False, doc="the thousandths of all units (of the layer) that take part"),
    Column("layer", String(200), doc="experiments of one layer share no units"),
    Column("pinned", Json, doc="version of each arm, for registered models"),
    Column("late", BigId, nullable=False, default=0, doc="samples after the end"),
    Column("metadata", Json, nullable=False),
    Column("result", Json, doc="the verdict, once concluded"),
    Column("started_at", UtcTime, nullable=False),
    Column("completed_at", UtcTime),
    _one_of("status", ("running", "completed"), "status"),
    Index(None, "layer"),
)

samples = Table(
    "samples",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("experiment_id", ForeignKey("experiments.id"), nullable=False),
    Column("arm", String(10), nullable=False),
    Column("ordinal", BigId, doc="1, 2, 3 ... of the scored ones within the arm"),
    Column("sample_id", String(200), doc="id of the request, shared by both models and a later outcome"),
    Column("cluster_id", String(200), doc="correlated samples, such as those of a user"),
    Column("prediction", Text),
    Column("reference", Text),
    Column("score", Float, doc="NULL while unknown, and for a failed call"),
    Column("error", Text, doc="reason of a failed call"),
    Column("latency_ms", Float),
    Column("cost", Float),
    Column("covariate", Float, doc="known before the call"),
    Column("measures", Json, doc="other measured values, by name"),
    Column("metadata", Json, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    _one_of("arm", ARMS, "arm"),
    UniqueConstraint("experiment_id", "arm", "ordinal"),
    UniqueConstraint("experiment_id", "sample_id", "arm"),
)

experiment_clusters = Table(
    "experiment_clusters",
    metadata,
    Column("experiment_id", ForeignKey("experiments.id"), primary_key=True),
    Column("arm", String(10), primary_key=True, doc="or pair, for differences of pairs"),
    Column("cluster_id", String(200), primary_key=True),
    Column("size", BigId, nullable=False),
    Column("total", Float, nullable=False, doc="of the scores"),
    Column("measures", Json, doc="count and sum of latency, cost and others, by name"),
)

experiment_decisions = Table(
    "experiment_decisions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("experiment_id", ForeignKey("experiments.id"), nullable=False),
    Column("action", String(20), nullable=False, doc="promoted, rolled_back, kept, concluded or ramped"),
    Column("model", String(200), doc="the model in use after the decision"),
    Column("reason", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "experiment_id"),
)

experiment_looks = Table(
    "experiment_looks",
    metadata,
    Column("experiment_id", ForeignKey("experiments.id"), primary_key=True),
    Column("size", BigId, primary_key=True, doc="samples, or pairs, of the interval"),
    Column("effect", Float, nullable=False),
    Column("low", Float, doc="of the interval; NULL: no bound yet"),
    Column("high", Float),
    Column("p_value", Float),
    Column("created_at", UtcTime, nullable=False),
)

cost_events = Table(
    "cost_events",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", String(20), nullable=False, doc="training, inference or evaluation"),
    Column("model_name", String(200), nullable=False),
    Column("base_model", Text),
    Column("job_id", Text),
    Column("dataset_size", Integer),
    Column("tokens", BigId),
    Column("cost", Float, doc="NULL where unknown"),
    Column("is_fine_tuned", Boolean),
    Column("metadata", Json, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    _one_of("kind", COST_KINDS, "kind"),
    Index(None, "kind", "model_name"),
)
Index(
    "uq_cost_events_one_per_training_job",
    cost_events.c.job_id,
    unique=True,
    **_only(text("kind = 'training'")),
)

cost_totals = Table(
    "cost_totals",
    metadata,
    Column("kind", String(20), primary_key=True),
    Column("model_name", String(200), primary_key=True),
    Column("day", String(10), primary_key=True, doc="UTC, ISO 8601"),
    Column("count", BigId, nullable=False),
    Column("priced", BigId, nullable=False, doc="those whose cost is known"),
    Column("total", Float, nullable=False, doc="of their costs"),
    Column("squares", Float, nullable=False, doc="sum of their squared costs"),
    Column("tokens", BigId, nullable=False),
)

budgets = Table(
    "budgets",
    metadata,
    Column("model_name", String(200), primary_key=True, doc="* is all models together"),
    Column("usd_per_month", Float, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

relocations = Table(
    "relocations",
    metadata,
    Column("id", String(80), primary_key=True, doc="a hash of what is asked, so that asking again goes on"),
    Column("model_name", String(200), nullable=False),
    Column("version", Integer, nullable=False, doc="that is to be replaced"),
    Column("base_model", Text, nullable=False),
    Column("provider", String(200), nullable=False),
    Column("done", Json, nullable=False, doc="what each finished step made, by its name"),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
)

exports = Table(
    "exports",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("model_version_id", ForeignKey("model_versions.id")),
    Column("job_id", ForeignKey("jobs.id")),
    Column("target", String(20), nullable=False, doc="gguf, ollama, safetensors or vllm"),
    Column("quantization", String(20)),
    Column("path", Text, nullable=False, doc="the folder, outside of the workspace's care"),
    Column("sha256", String(64), nullable=False, doc="of the weights file"),
    Column("parity", Json, nullable=False, doc="by what was compared, how it compared; see export.parity"),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "model_version_id"),
    Index(None, "job_id"),
)

completions = Table(
    "completions",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("project", String(80), nullable=False),
    Column("model", String(200), nullable=False, doc="as the caller named it"),
    Column("request", Json, nullable=False),
    Column("response", Json, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("example_id", ForeignKey("examples.id"), doc="the captured example it became"),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "project", "created_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("project", String(80), nullable=False),
    Column("prefix", String(20), nullable=False, doc="its first characters, to tell keys apart"),
    Column("sha256", String(64), nullable=False, unique=True, doc="of the key, which is kept nowhere"),
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    Column("read_only", Boolean, nullable=False, server_default=false(), doc="opens what it opens for looking at"),
)

checkpoint_permissions = Table(
    "checkpoint_permissions",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("checkpoint", String(200), nullable=False),
    Column("project", String(80), nullable=False, doc="that may use the checkpoint"),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("checkpoint", "project"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("title", Text, nullable=False),
    Column("fine_tuned_model_id", String(255), doc="<model name>-v<version>"),
    Column("model_accuracy", Float),
    Column("details", Json, nullable=False, default=dict),
    Column("created_at", UtcTime, nullable=False, default=now),
)

imports = Table(
    "imports",
    metadata,
    Column("path", Text, primary_key=True, doc="a file of the older file-based system, read once"),
    Column("kind", String(20), primary_key=True),
    Column("rows", Integer, nullable=False),
    Column("imported_at", UtcTime, nullable=False),
)
