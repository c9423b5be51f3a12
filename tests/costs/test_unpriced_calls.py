"""The mean price of a few of a model's calls is not taken for the price of all, and the share is told."""

from __future__ import annotations

from math import isnan, nan
from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelRegistry
from fine_tuning.costs.roi import CostAnalysis
from fine_tuning.store.database import Database


@pytest.fixture(autouse=True)
def registered(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)


def record(name: str, priced: int, calls: int, cost: float = 0.001) -> None:
    for place in range(calls):
        CostTracker().record_inference(name, 100, cost if place < priced else None, is_fine_tuned=True)


def returned(price: float = nan, **options: Any) -> CostAnalysis:
    return CostTracker().calculate_roi("m", price, 1000, data_cost=0, **options)


def sample(priced: int, count: int = 120, failed: int = 0) -> None:
    tests = ABTestFramework()
    tests.create_test("t", "gpt-4o", "m-v1")
    rows = [{"model": arm, "score": 1.0, "cost": 0.01} for _ in range(count) for arm in ("model_a", "model_b")]
    for row in [each for each in rows if each["model"] == "model_b"][priced:]:
        row["cost"] = None  # type: ignore[assignment]
    for row in [each for each in rows if each["cost"] is None][:failed]:
        row.update(error="timeout", score=None)  # type: ignore[call-overload]
    tests.record_samples("t", rows)


def test_price_of_few_calls_is_unknown_with_what_would_tell_it() -> None:
    record("m-v1", 10, 50)
    analysis = returned(0.01)
    assert isnan(analysis.inference_cost_per_call)
    assert isnan(analysis.savings)
    assert "savings" not in analysis.intervals
    assert any("m: only 10 of 50 calls have a known price" in each for each in analysis.unknown)


@pytest.mark.parametrize("name", ["gpt-4o", "openai/gpt-4o"])
def test_bill_of_few_calls_of_the_incumbent_is_unknown(name: str) -> None:
    record("m-v1", 40, 40)
    record("gpt-4o", 0 if name != "gpt-4o" else 10, 50)
    if name != "gpt-4o":
        record(name, 10, 10)  # one model under two names: 10 of 60
    analysis = returned(incumbent="gpt-4o")
    assert isnan(analysis.incumbent_cost)
    calls = 50 if name == "gpt-4o" else 60
    assert f"only 10 of {calls} calls have a known price" in analysis.unknown[0]
    assert analysis.unknown[0].endswith("or give base_model_inference_cost")


@pytest.mark.parametrize(("priced", "has_interval"), [(40, True), (25, False)])
def test_price_of_most_calls_says_how_many(priced: int, has_interval: bool) -> None:
    record("m-v1", priced, 50)
    analysis = returned(0.01)
    assert analysis.inference_cost_per_call == pytest.approx(0.001)
    note = f"{priced} of 50 calls of m-v1 have a known price; the others may cost more or less"
    assert note in analysis.assumptions
    assert ("savings" in analysis.intervals) is has_interval


def test_price_of_all_calls_has_no_note() -> None:
    record("m-v1", 40, 40)
    assert "known price" not in str(returned(0.01).assumptions)


def test_price_of_few_samples_of_a_test_is_unknown_and_no_model_is_cheaper() -> None:
    sample(12)
    analysis = returned(incumbent="gpt-4o")
    assert isnan(analysis.inference_cost_per_call)
    assert any("only 12 of 120 calls have a known price" in each for each in analysis.unknown)
    result = ABTestFramework().monitor("t")
    assert "12 of 120 calls of m-v1 have a known price" in result.warnings[0]
    assert not ABTestFramework().cheaper_and_not_worse("t")["cheaper"]["holds"]


def test_price_of_most_samples_of_a_test_says_how_many() -> None:
    sample(100)
    assert "100 of 120 calls of m-v1 have a known price" in str(returned(incumbent="gpt-4o").assumptions)


def test_failed_calls_without_a_price_are_no_unpriced_calls() -> None:
    sample(100, failed=20)
    assert "known price" not in str(returned(incumbent="gpt-4o").assumptions)
    assert ABTestFramework().monitor("t").warnings == []


def test_price_of_samples_says_that_no_recorded_call_has_one() -> None:
    sample(120)
    record("m-v1", 0, 7)
    analysis = returned(0.02)
    assert analysis.inference_cost_per_call == pytest.approx(0.01)
    assert "none of 7 recorded calls of m-v1 has a known price: it is that of 120 A/B samples" in analysis.assumptions
