"""Designed experiments: running sums in one place, sample ids, clusters, slots, decisions; scores of any metric."""

import json
from math import lgamma, log
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
UTC_TIME = sa.DateTime(timezone=True)
ARMS = ("model_a", "model_b")


def upgrade() -> None:
    """Move the sums of arms into one column of the experiment, and scores into samples."""
    for column in (
        sa.Column("design", JSON, nullable=False, server_default="{}"),
        sa.Column("statistics", JSON),
        sa.Column("slots", JSON, nullable=False, server_default="[[0, 1000]]"),
        sa.Column("layer", sa.String(200)),
        sa.Column("pinned", JSON),
        sa.Column("late", BIG_ID, nullable=False, server_default="0"),
    ):
        op.add_column("experiments", column)
    _move_sums()
    # Not in a batch, which copies the table: samples refer to its rows.
    op.drop_column("experiments", "a_only")
    op.drop_column("experiments", "b_only")
    op.create_index("ix_experiments_layer", "experiments", ["layer"])
    op.drop_table("experiment_arms")
    with op.batch_alter_table("samples") as table:
        table.add_column(sa.Column("sample_id", sa.String(200)))
        table.add_column(sa.Column("cluster_id", sa.String(200)))
        table.add_column(sa.Column("score", sa.Float()))
        table.add_column(sa.Column("error", sa.Text()))
        table.add_column(sa.Column("covariate", sa.Float()))
        table.add_column(sa.Column("measures", JSON))
        table.alter_column("ordinal", existing_type=BIG_ID, nullable=True)
        table.alter_column("prediction", existing_type=sa.Text(), nullable=True)
        table.alter_column("reference", existing_type=sa.Text(), nullable=True)
        table.create_unique_constraint("uq_samples_experiment_id_sample_id_arm", ["experiment_id", "sample_id", "arm"])
        table.create_check_constraint("ck_samples_arm", f"arm IN {ARMS}")
    op.execute("UPDATE samples SET score = CASE WHEN correct THEN 1.0 ELSE 0.0 END")
    with op.batch_alter_table("samples") as table:
        table.drop_column("correct")
    op.create_table(
        "experiment_clusters",
        sa.Column("experiment_id", sa.String(200), nullable=False),
        sa.Column("arm", sa.String(10), nullable=False),
        sa.Column("cluster_id", sa.String(200), nullable=False),
        sa.Column("size", BIG_ID, nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("measures", JSON),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_experiment_clusters_experiment_id"),
        sa.PrimaryKeyConstraint("experiment_id", "arm", "cluster_id", name="pk_experiment_clusters"),
    )
    op.create_table(
        "experiment_decisions",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("experiment_id", sa.String(200), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.id"], name="fk_experiment_decisions_experiment_id"),
        sa.PrimaryKeyConstraint("id", name="pk_experiment_decisions"),
    )
    op.create_index("ix_experiment_decisions_experiment_id", "experiment_decisions", ["experiment_id"])
    with op.batch_alter_table("evaluation_results") as table:
        table.add_column(sa.Column("question", sa.Text()))
        table.add_column(sa.Column("scores", JSON))
        table.add_column(sa.Column("slices", JSON))
        table.add_column(sa.Column("cluster", sa.Text()))
        table.add_column(sa.Column("error", sa.Text()))
        table.add_column(sa.Column("cost", sa.Float()))
        table.alter_column("prediction", existing_type=sa.Text(), nullable=True)


def _move_sums() -> None:
    connection = op.get_bind()
    arms: dict[str, dict[str, Any]] = {}
    for arm in connection.execute(sa.text("SELECT * FROM experiment_arms")).mappings():
        arms.setdefault(arm["experiment_id"], {})[arm["arm"]] = arm
    experiments = connection.execute(sa.text("SELECT id, a_only, b_only FROM experiments")).mappings().all()
    value = ":statistics" if connection.dialect.name == "sqlite" else "CAST(:statistics AS JSONB)"
    statement = sa.text(f"UPDATE experiments SET statistics = {value} WHERE id = :id")  # noqa: S608 - two constants
    for experiment in experiments:
        if not any(arm["samples"] for arm in arms[experiment["id"]].values()):
            continue
        state = _statistics(arms[experiment["id"]], experiment["b_only"], experiment["a_only"])
        connection.execute(statement, {"statistics": json.dumps(state), "id": experiment["id"]})


def _statistics(arms: dict[str, Any], wins: int, losses: int) -> dict[str, Any]:
    pairs = min(arm["samples"] for arm in arms.values())
    mean = (wins - losses) / pairs if pairs else 0.0
    log_e = _log_beta(10 + wins, 10 + losses) - _log_beta(10, 10) + (wins + losses) * log(2)
    no_differences = {"count": 0, "total": 0.0, "squares": 0.0}
    differences = {"count": pairs, "total": wins - losses, "squares": wins + losses - pairs * mean**2}
    return {
        "arms": {name: _arm(arm) for name, arm in arms.items()},
        "by_id": {
            "differences": no_differences,
            "wins": 0,
            "losses": 0,
            "log_e": 0.0,
            "favours": 0,
            "wealth": None,
            "bets_favour": 0,
        },
        "by_order": {
            "differences": differences,
            "wins": wins,
            "losses": losses,
            "log_e": max(0.0, log_e),
            "favours": (wins > losses) - (wins < losses) if log_e > 0 else 0,
            "wealth": None,
            "bets_favour": 0,
        },
        "pair_clusters": {"count": 0, "s_squared": 0.0, "s_n": 0.0, "n_squared": 0.0},
        "log_e": 0.0,
        "favours": 0,
        "low": None,
        "high": None,
        "looks": [],
    }


def _arm(arm: Any) -> dict[str, Any]:
    measures = {
        name: _moments(arm[f"{name}_count"], arm[f"{name}_sum"], arm[f"{name}_squares"]) for name in ("latency", "cost")
    }
    own = {name: (arm[f"{name}_count"], arm[f"{name}_sum"], arm[f"{name}_squares"]) for name in ("latency", "cost")}
    own["errors"] = (arm["samples"], 0.0, 0.0)
    return {
        "samples": arm["samples"],
        # Each sample is a cluster of its own.
        "by_cluster": {
            name: {"count": count, "s_squared": squares, "s_n": total, "n_squared": count}
            for name, (count, total, squares) in own.items()
        },
        "scores": _moments(arm["samples"], arm["correct"], arm["correct"]),
        "measures": measures | {"errors": _moments(arm["samples"], 0.0, 0.0)},
        "latencies": {"buckets": {}},
        "covaried": {"count": 0, "mean_x": 0.0, "mean_y": 0.0, "xx": 0.0, "xy": 0.0, "yy": 0.0},
        # Each sample is a cluster of its own; scores are 0 or 1.
        "clusters": {
            "count": arm["samples"],
            "s_squared": arm["correct"],
            "s_n": arm["correct"],
            "n_squared": arm["samples"],
        },
    }


def _moments(count: int, total: float, squares: float) -> dict[str, float]:
    mean = total / count if count else 0.0
    return {"count": count, "total": total, "squares": max(0.0, squares - count * mean**2)}


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
