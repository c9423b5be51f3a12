"""Evaluations and their examples."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata

evaluations = Table(
    "evaluations",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("model_name", String(200), nullable=False),
    Column("model_version_id", ForeignKey("model_versions.id")),
    Column("model_type", String(20), nullable=False),
    Column("metric", String(40), nullable=False),
    Column("accuracy", Float),
    Column("precision", Float),
    Column("recall", Float),
    Column("f1_score", Float),
    Column("avg_latency_ms", Float),
    Column("cost_per_inference", Float),
    Column("test_set_size", Integer, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "model_name", "created_at"),
)

evaluation_results = Table(
    "evaluation_results",
    metadata,
    Column("evaluation_id", ForeignKey("evaluations.id"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("question", Text),
    Column("prediction", Text, doc="NULL where the call failed"),
    Column("reference", Text, nullable=False),
    Column("score", Float),
    Column("scores", Json, doc="of each metric, by name"),
    Column("slices", Json, doc="fields of the example by which results are grouped"),
    Column("cluster", Text, doc="the conversation or other group of correlated examples"),
    Column("error", Text, doc="reason of a failed call"),
    Column("latency_ms", Float),
    Column("cost", Float),
)
