"""What curated data sets need: which examples somebody judged, and the better call of a preference."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a column to examples and one to preferences."""
    op.add_column("examples", sa.Column("judged", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE examples SET judged = TRUE WHERE id IN (SELECT example_id FROM preferences)")
    with op.batch_alter_table("preferences") as table:
        table.add_column(sa.Column("chosen_id", sa.String(80)))
        table.create_foreign_key("fk_preferences_chosen_id", "examples", ["chosen_id"], ["id"])
