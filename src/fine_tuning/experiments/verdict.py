"""From an experiment's running sums to a result, and from a result to a recommendation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, isnan, nan
from typing import Any

from fine_tuning.experiments import sequential

# Accuracy may be this much lower (absolute) and still count as "not worse".
NON_INFERIORITY_MARGIN = 0.05
WEIGHTS = {"latency": 0.2, "cost": 0.2}  # accuracy has the other 0.6, and decides alone where it differs


@dataclass
class ABTestResult:
    """The state of a test; improvements are positive where model_b is better, unknown is nan.

    `statistical_significance` is whether the accuracies differ at `1 - confidence_level`, valid at any look;
    `p_value` is the always-valid p behind it. `intervals` holds for accuracy, latency and cost the confidence sequence
    of the improvement as (low, high), infinite while too few samples are known.
    """

    test_id: str
    model_a: str
    model_b: str
    status: str
    total_samples: int
    model_a_accuracy: float
    model_b_accuracy: float
    accuracy_improvement: float
    model_a_avg_latency: float
    model_b_avg_latency: float
    latency_improvement: float
    model_a_cost_per_inference: float
    model_b_cost_per_inference: float
    cost_improvement: float
    statistical_significance: bool
    confidence_level: float
    started_at: str
    completed_at: str | None
    metadata: dict[str, Any] = field(default_factory=dict)
    p_value: float = nan
    model_a_samples: int = 0
    model_b_samples: int = 0
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)


def judge(experiment: Mapping[str, Any], alpha: float) -> ABTestResult:
    """The verdict so far, from the stored sums alone."""
    a, b = experiment["arms"]["model_a"], experiment["arms"]["model_b"]
    log_e = sequential.discordant_pair_log_e_value(experiment["b_only"], experiment["a_only"])
    p_value = sequential.always_valid_p(log_e)
    means, intervals = {}, {}
    for measure in ("accuracy", "latency", "cost"):
        means[measure], intervals[measure] = _difference(a, b, measure, alpha)
    return ABTestResult(
        test_id=experiment["id"],
        model_a=experiment["model_a"],
        model_b=experiment["model_b"],
        status=experiment["status"],
        total_samples=a["samples"] + b["samples"],
        model_a_accuracy=means["accuracy"][0],
        model_b_accuracy=means["accuracy"][1],
        accuracy_improvement=means["accuracy"][1] - means["accuracy"][0],
        model_a_avg_latency=means["latency"][0],
        model_b_avg_latency=means["latency"][1],
        latency_improvement=means["latency"][0] - means["latency"][1],
        model_a_cost_per_inference=means["cost"][0],
        model_b_cost_per_inference=means["cost"][1],
        cost_improvement=means["cost"][0] - means["cost"][1],
        statistical_significance=p_value <= alpha,
        confidence_level=1 - alpha,
        started_at=experiment["started_at"],
        completed_at=experiment["completed_at"],
        metadata=experiment["metadata"],
        p_value=p_value,
        model_a_samples=a["samples"],
        model_b_samples=b["samples"],
        intervals=intervals,
    )


def _moments(arm: Mapping[str, Any], measure: str) -> tuple[int, float, float]:
    """Count, mean and variance of one arm; nan where too few samples were seen."""
    if measure == "accuracy":
        count, correct = arm["samples"], arm["correct"]
        # One more right and one more wrong answer: a few answers that are all right are no proof of certainty.
        rate = (correct + 1) / (count + 2)
        return count, correct / count if count else nan, rate * (1 - rate)
    count = arm[f"{measure}_count"]
    return count, *sequential.mean_and_variance(count, arm[f"{measure}_sum"], arm[f"{measure}_squares"])


def _difference(
    a: Mapping[str, Any], b: Mapping[str, Any], measure: str, alpha: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The means of both arms, and the interval of the improvement of b."""
    (count_a, mean_a, variance_a), (count_b, mean_b, variance_b) = _moments(a, measure), _moments(b, measure)
    improvement = mean_b - mean_a if measure == "accuracy" else mean_a - mean_b
    if isnan(improvement):
        return (mean_a, mean_b), (-inf, inf)
    half = sequential.mean_difference_half_width(variance_a, count_a, variance_b, count_b, alpha)
    low, high = improvement - half, improvement + half
    if measure == "accuracy":
        low, high = max(low, -1.0), min(high, 1.0)
    return (mean_a, mean_b), (low, high)


def recommend(result: ABTestResult) -> str:
    """The winning model's name, or a text starting with "TIE" that says why there is none.

    A significant difference in accuracy decides alone. Otherwise the model whose latency and cost are better wins
    (weights 0.2 and 0.2, each counted only where its interval excludes 0), if its accuracy is shown to be no more than
    the margin lower.
    """
    fewest = min(result.model_a_samples, result.model_b_samples)
    if fewest == 0:
        empty = result.model_a if result.model_a_samples == 0 else result.model_b
        return f"TIE: no samples for {empty} yet; aim for 100 or more per model"
    if result.statistical_significance:
        return result.model_b if result.accuracy_improvement > 0 else result.model_a
    gain = sum(weight * _relative_gain(result, measure) for measure, weight in WEIGHTS.items())
    low, high = result.intervals["accuracy"]
    if gain > 0 and low >= -NON_INFERIORITY_MARGIN:
        return result.model_b
    if gain < 0 and high <= NON_INFERIORITY_MARGIN:
        return result.model_a
    return (
        f"TIE: undecided after {result.model_a_samples} and {result.model_b_samples} samples: the accuracy of "
        f"{result.model_b} is {result.accuracy_improvement:+.1%} against {result.model_a} "
        f"(p = {result.p_value:.2g}, needs {1 - result.confidence_level:.2g}); record more samples"
    )


def _relative_gain(result: ABTestResult, measure: str) -> float:
    """Improvement of model_b relative to the worse model, -1 to 1; 0 where it may be noise or is unknown."""
    low, high = result.intervals[measure]
    if not (isfinite(low) and isfinite(high)) or low <= 0 <= high:
        return 0.0
    a, b = (
        (result.model_a_avg_latency, result.model_b_avg_latency)
        if measure == "latency"
        else (result.model_a_cost_per_inference, result.model_b_cost_per_inference)
    )
    return (a - b) / max(a, b)
