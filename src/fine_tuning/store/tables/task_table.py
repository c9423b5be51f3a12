"""The host application's tasks."""

from __future__ import annotations

from sqlalchemy import Column, Float, Table

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime, now
from fine_tuning.store.tables.schema_metadata import metadata

tasks = Table(
    "tasks",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("title", Text, nullable=False),
    Column("fine_tuned_model_id", String(255), doc="<model name>-v<version>"),
    Column("model_accuracy", Float),
    Column("details", Json, nullable=False, default=dict),
    Column("created_at", UtcTime, nullable=False, default=now),
)
