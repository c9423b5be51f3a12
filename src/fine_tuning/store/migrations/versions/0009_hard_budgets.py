"""Budgets that refuse calls, not only training jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column; the budgets there are only warn of calls."""
    op.add_column("budgets", sa.Column("hard", sa.Boolean(), nullable=False, server_default=sa.false()))
