"""Verdicts that hold at every look, and recommendations that say why."""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.experiments import confidence_sequences
from fine_tuning.experiments.assignment import assign
from fine_tuning.experiments.sufficient_statistics import Statistics
from fine_tuning.store.database import Database


def test_half_width_at_every_look_covers_difference() -> None:
    rng = np.random.default_rng(11)
    missed = 0
    for _ in range(200):
        a, b = rng.normal(100, 20, 500), rng.normal(90, 20, 500)
        looks = range(20, 500, 20)
        missed += any(
            abs((a[:n].mean() - b[:n].mean()) - 10)
            > confidence_sequences.half_width(float(a[:n].var(ddof=1) + b[:n].var(ddof=1)) / n, 2 * n, 0.05)
            for n in looks
        )
    assert missed / 200 <= 0.05


def test_monitor_with_alpha_around_p_value_switches_significance(database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    for index in range(60):
        framework.record_sample("t", "model_a", "yes" if index % 10 < 6 else "no", "yes", 1.0, 0.0)
        framework.record_sample("t", "model_b", "yes" if index % 10 < 8 else "no", "yes", 1.0, 0.0)
    p = framework.monitor("t").p_value
    assert 0.001 < p < 1
    assert framework.monitor("t", alpha=min(0.99, p * 1.01)).statistical_significance
    assert not framework.monitor("t", alpha=p * 0.99).statistical_significance


def test_recommend_winner_of_cheaper_equal_model_is_that_model(database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    rng = np.random.default_rng(3)
    for _ in range(400):
        for arm, cost, latency in (("model_a", 0.004, 900), ("model_b", 0.001, 300)):
            right = rng.random() < 0.98
            noise = rng.uniform(0.9, 1.1)
            framework.record_sample("t", arm, "y" if right else "n", "y", latency * noise, cost * noise)
    result = framework.conclude_test("t")
    assert not result.statistical_significance
    assert framework.recommend_winner(result) == "b"


def test_recommend_winner_of_cheaper_uncertain_model_is_tie(database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    for index in range(30):
        framework.record_sample("t", "model_a", "y", "y", 900 + index, 0.004)
        framework.record_sample("t", "model_b", "y" if index % 10 else "n", "y", 300 + index, 0.001)
    assert framework.recommend_winner(framework.monitor("t")).startswith("TIE: undecided after 30 and 30 samples")


def test_conclude_test_with_empty_arm_stays_running(database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    framework.record_sample("t", "model_a", "y", "y", 1.0, 0.1)
    result = framework.conclude_test("t")
    assert (result.status, result.statistical_significance) == ("running", False)
    assert math.isnan(result.model_b_accuracy)
    assert framework.recommend_winner(result) == "TIE: no samples for b yet; aim for 100 or more per model"
    assert framework.record_sample("t", "model_b", "y", "y", 1.0, 0.1)


def test_record_sample_after_conclusion_returns_false(database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    for arm in ("model_a", "model_b"):
        framework.record_sample("t", arm, "y", "y", None, None)
    concluded = framework.conclude_test("t")
    assert math.isnan(concluded.model_a_avg_latency)
    assert framework.record_sample("t", "model_a", "y", "y", 1.0, 0.1) is False
    again = framework.conclude_test("t")
    assert (again.total_samples, again.completed_at) == (2, concluded.completed_at)
    with pytest.raises(ConflictError, match="test t exists: a against b, completed"):
        framework.create_test("t", "a", "b")


def test_ab_conclude_with_even_empty_ends_empty_test(database: Database, cli: Any) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "mistyped")
    framework.record_sample("t", "model_a", "y", "y", None, None)
    code, _, err = cli("ab", "conclude", "t")
    assert (code, "t is not concluded: mistyped has no samples" in err) == (1, True)
    assert cli("ab", "conclude", "t", "--even-empty")[0] == 0
    result = framework.monitor("t")
    assert (result.status, result.statistical_significance) == ("completed", False)
    assert framework.recommend_winner(result).startswith("TIE: no samples for mistyped")


def test_create_test_again_returns_same_or_raises(database: Database) -> None:
    framework = ABTestFramework()
    assert framework.create_test("t", "a", "b") == framework.create_test("t", "a", "b")
    with pytest.raises(ConflictError, match="choose another id"):
        framework.create_test("t", "a", "c")


@pytest.mark.parametrize(
    ("arm", "latency", "cost", "message"),
    [
        ("model_c", 1.0, 0.0, "unknown arm 'model_c'"),
        ("model_a", -1.0, 0.0, "latency_ms must be a number of 0 or more"),
        ("model_a", 1e200, 0.0, "latency_ms is too large"),
        ("model_a", 1.0, float("inf"), "cost must be"),
    ],
)
def test_record_sample_with_wrong_value_raises(arm: str, latency: float, cost: float, message: str) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    with pytest.raises(UsageError, match=message):
        framework.record_sample("t", arm, "y", "y", latency, cost)
    assert framework.monitor("t").total_samples == 0


def test_conclude_test_with_unknown_id_or_alpha_raises() -> None:
    framework = ABTestFramework()
    framework.create_test("known", "a", "b")
    with pytest.raises(NotFoundError, match="no test t; known tests: known"):
        framework.conclude_test("t")
    for alpha in (0.0, 1.0, 2.0, float("nan")):
        with pytest.raises(UsageError, match="alpha must be between 0 and 1"):
            framework.conclude_test("known", alpha=alpha)


def test_record_sample_from_many_threads_counts_each_once(database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")

    def record(arm: str) -> None:
        for index in range(20):
            framework.record_sample("t", arm, "y" if arm == "model_b" or index % 2 else "n", "y", 1.0, 0.1)

    threads = [threading.Thread(target=record, args=(arm,)) for arm in ("model_a", "model_b") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = framework.monitor("t")
    assert (result.model_a_samples, result.model_b_samples, result.model_a_accuracy) == (40, 40, 0.5)
    with database.read() as tx:
        from fine_tuning.store import experiments

        stored = experiments.get(tx, "t")
    assert stored is not None
    strata = Statistics.of(stored["statistics"]).comparison.strata
    assert strata[""].everything().totals == [40, 20, 0, 40, 40, 0]


def test_assign_is_stable_even_and_monotone_in_share() -> None:
    units = [f"user-{number}" for number in range(4000)]
    half = {unit for unit in units if assign("t", unit) == "model_b"}
    assert 1850 < len(half) < 2150
    assert half == {unit for unit in units if assign("t", unit) == "model_b"}
    assert half <= {unit for unit in units if assign("t", unit, share_b=0.7) == "model_b"}
    other = {unit for unit in units if assign("u", unit) == "model_b"}
    assert 850 < len(half & other) < 1150
