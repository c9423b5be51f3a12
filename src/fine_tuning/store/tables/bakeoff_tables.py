"""Bake-offs: candidates that were compared on captured calls."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table

from fine_tuning.store.column_types import BigId, Json, String, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata

bakeoffs = Table(
    "bakeoffs",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("test_hash", String(64), nullable=False, doc="of the questions and answers of the test part"),
    Column("plan", Json, nullable=False),
    Column("results", Json, nullable=False, doc="of the incumbent and of each candidate"),
    Column("winner", String(300), doc="the cheapest candidate that is not worse; NULL: there is none"),
    Column("created_at", UtcTime, nullable=False),
)
Index("ix_bakeoffs_test_hash", bakeoffs.c.test_hash)

bakeoff_calls = Table(
    "bakeoff_calls",
    metadata,
    Column("call_hash", String(16), primary_key=True, doc="of the question and answer of a call of the test part"),
    Column("bakeoff_id", BigId, ForeignKey(bakeoffs.c.id), primary_key=True),
)
Index("ix_bakeoff_calls_bakeoff_id", bakeoff_calls.c.bakeoff_id)
