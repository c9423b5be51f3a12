"""Strata of A/B samples, and where a unit began."""

import sqlalchemy as sa
from alembic import op

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns; samples that are there have no stratum."""
    op.add_column("samples", sa.Column("stratum", sa.String(200)))
    op.add_column("experiment_clusters", sa.Column("covariate", sa.Float()))
    op.add_column("experiment_clusters", sa.Column("ordinal", BIG_ID))
    op.add_column("experiment_clusters", sa.Column("stratum", sa.String(200)))
