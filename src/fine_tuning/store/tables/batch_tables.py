"""Batches of requests, and the results of those that have not ended."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata, one_of

BATCH_STATUSES = (
    *("validating", "failed", "in_progress", "finalizing"),
    *("completed", "expired", "cancelling", "cancelled"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("project", String(80), nullable=False),
    Column("input_file_id", ForeignKey("files.id"), nullable=False),
    Column("endpoint", String(80), nullable=False),
    Column("completion_window", String(20), nullable=False),
    Column("metadata", Json),
    Column("output_keep_seconds", Integer, doc="NULL: its files are kept until deleted"),
    Column("model", Text, doc="as the requests name it; NULL until they are validated"),
    Column("status", String(20), nullable=False),
    Column("errors", Json, doc="of validation: a list under `data`"),
    Column("total", Integer, nullable=False, server_default="0", doc="requests"),
    Column("completed", Integer, nullable=False, server_default="0", doc="requests that were answered"),
    Column("failed", Integer, nullable=False, server_default="0", doc="requests that were refused or not sent in time"),
    Column("input_tokens", BigId, nullable=False, server_default="0"),
    Column("cached_tokens", BigId, nullable=False, server_default="0", doc="of the input tokens"),
    Column("output_tokens", BigId, nullable=False, server_default="0"),
    Column("reasoning_tokens", BigId, nullable=False, server_default="0", doc="of the output tokens"),
    Column("output_file_id", ForeignKey("files.id")),
    Column("error_file_id", ForeignKey("files.id")),
    Column("worker", String(200), doc="the server that carries it out"),
    Column("lease_expires_at", UtcTime, doc="after which that server counts as dead"),
    Column("deaths", Integer, nullable=False, server_default="0", doc="servers that died since its last result"),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("in_progress_at", UtcTime),
    Column("finalizing_at", UtcTime),
    Column("completed_at", UtcTime),
    Column("failed_at", UtcTime),
    Column("expired_at", UtcTime),
    Column("cancelling_at", UtcTime),
    Column("cancelled_at", UtcTime),
    one_of("status", BATCH_STATUSES, "status"),
    Index(None, "project", "created_at"),
    Index(None, "status", "created_at"),
    Index(None, "input_file_id"),
)

batch_results = Table(
    "batch_results",
    metadata,
    Column("batch_id", ForeignKey("batches.id"), primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False, doc="of the input file, from 1"),
    Column("is_error", Boolean, nullable=False),
    Column("text", Text, nullable=False, doc="the line of the output or error file"),
)
