"""The calls that bake-offs were decided on, and tries that were slower than a hedge."""

import sqlalchemy as sa
from alembic import op

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add the table and the column."""
    op.add_column("gateway_calls", sa.Column("was_slower", sa.Boolean()))
    op.create_table(
        "bakeoff_calls",
        sa.Column("call_hash", sa.String(16), nullable=False),
        sa.Column("bakeoff_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["bakeoff_id"], ["bakeoffs.id"], name="fk_bakeoff_calls_bakeoff_id"),
        sa.PrimaryKeyConstraint("call_hash", "bakeoff_id", name="pk_bakeoff_calls"),
    )
    op.create_index("ix_bakeoff_calls_bakeoff_id", "bakeoff_calls", ["bakeoff_id"])
