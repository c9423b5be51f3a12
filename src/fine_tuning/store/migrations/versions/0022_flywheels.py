"""Runs of the flywheel, their steps, alerts, and looks for drift."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True)
STATUSES = ("running", "waiting", "succeeded", "stopped", "failed")
OPEN = sa.text("status IN ('running', 'waiting')")
revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "flywheel_runs",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("route", sa.String(80), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("policy", JSON, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("step", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("worker", sa.String(80)),
        sa.Column("lease_expires_at", UTC_TIME),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("ended_at", UTC_TIME),
        sa.CheckConstraint(f"status IN {STATUSES}", name=op.f("ck_flywheel_runs_status")),
        sa.PrimaryKeyConstraint("id", name="pk_flywheel_runs"),
    )
    op.create_index(
        "uq_flywheel_runs_one_open_per_route",
        "flywheel_runs",
        ["project", "route"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        "flywheel_steps",
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("step", sa.String(20), nullable=False),
        sa.Column("approved_by", sa.String(200)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("facts", JSON),
        sa.Column("began_at", UTC_TIME),
        sa.Column("ended_at", UTC_TIME),
        sa.ForeignKeyConstraint(["run_id"], ["flywheel_runs.id"], name="fk_flywheel_steps_run_id"),
        sa.PrimaryKeyConstraint("run_id", "step", name="pk_flywheel_steps"),
    )
    op.create_table(
        "flywheel_alerts",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("route", sa.String(80), nullable=False),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("is_delivered", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_flywheel_alerts"),
    )
    op.create_index("ix_flywheel_alerts_route", "flywheel_alerts", ["project", "route"])
    op.create_table(
        "drift_looks",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("route", sa.String(80), nullable=False),
        sa.Column("found", JSON, nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_drift_looks"),
    )
    op.create_index("ix_drift_looks_route", "drift_looks", ["project", "route"])
