"""Responses and conversations that clients stored, and the items of both."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table

from fine_tuning.store.column_types import BigId, Json, String, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata

responses = Table(
    "responses",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("project", String(80), nullable=False),
    Column("model", String(200), nullable=False, doc="as the caller named it"),
    Column("previous_response_id", String(80), doc="that it continues, which may have been deleted since"),
    Column("response", Json, nullable=False),
    Column("example_id", ForeignKey("examples.id"), doc="the captured example it became"),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "project", "created_at"),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("project", String(80), nullable=False),
    Column("metadata", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

response_items = Table(
    "response_items",
    metadata,
    Column("id", BigId, primary_key=True, doc="counts up: the order of items"),
    Column("item_id", String(80), nullable=False, doc="as the API shows it; clients may send an item again"),
    Column("project", String(80), nullable=False),
    Column("response_id", ForeignKey("responses.id"), doc="that it was sent to or is the answer of"),
    Column("conversation_id", ForeignKey("conversations.id"), doc="that it belongs to"),
    Column("is_output", Boolean, nullable=False),
    Column("item", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "response_id"),
    Index(None, "conversation_id"),
    Index(None, "project", "item_id"),
)
