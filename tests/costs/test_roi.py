"""Return on investment with intervals: inputs, coverage, and unknown figures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelEvaluator, ModelRegistry
from fine_tuning.costs import cost_intervals, roi
from fine_tuning.costs.cost_intervals import given, mean_of, mean_of_moments
from fine_tuning.costs.data_costs import DataCost
from fine_tuning.costs.roi_facts import AccuracyGain, Incumbent, Quality, RoiFacts, RoiRequest
from fine_tuning.experiments import model_return
from fine_tuning.settings import get_settings
from fine_tuning.store.costs import Moments
from fine_tuning.store.database import Database, open_database


@pytest.mark.slow
@pytest.mark.parametrize("size", [50, 100, 400])
def test_interval_of_savings_covers_at_nominal_rate(size: int) -> None:
    rng, covered, tests = np.random.default_rng(size), 0, 1000
    truth = 0.004 * math.exp(0.5**2 / 2) - 0.001 * math.exp(0.6**2 / 2)
    for seed in range(tests):
        base = mean_of((0.004 * rng.lognormal(0, 0.5, size)).tolist())
        tuned = mean_of((0.001 * rng.lognormal(0, 0.6, size)).tolist())
        low, high = cost_intervals.interval([(1.0, base), (-1.0, tuned)], resamples=1000, seed=seed)
        covered += low <= truth <= high
    assert 0.93 <= covered / tests <= 0.97


def test_mean_of_moments_agrees_with_mean_of_values() -> None:
    values = np.random.default_rng(1).lognormal(0, 0.5, 4000)
    sums = mean_of_moments(Moments(len(values), float(values.sum()), float((values**2).sum())))
    exact = mean_of(values.tolist())
    assert (sums.value, sums.error) == pytest.approx((exact.value, exact.error))
    assert cost_intervals.interval([(1.0, sums)]) == pytest.approx(cost_intervals.interval([(1.0, exact)]), rel=0.01)
    assert cost_intervals.interval([(2.0, given(3.0))]) == (6.0, 6.0)
    assert all(math.isnan(end) for end in cost_intervals.interval([(1.0, mean_of([1.0]))]))
    assert all(math.isnan(end) for end in cost_intervals.interval([(1.0, cost_intervals.UNKNOWN)]))


def facts(**more: Any) -> RoiFacts:
    rng = np.random.default_rng(2)
    known = RoiFacts(
        request=RoiRequest("m", 100_000, 1000.0, 0.004, "big", cost_per_error=10.0),
        incumbent=Incumbent("big", "as given"),
        training_cost=8.0,
        training_tokens=None,
        data=DataCost(2.0, 500),
        price=mean_of(rng.lognormal(-7, 0.5, 200).tolist()),
        incumbent_price=given(0.004),
        machine_per_day=math.nan,
        quality=Quality(),
    )
    return replace(known, **more)


def test_analyze_intervals_follow_from_savings() -> None:
    analysis = roi.analyze(facts(quality=Quality(AccuracyGain(0.1, 0.05, 0.15, "a test"))))
    for name in ("savings", "accuracy_value", "roi_at_expected", "break_even_inferences", "payback_days"):
        low, high = analysis.intervals[name]
        assert low < getattr(analysis, name) < high
    low, high = analysis.intervals["savings"]
    assert analysis.intervals["break_even_inferences"] == pytest.approx((1e6 / high, 1e6 / low))
    assert analysis.intervals["accuracy_value"] == pytest.approx((50_000, 150_000))
    dearer = roi.analyze(facts(incumbent_price=given(0.001)))
    assert dearer.intervals["break_even_inferences"][1] == math.inf  # it may never pay back
    unknown = roi.analyze(facts(incumbent_price=cost_intervals.UNKNOWN))
    assert unknown.intervals == {}
    assert math.isnan(unknown.savings)


def test_calculate_roi_measured_inputs_give_intervals_and_assumptions(database: Database, cli: Any) -> None:
    tracker, registry, evaluator = CostTracker(), ModelRegistry(), ModelEvaluator()
    registry.register_model("m", "big", "job", 10, cost=4.0)
    rng = np.random.default_rng(3)
    for _ in range(60):
        tracker.record_inference("m", 10, float(rng.lognormal(-7, 0.3)), is_fine_tuned=True)
        tracker.record_inference("big", 10, float(rng.lognormal(-5, 0.3)), is_fine_tuned=False)
    questions = [f"q{n}" for n in range(80)]
    predictions = {"big": ["x" if n % 4 else "y" for n in range(80)], "m": ["x" if n % 10 else "y" for n in range(80)]}
    for name, kind in (("big", "base"), ("m", "fine_tuned")):
        evaluator.evaluate(predictions[name], ["x"] * 80, name, kind, questions=questions)
    analysis = tracker.calculate_roi("m", None, 10_000, 10.0, "big")
    assert analysis.accuracy_improvement == pytest.approx(0.15)
    low, high = analysis.intervals["accuracy_value"]
    assert 0 < low < analysis.accuracy_value < high
    assert analysis.unknown == []
    assert any("evaluations 1 and 2" in line for line in analysis.assumptions)
    assert any("a call of big costs" in line for line in analysis.assumptions)
    stated = tracker.calculate_roi("m", 0.01, 10_000)
    assert any("as given; taken as certain" in line for line in stated.assumptions)
    code, out, _ = cli("roi", "m", "nan", "10000", "--error-cost", "10", "--base-model", "big")
    assert code == 0
    for word in ("95 % interval", "break-even", "avoided errors", "assumed: 10,000 calls"):
        assert word in out


def test_calculate_roi_without_evaluations_takes_accuracy_from_ab_test() -> None:
    registry, tests = ModelRegistry(), ABTestFramework()
    registry.register_model("m", "big", "job", 10, cost=4.0)
    tests.create_test("t", "m-v1", "big")
    samples = [
        {"model": arm, "score": float(number % 10 != 0 if arm == "model_a" else number % 2)}
        for number in range(400)
        for arm in ("model_a", "model_b")
    ]
    tests.record_samples("t", samples)
    assert math.isnan(CostTracker().calculate_roi("m", 0.01, 1000, 10.0).accuracy_value)  # it is still running
    analysis = CostTracker().calculate_roi("m", 0.01, 1000, 10.0, "big")
    assert analysis.accuracy_improvement == pytest.approx(0.4)  # m is model_a here
    low, high = analysis.intervals["accuracy_value"]
    assert low < analysis.accuracy_value < high
    assert "A/B test t against big" in analysis.assumptions[-1]


def test_cost_totals_equal_sums_of_events(database: Database) -> None:
    from fine_tuning.store import costs

    tracker = CostTracker()
    rng = np.random.default_rng(4)
    values = rng.lognormal(-5, 1, 50).tolist()
    for value in values:
        tracker.record_inference("m", 7, value, is_fine_tuned=True)
    tracker.record_inference("m", None, None, is_fine_tuned=True)
    with database.read() as tx:
        (call, sums), *others = costs.moments_by_host(tx, "inference", ["m", "other"]).items()
        assert not others
        assert (sums.n, sums.total) == (50, pytest.approx(sum(values)))
        assert sums.squares == pytest.approx(sum(value**2 for value in values))
        assert costs.newest_costs(tx, "inference", [call], 3) == pytest.approx(values[:-4:-1])
    assert tracker.get_inference_costs("m")["m"] == {
        "count": 51,
        "total": pytest.approx(sum(values)),
        "tokens": 350,
        "unpriced": 1,
    }
    assert open_database().exists()


def test_interval_of_savings_holds_how_the_incumbents_answers_differ(database: Database) -> None:
    for _ in range(40):
        CostTracker().record_inference("m", 10, 0.0001, is_fine_tuned=True)
    answers = (0.001, 0.003) * 25  # mean 0.002, standard error 0.001 / 7
    request = RoiRequest("m", 1000, 1.0, incumbent="gpt-4o", incumbent_answers=answers)
    with database.read() as tx:
        analysis = model_return.calculate(tx, request, get_settings())
    assert analysis.incumbent_cost == pytest.approx(2.0)
    assert analysis.savings == pytest.approx(1.9)
    assert analysis.intervals["savings"] == pytest.approx((1.9 - 2 / 7, 1.9 + 2 / 7), abs=0.03)
    assert "its 50 answers to the same requests" in str(analysis.assumptions)
