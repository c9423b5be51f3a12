"""Runs of the flywheel, their steps, the alerts that were sent, and looks for drift."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, text

from fine_tuning.store.column_types import BigId, Json, String, Text, UtcTime
from fine_tuning.store.tables.schema_metadata import metadata

FLYWHEEL_STATUSES = ("running", "waiting", "succeeded", "stopped", "failed")
_OPEN = text("status IN ('running', 'waiting')")

flywheel_runs = Table(
    "flywheel_runs",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("project", String(80), nullable=False),
    Column("route", String(80), nullable=False),
    Column("trigger", Text, nullable=False, doc="why it began"),
    Column("policy", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("step", String(20), nullable=False, doc="that is under way, or was the last one"),
    Column("reason", Text, doc="what it waits for, or why it ended"),
    Column("worker", String(80), doc="the process that advances it"),
    Column("lease_expires_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    CheckConstraint(f"status IN {FLYWHEEL_STATUSES}", name="status"),
)
Index(
    "uq_flywheel_runs_one_open_per_route",
    flywheel_runs.c.project,
    flywheel_runs.c.route,
    unique=True,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)

flywheel_steps = Table(
    "flywheel_steps",
    metadata,
    Column("run_id", BigId, ForeignKey("flywheel_runs.id"), primary_key=True),
    Column("step", String(20), primary_key=True),
    Column("approved_by", String(200), doc="who let it begin; NULL: nobody was asked, or has not answered"),
    Column("attempts", Integer, nullable=False, doc="how often it was begun, or looked at again"),
    Column("failures", Integer, nullable=False, doc="how often it failed"),
    Column("facts", Json, doc="what it found; NULL: it has not ended"),
    Column("began_at", UtcTime),
    Column("ended_at", UtcTime),
)

flywheel_alerts = Table(
    "flywheel_alerts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("project", String(80), nullable=False),
    Column("route", String(80), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("body", Text, nullable=False),
    Column("is_delivered", Boolean, nullable=False, doc="by every channel; false where there is none"),
    Column("created_at", UtcTime, nullable=False),
)
Index("ix_flywheel_alerts_route", flywheel_alerts.c.project, flywheel_alerts.c.route)

drift_looks = Table(
    "drift_looks",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("project", String(80), nullable=False),
    Column("route", String(80), nullable=False),
    Column("found", Json, nullable=False, doc="of inputs, outputs and quality"),
    Column("created_at", UtcTime, nullable=False),
)
Index("ix_drift_looks_route", drift_looks.c.project, drift_looks.c.route)
