"""By which weight each waiting call is drawn for a review."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add the table; calls that wait get their rows from the inbox, and those that are reviewed get none."""
    op.create_table(
        "review_draws",
        sa.Column("example_id", sa.String(80), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("draw", sa.Float(), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("is_counted", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("weight > 0", name="ck_review_draws_weight_above_0"),
        sa.ForeignKeyConstraint(["example_id"], ["examples.id"], name="fk_review_draws_example_id"),
        sa.PrimaryKeyConstraint("example_id", name="pk_review_draws"),
    )
    op.create_index("ix_review_draws_draw", "review_draws", ["draw"])
