"""Prices and returns on investment: unknown inputs stay unknown."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelRegistry, OpenAIFineTuner
from fine_tuning.costs import roi
from fine_tuning.costs.prices import PriceList
from fine_tuning.errors import UsageError
from fine_tuning.store.database import Database


def test_training_price_dated_or_fine_tuned_name_is_that_of_the_base() -> None:
    prices = PriceList({})
    assert prices.training_price("gpt-4.1-mini-2025-04-14") == prices.training_price("gpt-4.1-mini") == 5.0
    assert prices.training_price("ft:gpt-3.5-turbo-0125:org::1") == 8.0
    assert isnan(prices.training_price("someone-elses"))
    assert isnan(OpenAIFineTuner().estimate_cost(1000, "someone-elses")["total_cost"])


def test_call_price_unknown_model_or_tokens_is_none() -> None:
    prices = PriceList({})
    assert prices.call_price("gpt-4o", 1000, 100) == pytest.approx(0.0035)
    assert prices.call_price("someone-elses", 1000, 100) is None
    assert prices.call_price("gpt-4o", None, 100) is None
    assert prices.text_price("someone-elses", "a", "b").usd is None
    assert (prices.text_price("gpt-4o", "hello world <|endoftext|>", "yes").usd or 0) > 0


def test_roi_figures_known_and_unknown_inputs() -> None:
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


def test_record_inference_without_price_counts_but_adds_nothing(database: Database) -> None:
    tracker = CostTracker()
    tracker.record_inference("m", 10, 0.5, is_fine_tuned=True)
    tracker.record_inference("m", 10, None, is_fine_tuned=True)
    costs = tracker.get_inference_costs()["m"]
    assert (costs["count"], costs["total"], costs["unpriced"]) == (2, 0.5, 1)
    tracker.record_training_job("j", "m", "b", 5, 100, 2.0)
    tracker.record_training_job("j", "m", "b", 5, 100, 3.0)
    assert tracker.get_model_training_cost("m") == 3.0
    analysis = tracker.calculate_roi("m", 0.6, 100, 10.0, calls_per_day=10, accuracy_improvement=0.1)
    assert analysis.break_even_inferences == pytest.approx(30)
    assert analysis.payback_days == pytest.approx(3)
    assert analysis.accuracy_value == pytest.approx(100)
    assert analysis.unknown == []


@pytest.mark.parametrize("cost", [-1.0, inf, True, "free"])
def test_record_inference_invalid_cost_raises(cost: object) -> None:
    with pytest.raises(UsageError, match="cost must be a number of 0 or more"):
        CostTracker().record_inference("m", 1, cost, is_fine_tuned=True)  # type: ignore[arg-type]


def test_training_cost_job_in_ledger_and_registry_counts_once(database: Database) -> None:
    tracker, registry = CostTracker(), ModelRegistry()
    tracker.record_training_job("first", "m", "b", 10, 1000, 5.0)
    registry.register_model("m", "b", "first", 10, cost=5.0)
    registry.register_model("m", "b", "second", 10, cost=100.0)
    registry.register_model("m", "b", "second", 10, cost=100.0)  # another version of the same job
    assert tracker.get_model_training_cost("m") == 105.0
    assert tracker.get_cost_summary()["training_by_model"] == {"m": 105.0}


def test_training_cost_job_of_two_names_is_paid_once_and_known_to_both(database: Database, cli: Any) -> None:
    tracker, registry = CostTracker(), ModelRegistry()
    tracker.record_training_job("job-1", "support", "base", 100, 1000, 5.0)
    registry.register_model("support", "base", "job-1", 100, cost=5.0)
    assert tracker.get_model_training_cost("support") == 5.0
    registry.register_model("alpha", "base", "job-1", 100, cost=5.0)
    registry.register_model("alpha", "base", "job-1", 100)  # a second version, whose cost was not stated
    assert (tracker.get_model_training_cost("support"), tracker.get_model_training_cost("alpha")) == (5.0, 5.0)
    summary, registered = tracker.get_cost_summary(), registry.get_cost_summary()
    assert summary["training_by_model"] == {"support": 5.0, "alpha": 5.0}
    assert (summary["total_training_cost"], summary["total_cost"], summary["unpriced_events"]) == (5.0, 5.0, 0)
    assert (registered["total_cost"], registered["unpriced_versions"]) == (5.0, 0)
    assert registered["models"]["alpha"] == {"versions": 2, "cost": 5.0}
    assert registry.get_cost_summary("alpha")["total_cost"] == 5.0
    assert registry.get_registry_stats()["total_training_cost"] == 5.0
    assert summary["shared_jobs"] == registered["shared_jobs"] == {"job-1": ["alpha", "support"]}
    for name in ("support", "alpha", "*"):
        tracker.set_budget(name, 10)
    assert [budget["spent"] for budget in tracker.get_budgets()] == [5.0, 5.0, 5.0]
    assert "job job-1 trained alpha and support: it is paid once" in cli("cost-summary")[1]


def test_registry_and_ledger_have_one_cost_of_a_job(database: Database) -> None:
    tracker, registry = CostTracker(), ModelRegistry()
    registry.register_model("m", "base", "j1", 10, cost=5.0)  # an estimate
    registry.register_model("m", "base", "j2", 10)
    tracker.record_training_job("j1", "m", "base", 10, 100, 7.0)  # the bill
    tracker.record_training_job("j2", "host-name", "base", 10, 100, 2.0)
    summary, registered = tracker.get_cost_summary(), registry.get_cost_summary()
    assert summary["total_training_cost"] == registered["total_cost"] == 9.0
    assert registered["models"] == {"m": {"versions": 2, "cost": 9.0}}
    assert registry.get_registry_stats()["total_training_cost"] == 9.0
    tracker.record_training_job("j3", "unregistered", "base", 10, 100, 1.0)
    assert registry.get_cost_summary()["total_cost"] == 9.0


def test_training_cost_ledger_and_registry_name_both_count(database: Database) -> None:
    tracker, registry = CostTracker(), ModelRegistry()
    tracker.record_training_job("job-1", "support", "base", 100, 1000, 5.0)
    tracker.record_training_job("job-2", "base", "base", 100, 1000, 2.0)  # as a job without a suffix is recorded
    registry.register_model("alpha", "base", "job-1", 100, cost=7.0)  # the ledger knows what was billed
    registry.register_model("beta", "base", "job-2", 100)
    registry.register_model("gamma", "base", "job-3", 100, cost=3.0)
    registry.register_model("delta", "base", "job-3", 100)
    found = tracker.get_cost_summary()
    expected = {"alpha": 5.0, "support": 5.0, "beta": 2.0, "gamma": 3.0, "delta": 3.0}
    assert (found["training_by_model"], found["total_training_cost"]) == (expected, 10.0)
    registry.register_model("alpha", "base", "job-3", 100)
    assert tracker.get_model_training_cost("alpha") == 8.0
    assert tracker.get_cost_summary()["total_training_cost"] == 10.0


def test_training_cost_other_name_counts_for_registered_model(database: Database) -> None:
    CostTracker().record_training_job("job", "ft:smollm2:local::1", "b", 10, 1000, 2.0)
    ModelRegistry().register_model("inbox", "b", "job", 10)
    assert CostTracker().get_cost_summary()["training_by_model"] == {"inbox": 2.0}


def test_training_cost_unknown_is_nan_not_zero(database: Database) -> None:
    ModelRegistry().register_model("m", "b", "job", 10, cost=None)
    ModelRegistry().register_model("n", "b", "other", 10)
    summary = CostTracker().get_cost_summary()
    assert all(isnan(cost) for cost in summary["training_by_model"].values())
    assert (summary["total_training_cost"], summary["unpriced_events"]) == (0, 2)
    assert isnan(CostTracker().get_model_training_cost("n"))


def test_call_cost_recorded_under_version_name_counts_for_model(database: Database) -> None:
    ModelRegistry().register_model("m", "b", "job", 10, cost=1.0)
    ab = ABTestFramework()
    ab.create_test("t", "base", "m-v1")
    ab.record_sample("t", "model_b", "a", "a", 10, 0.01)
    assert CostTracker().calculate_roi("m", 0.02, 1000).inference_cost_per_call == pytest.approx(0.01)
    CostTracker().record_inference("m-v1", 10, 0.004, True)
    CostTracker().record_inference("m-v10", 10, 9.0, True)  # no version of it
    assert CostTracker().calculate_roi("m", 0.02, 1000).inference_cost_per_call == pytest.approx(0.004)


def test_calculate_roi_without_base_price_names_it_as_unknown(database: Database) -> None:
    CostTracker().record_training_job("job", "m", "b", 10, 1000, 5.0)
    CostTracker().record_inference("m", 10, 0.004, True)
    analysis = CostTracker().calculate_roi("m", float("nan"), 1000)
    assert isnan(analysis.roi_at_expected)
    assert analysis.unknown[0] == (
        "price per call of the model that it replaces (name it as the incumbent): "
        "base_model_inference_cost, or recorded calls of it"
    )
    assert analysis.unknown[1] == "accuracy: no version of m is registered"
    assert "fewer than 30 calls of m have a known price: too few for an interval" in analysis.assumptions


def test_calculate_roi_unpriced_training_names_the_job(database: Database) -> None:
    ModelRegistry().register_model("m", "b", "unpriced", 10)
    CostTracker().record_training_job("priced", "m", "b", 10, 1000, 5.0)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert analysis.unknown[0].startswith("training cost of m, by job unpriced: record_training_job")


def test_calculate_roi_invalid_argument_raises() -> None:
    tracker = CostTracker()
    for wrong in (-5, nan, "x"):
        with pytest.raises(UsageError, match="cost_per_error must be a number"):
            tracker.calculate_roi("m", 0.1, 10, wrong)  # type: ignore[arg-type]
    for wrong in (5.0, inf):
        with pytest.raises(UsageError, match="accuracy_improvement must be"):
            tracker.calculate_roi("m", 0.1, 10, accuracy_improvement=wrong)
    with pytest.raises(UsageError, match="not nan; None removes it"):
        tracker.set_budget("m", nan)


def test_calculate_roi_free_training_without_savings_never_pays_back() -> None:
    tracker = CostTracker()
    tracker.record_training_job("j", "m", "b", 5, 100, 0.0)
    tracker.record_inference("m", 10, 0.02, is_fine_tuned=True)
    analysis = tracker.calculate_roi("m", 0.001, 1000)
    assert (analysis.break_even_inferences, analysis.payback_days, analysis.roi_at_expected) == (inf, inf, -inf)
    assert tracker.calculate_roi("m", 0.03, 1000).roi_at_expected == inf


def test_record_inference_is_fine_tuned_not_boolean_raises() -> None:
    with pytest.raises(UsageError, match="is_fine_tuned must be True or False, not ''"):
        CostTracker().record_inference("m", 10, 0.1, "")  # type: ignore[arg-type]
