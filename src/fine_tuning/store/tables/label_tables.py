"""Answers that were bought as labels, each recorded before it is asked for, and the batches that they came in."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, Table, UniqueConstraint

from fine_tuning.store.column_types import BigId, Json, String, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata

label_calls = Table(
    "label_calls",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("settings", String(64), nullable=False, doc="hash of the model and of what its answers depend on"),
    Column("request", String(64), nullable=False, doc="hash of the messages and tools"),
    Column(
        "sample",
        Integer,
        nullable=False,
        doc="0, 1, ... of several answers to a request; below 0: lost, and asked again",
    ),
    Column("batch", String(64), doc="label_batches.key; NULL: asked by itself"),
    Column("reserved", Float, doc="what it may cost at most; NULL where unknown"),
    Column("cost", Float, doc="NULL where unknown"),
    Column("answer", Json, doc="NULL: it was sent, and what came of it is not known"),
    Column("asked_at", UtcTime, nullable=False),
    Column("answered_at", UtcTime),
    UniqueConstraint("settings", "request", "sample"),
    Index(None, "batch"),
)

label_batches = Table(
    "label_batches",
    metadata,
    Column("key", String(64), primary_key=True, doc="by which the batch is found at its host, too"),
    Column("settings", String(64), nullable=False),
    Column("host_id", String(200), doc="NULL: it is not known whether it was made"),
    Column("created_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, doc="when its answers were read; NULL: not yet"),
    Index(None, "settings"),
)
