"""A job keeps the name of its model after the model is deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the column; jobs whose model was deleted before have lost its name."""
    op.add_column("jobs", sa.Column("model_deleted_at", sa.DateTime(timezone=True)))
