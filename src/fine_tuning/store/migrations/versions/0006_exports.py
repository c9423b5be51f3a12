"""What was exported of a model, and how like its trainer's model that was; histories that nothing replaces."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

HISTORIES = ("deployment_events", "registry_changes", "experiment_decisions")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "exports",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("model_version_id", BIG_ID),
        sa.Column("job_id", sa.String(80)),
        sa.Column("target", sa.String(20), nullable=False),
        sa.Column("quantization", sa.String(20)),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("parity", JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_versions.id"], name="fk_exports_model_version_id"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_exports_job_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
    )
    op.create_index("ix_exports_model_version_id", "exports", ["model_version_id"])
    op.create_index("ix_exports_job_id", "exports", ["job_id"])
    if op.get_bind().dialect.name == "sqlite":
        for table in HISTORIES:  # REPLACE removes a row without a word to the triggers on deletion
            op.execute(
                f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608 - constants
                f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) "
                f"BEGIN SELECT RAISE(ABORT, '{table} is a history: rows are only added'); END"
            )
