"""What only the server stores."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, UniqueConstraint, false

from fine_tuning.store.column_types import Json, String, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata

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
    Column("is_owner", Boolean, nullable=False, server_default=false(), doc="acts in every project"),
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
