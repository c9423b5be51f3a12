"""The project of captured calls and datasets, and the keys of owners, who may act in every project."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add a column to three tables; what was captured so far belongs to the default project."""
    for table in ("examples", "datasets"):
        op.add_column(table, sa.Column("project", sa.String(80), nullable=False, server_default="default"))
    op.add_column("api_keys", sa.Column("is_owner", sa.Boolean(), nullable=False, server_default=sa.false()))
