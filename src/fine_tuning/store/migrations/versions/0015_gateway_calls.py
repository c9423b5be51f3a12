"""Calls that the gateway passed on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "gateway_calls",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("upstream", sa.String(80), nullable=False),
        sa.Column("path", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200)),
        sa.Column("status", sa.Integer()),
        sa.Column("is_whole", sa.Boolean(), nullable=False),
        sa.Column("is_delivered", sa.Boolean(), nullable=False),
        sa.Column("seconds", sa.Float()),
        sa.Column("first_byte_seconds", sa.Float()),
        sa.Column("prompt_tokens", sa.Integer()),
        sa.Column("completion_tokens", sa.Integer()),
        sa.Column("cost", sa.Float()),
        sa.Column("unit", sa.String(200)),
        sa.Column("conversation", sa.String(200)),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("example_id", sa.String(80)),
        sa.Column("not_captured", sa.String(200)),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["examples.id"], name="fk_gateway_calls_example_id"),
        sa.PrimaryKeyConstraint("id", name="pk_gateway_calls"),
    )
    op.create_index("ix_gateway_calls_project_started_at", "gateway_calls", ["project", "started_at"])
    op.create_index("ix_gateway_calls_example_id", "gateway_calls", ["example_id"])
