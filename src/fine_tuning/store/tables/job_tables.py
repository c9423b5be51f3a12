"""Jobs, their events and what they made."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, false

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata, one_of

JOB_STATUSES = ("validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled")

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
    Column("fine_tuned_model", Text, doc="kept when the model is deleted"),
    Column("model_deleted_at", UtcTime),
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
    one_of("status", JOB_STATUSES, "status"),
    one_of("requested", ("run", "pause", "cancel"), "requested"),
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
