"""Feedback on calls of the gateway; their own ids and sizes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add two columns and a table."""
    op.add_column("gateway_calls", sa.Column("own_id", sa.String(200)))
    op.add_column("gateway_calls", sa.Column("bytes", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_gateway_calls_project_own_id", "gateway_calls", ["project", "own_id"])
    op.create_table(
        "call_feedback",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("call_id", sa.String(80)),
        sa.Column("own_id", sa.String(200)),
        sa.Column("rating", sa.Integer()),
        sa.Column("correction", sa.Text()),
        sa.Column("metrics", JSON, nullable=False),
        sa.Column("comment", sa.Text()),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(300)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_call_feedback"),
    )
    op.create_index("ix_call_feedback_call_id", "call_feedback", ["call_id"])
    is_waiting = sa.text("status = 'waiting'")
    op.create_index(
        "ix_call_feedback_waiting",
        "call_feedback",
        ["created_at"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )
