"""Intervals of a result that was built by hand, or whose export has the nineteen fields of the contract alone.

Such a result has means and one number of samples, but neither counts per model nor spreads. So the samples are taken
as divided evenly, scores as right or wrong, and a difference in latency or cost as noise unless it is large.
"""

from __future__ import annotations

from math import inf, isfinite

from fine_tuning.evaluation.intervals import wilson
from fine_tuning.experiments import confidence_sequences
from fine_tuning.experiments.ab_test_result import ABTestResult, Interval
from fine_tuning.experiments.estimated_effects import MIN_OBSERVATIONS
from fine_tuning.experiments.rate_likelihood import Rates
from fine_tuning.experiments.sufficient_statistics import A
from fine_tuning.store.records.experiment_json import Arm

MIN_RELATIVE_DIFFERENCE = 0.05  # of two means whose spread is unknown, below which they count as equal
UNKNOWN: Interval = (-inf, inf)


def interval_of(result: ABTestResult, measure: str) -> Interval:
    """The interval of an improvement (accuracy, latency or cost): the result's own, else estimated from its fields."""
    if measure in result.intervals:
        low, high = result.intervals[measure]
        return (low, high) if measure == "accuracy" or (isfinite(low) and isfinite(high)) else UNKNOWN
    if measure == "accuracy":
        return _accuracy_interval(result)
    if measure == "latency":
        return _difference(result.model_a_avg_latency, result.model_b_avg_latency)
    return _difference(result.model_a_cost_per_inference, result.model_b_cost_per_inference)


def interval_of_share(result: ABTestResult, arm: Arm) -> Interval | None:
    """The 95 % interval, at one look, of a model's share of right answers; None of other scores and of no samples.

    Args:
        arm: model_a, or the arm that is called model_b in this result.
    """
    name, is_a = ("model_a_accuracy", True) if arm == A else ("model_b_accuracy", False)
    if name in result.intervals:
        found = result.intervals[name]
    else:
        share = result.model_a_accuracy if is_a else result.model_b_accuracy
        samples = result.model_a_samples if is_a else result.model_b_samples
        is_open = result.model_a_open if is_a else result.model_b_open
        if result.score != "binary" or not 0 <= share <= 1:
            return None
        found = wilson(share * (samples - is_open), samples - is_open)
    return found if isfinite(found[0]) else None


def _accuracy_interval(result: ABTestResult) -> Interval:
    """The confidence sequence of the difference of two rates, as an anytime test with these figures has it."""
    a, b, count = result.model_a_accuracy, result.model_b_accuracy, result.total_samples // 2
    alpha = 1 - result.confidence_level
    if not (0 <= a <= 1 and 0 <= b <= 1 and 0 < alpha < 1) or count < MIN_OBSERVATIONS:
        return UNKNOWN
    rates, limit = Rates(a, b, (count, count)), confidence_sequences.limit(2 * count, alpha)
    return rates.difference(limit), rates.difference(-limit)


def _difference(a: float, b: float) -> Interval:
    """How much lower b is, where that is a large part of the larger mean; else unknown."""
    gain = a - b
    if not isfinite(gain) or abs(gain) < MIN_RELATIVE_DIFFERENCE * max(a, b) or gain == 0:
        return UNKNOWN
    return gain, gain
