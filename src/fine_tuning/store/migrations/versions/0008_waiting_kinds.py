"""The domains and models of captured calls that wait for a judgement, without reading the calls."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the index that answers it."""
    waiting = sa.text("judged IS 0" if op.get_bind().dialect.name == "sqlite" else "judged IS false")
    op.create_index(
        "ix_examples_waiting_kind", "examples", ["domain", "model_used"], sqlite_where=waiting, postgresql_where=waiting
    )
