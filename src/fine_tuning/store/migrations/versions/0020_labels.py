"""Answers that were bought as labels; labelling is a kind of cost of its own."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC_TIME = sa.DateTime(timezone=True)
KINDS = ("training", "inference", "evaluation", "judge", "labelling")
revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add the tables, and the kind."""
    op.create_table(
        "label_calls",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("settings", sa.String(64), nullable=False),
        sa.Column("request", sa.String(64), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("batch", sa.String(64)),
        sa.Column("reserved", sa.Float()),
        sa.Column("cost", sa.Float()),
        sa.Column("answer", JSON),
        sa.Column("asked_at", UTC_TIME, nullable=False),
        sa.Column("answered_at", UTC_TIME),
        sa.PrimaryKeyConstraint("id", name="pk_label_calls"),
        sa.UniqueConstraint("settings", "request", "sample", name="uq_label_calls_settings_request_sample"),
    )
    op.create_index("ix_label_calls_batch", "label_calls", ["batch"])
    op.create_table(
        "label_batches",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("settings", sa.String(64), nullable=False),
        sa.Column("host_id", sa.String(200)),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("ended_at", UTC_TIME),
        sa.PrimaryKeyConstraint("key", name="pk_label_batches"),
    )
    op.create_index("ix_label_batches_settings", "label_batches", ["settings"])
    _widen_kinds()


def _widen_kinds() -> None:
    rule = f"kind IN {KINDS}"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_cost_events_kind"), "cost_events", type_="check")
        op.create_check_constraint(op.f("ck_cost_events_kind"), "cost_events", rule)
        return
    op.drop_index("uq_cost_events_one_per_training_job", "cost_events")
    with op.batch_alter_table("cost_events", recreate="always") as table:
        table.drop_constraint(op.f("ck_cost_events_kind"), type_="check")
        table.create_check_constraint(op.f("ck_cost_events_kind"), rule)
    op.create_index(
        "uq_cost_events_one_per_training_job",
        "cost_events",
        ["job_id"],
        unique=True,
        sqlite_where=sa.text("kind = 'training'"),
    )
