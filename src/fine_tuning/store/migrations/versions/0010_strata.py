"""Further models of A/B tests, strata of samples, and where a unit began."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
ARMS = ("model_a", "model_b", "model_c", "model_d", "model_e", "model_f", "model_g", "model_h")
revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the columns; samples that are there have no stratum."""
    op.add_column("experiments", sa.Column("more", JSON))
    with op.batch_alter_table("samples") as table:
        table.add_column(sa.Column("stratum", sa.String(200)))
        table.drop_constraint("ck_samples_arm", type_="check")
        table.create_check_constraint("ck_samples_arm", f"arm IN {ARMS}")
    op.add_column("experiment_clusters", sa.Column("covariate", sa.Float()))
    op.add_column("experiment_clusters", sa.Column("ordinal", BIG_ID))
    op.add_column("experiment_clusters", sa.Column("stratum", sa.String(200)))
