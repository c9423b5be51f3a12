"""Files, and uploads in parts."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table

from fine_tuning.store.column_types import BigId, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata, one_of

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
    Column("dataset_id", ForeignKey("datasets.id"), doc="the dataset with this content, if known"),
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
    one_of("status", ("pending", "completed", "cancelled", "expired"), "status"),
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
