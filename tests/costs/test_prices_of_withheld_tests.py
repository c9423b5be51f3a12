"""No price and no savings come from a test without a verdict."""

from __future__ import annotations

import random
from math import isnan

import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelRegistry
from fine_tuning.store.database import Database


@pytest.fixture
def mismatched(database: Database) -> None:
    """Test `srm`: long requests stay with gpt-4o, so that a model of 0.9 times its price seems to cost a quarter."""
    ModelRegistry().register_model("y", "small", "job", 10, cost=5.0)
    tests, rng = ABTestFramework(), random.Random(3)
    tests.create_test("srm", "gpt-4o", "y-v1")
    rows = []
    for _ in range(1000):
        is_long = rng.random() < 0.5
        arm = "model_a" if rng.random() < (0.9 if is_long else 0.3) else "model_b"
        cost = (0.02 if is_long else 0.002) * (1 if arm == "model_a" else 0.9)
        rows.append({"model": arm, "score": 1.0, "cost": cost})
    tests.record_samples("srm", rows)
    assert "sample ratio mismatch" in tests.conclude_test("srm").withheld


def test_savings_of_a_mismatched_test_are_unknown_with_the_reason(mismatched: None) -> None:
    analysis = CostTracker().calculate_roi("y", None, 10_000, incumbent="gpt-4o")
    assert isnan(analysis.savings)
    assert isnan(analysis.inference_cost_per_call)
    assert isnan(analysis.incumbent_cost)
    assert any("A/B test srm do not count, for it has no verdict: sample ratio" in each for each in analysis.unknown)


def test_savings_are_of_the_last_valid_test(mismatched: None) -> None:
    tests = ABTestFramework()
    tests.create_test("valid", "gpt-4o", "y-v1")
    price = {"model_a": 0.01, "model_b": 0.009}
    tests.record_samples("valid", [{"model": arm, "score": 1.0, "cost": price[arm]} for arm in [*price] * 100])
    tests.create_test("again", "gpt-4o", "y-v1")
    shares = ["model_a", *["model_b"] * 3] * 50
    tests.record_samples("again", [{"model": arm, "score": 1.0, "cost": 5 * price[arm] ** 2} for arm in shares])
    analysis = CostTracker().calculate_roi("y", None, 10_000, incumbent="gpt-4o")
    assert (analysis.savings, analysis.incumbent_cost) == (pytest.approx(10), pytest.approx(100))


def test_price_of_a_model_in_a_mismatched_test_is_that_of_its_calls(mismatched: None) -> None:
    for name, cost in (("gpt-4o", 0.01), ("y-v1", 0.009)):
        for _ in range(5):
            CostTracker().record_inference(name, 10, cost, is_fine_tuned=False)
    assert CostTracker().calculate_roi("y", None, 10_000, incumbent="gpt-4o").savings == pytest.approx(10)
