"""Costs, and the budgets for them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, Table, false, text

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata, one_of, only

COST_KINDS = ("training", "inference", "evaluation", "judge", "labelling")

cost_events = Table(
    "cost_events",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", String(20), nullable=False, doc="training, or what a call is for"),
    Column("model_name", String(200), nullable=False),
    Column("base_model", Text),
    Column("job_id", Text),
    Column("dataset_size", Integer),
    Column("tokens", BigId),
    Column("cost", Float, doc="NULL where unknown"),
    Column("is_fine_tuned", Boolean),
    Column("metadata", Json, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    one_of("kind", COST_KINDS, "kind"),
    Index(None, "kind", "model_name"),
)
Index(
    "uq_cost_events_one_per_training_job",
    cost_events.c.job_id,
    unique=True,
    **only(text("kind = 'training'")),
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
    Column("hard", Boolean, nullable=False, server_default=false(), doc="calls are refused when it is spent"),
    Column("created_at", UtcTime, nullable=False),
)
