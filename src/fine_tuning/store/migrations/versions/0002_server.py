"""What the OpenAI-compatible server keeps: projects, keys, uploads, stored completions, a pool of jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add columns to files and jobs, and five tables."""
    for column in (
        sa.Column("project", sa.String(80), nullable=False, server_default="default"),
        sa.Column("status", sa.String(20), nullable=False, server_default="processed"),
        sa.Column("expires_at", UTC_TIME),
        sa.Column("deleted_at", UTC_TIME),
    ):
        op.add_column("files", column)
    op.create_index("ix_files_project_created_at", "files", ["project", "created_at"])
    for added in (
        sa.Column("project", sa.String(80), nullable=False, server_default="default"),
        sa.Column("pooled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("deaths", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("base_model", sa.Text()),
        sa.Column("method", JSON),
        sa.Column("seed", BIG_ID),
        sa.Column("metadata", JSON),
        sa.Column("integrations", JSON),
        sa.Column("result_file_id", sa.Text()),
    ):
        op.add_column("jobs", added)
    op.create_index("ix_jobs_project_created_at", "jobs", ["project", "created_at"])
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("mime_type", sa.String(200), nullable=False),
        sa.Column("bytes", BIG_ID, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("file_expires_after", sa.Integer()),
        sa.Column("file_id", sa.String(80)),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("expires_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("status IN ('pending', 'completed', 'cancelled', 'expired')", name="ck_uploads_status"),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name="fk_uploads_file_id"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_table(
        "upload_parts",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("upload_id", sa.String(80), nullable=False),
        sa.Column("bytes", BIG_ID, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["upload_id"], ["uploads.id"], name="fk_upload_parts_upload_id"),
        sa.PrimaryKeyConstraint("id", name="pk_upload_parts"),
    )
    op.create_index("ix_upload_parts_upload_id", "upload_parts", ["upload_id"])
    op.create_table(
        "completions",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("response", JSON, nullable=False),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("example_id", sa.String(80)),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["examples.id"], name="fk_completions_example_id"),
        sa.PrimaryKeyConstraint("id", name="pk_completions"),
    )
    op.create_index("ix_completions_project_created_at", "completions", ["project", "created_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("prefix", sa.String(20), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("revoked_at", UTC_TIME),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("sha256", name="uq_api_keys_sha256"),
    )
    op.create_table(
        "checkpoint_permissions",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("checkpoint", sa.String(200), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoint_permissions"),
        sa.UniqueConstraint("checkpoint", "project", name="uq_checkpoint_permissions_checkpoint_project"),
    )
