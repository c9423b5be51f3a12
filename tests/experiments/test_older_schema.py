"""Tests that were recorded before designs existed."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from fine_tuning import ABTestFramework
from fine_tuning.store import experiment_samples, experiments
from fine_tuning.store.database import Database
from fine_tuning.store.schema import MIGRATIONS

ARM = "INSERT INTO experiment_arms VALUES ('t', :arm, :n, :right, :n, :latency, :squares, :n, :cost, :cost_squares)"
SAMPLE = (
    "INSERT INTO samples (experiment_id, arm, ordinal, prediction, reference, correct, latency_ms, cost, metadata,"
    " recorded_at)"
    " VALUES ('t', :arm, :ordinal, 'p', 'r', :correct, :latency, 0.5, '{}', '2026-11-01 00:00:00')"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Forty samples of each model: model_b is right every time, model_a every second; each answers in 10 or 20 ms."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url").replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url)
    with engine.begin() as connection:
        if request.param == "postgresql":  # the fixture's database has the newest schema
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0003")
        for test, a_only, b_only in (("t", 0, 20), ("empty", 0, 0)):
            connection.execute(
                text(
                    "INSERT INTO experiments (id, model_a, model_b, status, a_only, b_only, metadata, started_at)"
                    f" VALUES ('{test}', 'a', 'b', 'running', {a_only}, {b_only}, '{{}}', '2026-11-01 00:00:00')"
                )
            )
        for arm, right in (("model_a", 20), ("model_b", 40)):
            sums = {"n": 40, "latency": 600.0, "squares": 10_000.0, "cost": 20.0, "cost_squares": 10.0}
            connection.execute(text(ARM), {"arm": arm, "right": right, **sums})
            connection.execute(text(ARM.replace("'t'", "'empty'")), {"arm": arm, "right": 0, **dict.fromkeys(sums, 0)})
            for ordinal in range(1, 41):
                correct = arm == "model_b" or ordinal % 2 == 0
                values = {"arm": arm, "ordinal": ordinal, "correct": correct, "latency": 10.0 + 10 * (ordinal % 2)}
                connection.execute(text(SAMPLE), values)
    engine.dispose()
    return url.replace("+psycopg", "")


def test_migration_of_older_tests_keeps_sums_and_samples(older: str, tmp_path: Path) -> None:
    framework = ABTestFramework(older)
    result = framework.monitor("t")
    assert (result.total_samples, result.model_a_accuracy, result.model_b_accuracy) == (80, 0.5, 1.0)
    assert (result.model_a_avg_latency, result.model_b_cost_per_inference) == (15.0, 0.5)
    assert result.statistical_significance
    fresh = ABTestFramework(tmp_path / "fresh.db")
    fresh.create_test("t", "a", "b")
    rows = []
    for ordinal in range(1, 41):
        figures = {"latency_ms": 10.0 + 10 * (ordinal % 2), "cost": 0.5}
        rows.append({"model": "model_a", "score": float(ordinal % 2 == 0), **figures})
        rows.append({"model": "model_b", "score": 1.0, **figures})
    fresh.record_samples("t", rows)
    same = fresh.monitor("t")
    assert result.effect == same.effect
    assert result.p_value == pytest.approx(same.p_value, rel=0.1)  # looked at once, and often
    assert result.intervals["latency"] == pytest.approx(same.intervals["latency"])
    more = [{"model": arm, "score": 1.0} for arm in ("model_a", "model_b")]
    assert framework.record_samples("t", more)["recorded"] == 2
    assert framework.monitor("t").total_samples == 82
    assert framework.monitor("empty").total_samples == 0
    database = Database(framework._database.url)
    with database.read() as tx:
        assert experiment_samples.count(tx, "t") == {"model_a": 41, "model_b": 41}
        assert experiments.costs_of(tx, ["b"], lambda *_: True) == (41 - 1, 20.0, 10.0, 41)
    database.close()
