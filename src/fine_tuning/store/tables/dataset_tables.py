"""Datasets, and the captured calls in them."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata

datasets = Table(
    "datasets",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("content_hash", String(80), nullable=False, doc="sha256:<hash over rows in order>"),
    Column("format", String(20), nullable=False),
    Column("path", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("recipe", Json, nullable=False, doc="filters and counts of each step"),
    Column("created_at", UtcTime, nullable=False),
    Column("project", String(80), nullable=False, server_default="default"),
    Index(None, "content_hash"),
)

dataset_examples = Table(
    "dataset_examples",
    metadata,
    Column("dataset_id", ForeignKey("datasets.id"), primary_key=True),
    Column("example_id", ForeignKey("examples.id"), primary_key=True),
)
