"""Judgements of several reviewers, keys that may only read, and the interval of an experiment as it was over time."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add what people decide with."""
    op.add_column("api_keys", sa.Column("read_only", sa.Boolean(), nullable=False, server_default=sa.false()))
    waiting = sa.text("judged IS 0" if op.get_bind().dialect.name == "sqlite" else "judged IS false")
    op.create_index(
        "ix_examples_waiting", "examples", ["captured_at", "id"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_table(
        "reviews",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("example_id", sa.String(80), nullable=False),
        sa.Column("reviewer", sa.String(200), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=False),
        sa.Column("corrected_id", sa.String(80)),
        sa.Column("rating_before", sa.Integer(), nullable=False),
        sa.Column("judged_before", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("undone_at", UTC_TIME),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="ck_reviews_rating_1_to_5"),
        sa.ForeignKeyConstraint(["example_id"], ["examples.id"], name="fk_reviews_example_id"),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
    )
    op.create_index("ix_reviews_example_id", "reviews", ["example_id"])
    op.create_index("ix_reviews_reviewer_id", "reviews", ["reviewer", "id"])
    op.create_table(
        "review_claims",
        sa.Column("example_id", sa.String(80), nullable=False),
        sa.Column("reviewer", sa.String(200), nullable=False),
        sa.Column("expires_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["examples.id"], name="fk_review_claims_example_id"),
        sa.PrimaryKeyConstraint("example_id", name="pk_review_claims"),
    )
    op.create_table(
        "experiment_looks",
        sa.Column("experiment_id", sa.String(200), nullable=False),
        sa.Column("size", BIG_ID, nullable=False),
        sa.Column("effect", sa.Float(), nullable=False),
        sa.Column("low", sa.Float()),
        sa.Column("high", sa.Float()),
        sa.Column("p_value", sa.Float()),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_experiment_looks_experiment_id"),
        sa.PrimaryKeyConstraint("experiment_id", "size", name="pk_experiment_looks"),
    )
