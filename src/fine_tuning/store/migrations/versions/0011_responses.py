"""Stored responses, conversations, and the items of both."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
UTC_TIME = sa.DateTime(timezone=True)
revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add three tables."""
    op.create_table(
        "responses",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("previous_response_id", sa.String(80)),
        sa.Column("response", JSON, nullable=False),
        sa.Column("example_id", sa.String(80)),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["example_id"], ["examples.id"], name="fk_responses_example_id"),
        sa.PrimaryKeyConstraint("id", name="pk_responses"),
    )
    op.create_index("ix_responses_project_created_at", "responses", ["project", "created_at"])
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(80), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("metadata", JSON, nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )
    op.create_table(
        "response_items",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("item_id", sa.String(80), nullable=False),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("response_id", sa.String(80)),
        sa.Column("conversation_id", sa.String(80)),
        sa.Column("is_output", sa.Boolean(), nullable=False),
        sa.Column("item", JSON, nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["response_id"], ["responses.id"], name="fk_response_items_response_id"),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name="fk_response_items_conversation_id"),
        sa.PrimaryKeyConstraint("id", name="pk_response_items"),
    )
    op.create_index("ix_response_items_response_id", "response_items", ["response_id"])
    op.create_index("ix_response_items_conversation_id", "response_items", ["conversation_id"])
    op.create_index("ix_response_items_project_item_id", "response_items", ["project", "item_id"])
