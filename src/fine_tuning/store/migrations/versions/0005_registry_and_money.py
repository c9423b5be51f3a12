"""Aliases, tags, shutdown dates, budgets, running totals of costs, relocations; histories that only grow."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
UTC_TIME = sa.DateTime(timezone=True)
HISTORIES = ("deployment_events", "registry_changes", "experiment_decisions")
KINDS = ("training", "inference", "evaluation", "judge")


def upgrade() -> None:
    """Add the tables, fill the totals from the ledger, and close the histories."""
    op.add_column("jobs", sa.Column("estimate", JSON))
    op.add_column("model_versions", sa.Column("tags", JSON, nullable=False, server_default="{}"))
    _add_registry_tables()
    _add_money_tables()
    _widen_kinds()
    op.create_table(
        "relocations",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("model_name", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("base_model", sa.Text(), nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("done", JSON, nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("finished_at", UTC_TIME),
        sa.PrimaryKeyConstraint("id", name="pk_relocations"),
    )
    _close_histories()


def _add_registry_tables() -> None:
    op.create_table(
        "model_aliases",
        sa.Column("model_name", sa.String(200), nullable=False),
        sa.Column("alias", sa.String(200), nullable=False),
        sa.Column("model_version_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["model_name"], ["models.name"], name="fk_model_aliases_model_name"),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_versions.id"], name="fk_model_aliases_model_version_id"),
        sa.PrimaryKeyConstraint("model_name", "alias", name="pk_model_aliases"),
    )
    op.create_table(
        "registry_changes",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("model_name", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer()),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("kind IN ('alias', 'tag', 'accuracy')", name=op.f("ck_registry_changes_kind")),
        sa.ForeignKeyConstraint(["model_name"], ["models.name"], name="fk_registry_changes_model_name"),
        sa.PrimaryKeyConstraint("id", name="pk_registry_changes"),
    )
    op.create_index("ix_registry_changes_model_name", "registry_changes", ["model_name"])
    op.create_table(
        "model_shutdowns",
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("shutdown_date", sa.String(10)),
        sa.Column("checked_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("provider", "model", name="pk_model_shutdowns"),
    )


def _add_money_tables() -> None:
    op.create_table(
        "cost_totals",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("model_name", sa.String(200), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("count", BIG_ID, nullable=False),
        sa.Column("priced", BIG_ID, nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("squares", sa.Float(), nullable=False),
        sa.Column("tokens", BIG_ID, nullable=False),
        sa.PrimaryKeyConstraint("kind", "model_name", "day", name="pk_cost_totals"),
    )
    in_utc = "recorded_at AT TIME ZONE 'UTC'" if op.get_bind().dialect.name == "postgresql" else "recorded_at"
    day = f"SUBSTR(CAST({in_utc} AS TEXT), 1, 10)"
    op.execute(
        "INSERT INTO cost_totals "  # noqa: S608 - constants
        f"SELECT kind, model_name, {day}, COUNT(*), COUNT(cost), COALESCE(SUM(cost), 0.0), "
        "COALESCE(SUM(cost * cost), 0.0), COALESCE(SUM(tokens), 0) "
        f"FROM cost_events WHERE kind <> 'training' GROUP BY kind, model_name, {day}"
    )
    op.create_table(
        "budgets",
        sa.Column("model_name", sa.String(200), nullable=False),
        sa.Column("usd_per_month", sa.Float(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("model_name", name="pk_budgets"),
    )


def _widen_kinds() -> None:
    """A judge's calls are a kind of their own."""
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


def _close_histories() -> None:
    """What was written there is neither changed nor removed, whoever asks."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION history_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is a history: rows are only added', TG_TABLE_NAME; END $$"
        )
        for table in HISTORIES:
            op.execute(
                f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION history_only_grows()"
            )
        return
    for table in HISTORIES:
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is a history: rows are only added'); END"
            )
