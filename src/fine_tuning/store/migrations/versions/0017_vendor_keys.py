"""Keys of vendors that the gateway holds, encrypted."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Add a table."""
    op.create_table(
        "vendor_keys",
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("upstream", sa.String(80), nullable=False),
        sa.Column("encrypted", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "upstream", name="pk_vendor_keys"),
    )
