"""Routes of the gateway and their history; which route a call was of, and what answered it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add two tables and the columns of a call."""
    op.create_table(
        "routes",
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("shadow_calls", sa.Integer(), nullable=False),
        sa.Column("shadow_dollars", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name="pk_routes"),
    )
    op.create_table(
        "route_revisions",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("policy", JSON),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("changed_by", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_route_revisions"),
        sa.UniqueConstraint("project", "name", "revision", name="uq_route_revisions_project_name_revision"),
    )
    _only_grows("route_revisions")
    op.add_column("gateway_calls", sa.Column("route", sa.String(80)))
    op.add_column("gateway_calls", sa.Column("revision", sa.Integer()))
    op.add_column("gateway_calls", sa.Column("target", sa.String(300)))
    op.add_column("gateway_calls", sa.Column("role", sa.String(20)))
    op.add_column("gateway_calls", sa.Column("pair_id", sa.String(80)))
    op.add_column("gateway_calls", sa.Column("arm", sa.String(20)))
    op.add_column("gateway_calls", sa.Column("is_cancelled", sa.Boolean()))
    op.add_column("gateway_calls", sa.Column("is_in_form", sa.Boolean()))
    op.add_column("gateway_calls", sa.Column("answer", JSON))
    op.create_index("ix_gateway_calls_project_route_started_at", "gateway_calls", ["project", "route", "started_at"])
    op.create_index("ix_gateway_calls_pair_id", "gateway_calls", ["pair_id"])


def _only_grows(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_only_grows BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION history_only_grows()"
        )
        return
    refusal = f"BEGIN SELECT RAISE(ABORT, '{table} is a history: rows are only added'); END"
    known = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"  # noqa: S608 - our own name
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refusal}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refusal}")
    op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {known} {refusal}")
