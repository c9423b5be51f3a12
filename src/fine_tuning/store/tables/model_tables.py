"""Models: versions, deployments, aliases, exports, and their way to other hosts."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, UniqueConstraint, text

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.histories import only_grows
from fine_tuning.store.tables.schema_metadata import metadata, one_of, only

MODEL_STATUSES = ("TRAINING", "READY", "DEPLOYED", "ARCHIVED", "FAILED")

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
    one_of("status", MODEL_STATUSES, "status"),
)
# The database itself keeps the promise that at most one version of a model is deployed.
Index(
    "uq_model_versions_one_deployed",
    model_versions.c.model_name,
    unique=True,
    **only(text("status = 'DEPLOYED'")),
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
only_grows(deployment_events)

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
    one_of("kind", ("alias", "tag", "accuracy"), "kind"),
    Index(None, "model_name"),
)
only_grows(registry_changes)

model_shutdowns = Table(
    "model_shutdowns",
    metadata,
    Column("provider", String(200), primary_key=True),
    Column("model", String(200), primary_key=True, doc="as the host names it"),
    Column("shutdown_date", String(10), doc="ISO 8601; NULL: the host has announced none"),
    Column("checked_at", UtcTime, nullable=False),
)

relocations = Table(
    "relocations",
    metadata,
    Column("id", String(80), primary_key=True, doc="a hash of the request, so that a repeated request resumes"),
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
