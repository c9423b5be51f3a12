"""Calls that the gateway passed on."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table

from fine_tuning.store.column_types import Json, String, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata

gateway_calls = Table(
    "gateway_calls",
    metadata,
    Column("id", String(80), primary_key=True, doc="as the client got it in the header x-ft-call-id"),
    Column("project", String(80), nullable=False),
    Column("upstream", String(80), nullable=False),
    Column("path", String(200), nullable=False, doc="of the call, without its query"),
    Column("model", String(200), doc="that answered, else that was asked"),
    Column("status", Integer, doc="of the response; NULL where there was none"),
    Column("is_whole", Boolean, nullable=False, doc="the response arrived to its end"),
    Column("is_delivered", Boolean, nullable=False, doc="the client took all of it"),
    Column("seconds", Float, doc="from the request to the end of the response"),
    Column("first_byte_seconds", Float, doc="from the request to the first byte of the response's body"),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("cost", Float),
    Column("unit", String(200), doc="who asked, such as a user: the header x-ft-unit"),
    Column("conversation", String(200), doc="the header x-ft-conversation"),
    Column("metadata", Json, nullable=False, doc="the header x-ft-metadata"),
    Column("example_id", ForeignKey("examples.id"), doc="the captured example it became"),
    Column("not_captured", String(200), doc="why it became none"),
    Column("started_at", UtcTime, nullable=False),
    Index(None, "project", "started_at"),
    Index(None, "example_id"),
)
