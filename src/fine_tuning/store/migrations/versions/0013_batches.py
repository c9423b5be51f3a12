"""Batches of requests, and their results."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
UTC_TIME = sa.DateTime(timezone=True)
STATUSES = "'validating', 'failed', 'in_progress', 'finalizing', 'completed', 'expired', 'cancelling', 'cancelled'"
revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add two tables."""
    op.create_table(
        "batches",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("input_file_id", sa.String(80), nullable=False),
        sa.Column("endpoint", sa.String(80), nullable=False),
        sa.Column("completion_window", sa.String(20), nullable=False),
        sa.Column("metadata", JSON),
        sa.Column("output_keep_seconds", sa.Integer()),
        sa.Column("model", sa.Text()),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("errors", JSON),
        *(
            sa.Column(name, sa.Integer(), nullable=False, server_default="0")
            for name in ("total", "completed", "failed")
        ),
        *(
            sa.Column(name, BIG_ID, nullable=False, server_default="0")
            for name in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
        ),
        sa.Column("output_file_id", sa.String(80)),
        sa.Column("error_file_id", sa.String(80)),
        sa.Column("worker", sa.String(200)),
        sa.Column("lease_expires_at", UTC_TIME),
        sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("expires_at", UTC_TIME, nullable=False),
        sa.Column("in_progress_at", UTC_TIME),
        sa.Column("finalizing_at", UTC_TIME),
        sa.Column("completed_at", UTC_TIME),
        sa.Column("failed_at", UTC_TIME),
        sa.Column("expired_at", UTC_TIME),
        sa.Column("cancelling_at", UTC_TIME),
        sa.Column("cancelled_at", UTC_TIME),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="ck_batches_status"),
        sa.ForeignKeyConstraint(["input_file_id"], ["files.id"], name="fk_batches_input_file_id"),
        sa.ForeignKeyConstraint(["output_file_id"], ["files.id"], name="fk_batches_output_file_id"),
        sa.ForeignKeyConstraint(["error_file_id"], ["files.id"], name="fk_batches_error_file_id"),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
    )
    op.create_index("ix_batches_project_created_at", "batches", ["project", "created_at"])
    op.create_index("ix_batches_status_created_at", "batches", ["status", "created_at"])
    op.create_index("ix_batches_input_file_id", "batches", ["input_file_id"])
    op.create_table(
        "batch_results",
        sa.Column("batch_id", sa.String(80), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("is_error", sa.Boolean(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_batch_results_batch_id"),
        sa.PrimaryKeyConstraint("batch_id", "line", name="pk_batch_results"),
    )
