"""Prices and returns: what is unknown stays unknown."""

from __future__ import annotations

from math import inf, isnan

import pytest

from fine_tuning import CostTracker, OpenAIFineTuner
from fine_tuning.costs import prices, roi
from fine_tuning.errors import UsageError
from fine_tuning.store.database import Database


def test_training_prices_know_dated_and_fine_tuned_names() -> None:
    assert prices.training_price("gpt-4.1-mini-2025-04-14") == prices.training_price("gpt-4.1-mini") == 5.0
    assert prices.training_price("ft:gpt-3.5-turbo-0125:org::1") == 8.0
    assert isnan(prices.training_price("someone-elses"))
    assert isnan(OpenAIFineTuner().estimate_cost(1000, "someone-elses")["total_cost"])


def test_calls_without_a_known_price_cost_none() -> None:
    assert prices.call_price("gpt-4o", 1000, 100) == pytest.approx(0.0035)
    assert prices.call_price("someone-elses", 1000, 100) is None
    assert prices.call_price("gpt-4o", None, 100) is None
    assert prices.text_price("someone-elses", "a", "b") is None
    assert prices.text_price("gpt-4o", "hello world <|endoftext|>", "yes") > 0


def test_returns() -> None:
    assert roi.break_even(50, 0.001) == pytest.approx(50_000)
    assert roi.break_even(50, 0) == inf
    assert roi.return_on_investment(0, 10) == inf
    assert roi.payback_days(50_000, 1_000) == 50
    assert roi.payback_days(inf, 1_000) == inf
    for value in (
        roi.break_even(float("nan"), 1),
        roi.return_on_investment(5, float("nan")),
        roi.payback_days(1, float("nan")),
    ):
        assert isnan(value)


def test_a_call_without_a_price_is_counted_and_in_no_sum(database: Database) -> None:
    tracker = CostTracker()
    tracker.record_inference("m", 10, 0.5, is_fine_tuned=True)
    tracker.record_inference("m", 10, None, is_fine_tuned=True)
    costs = tracker.get_inference_costs()["m"]
    assert (costs["count"], costs["total"], costs["unpriced"]) == (2, 0.5, 1)
    tracker.record_training_job("j", "m", "b", 5, 100, 2.0)
    tracker.record_training_job("j", "m", "b", 5, 100, 3.0)
    assert tracker.get_model_training_cost("m") == 3.0
    analysis = tracker.calculate_roi("m", 0.6, 100, calls_per_day=10, accuracy_improvement=0.1)
    assert analysis.break_even_inferences == pytest.approx(30)
    assert analysis.payback_days == pytest.approx(3)
    assert analysis.accuracy_value == pytest.approx(100)
    assert analysis.unknown == []


@pytest.mark.parametrize("cost", [-1.0, inf, True, "free"])
def test_costs_that_are_none_are_refused(cost: object) -> None:
    with pytest.raises(UsageError, match="cost must be a number of 0 or more"):
        CostTracker().record_inference("m", 1, cost, is_fine_tuned=True)  # type: ignore[arg-type]
