"""Bake-offs, and which test parts they looked at."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "bakeoffs",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("test_hash", sa.String(64), nullable=False),
        sa.Column("plan", JSON, nullable=False),
        sa.Column("results", JSON, nullable=False),
        sa.Column("winner", sa.String(300)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bakeoffs"),
    )
    op.create_index("ix_bakeoffs_test_hash", "bakeoffs", ["test_hash"])
