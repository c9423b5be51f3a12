"""From a result to the name of the better model, or to why there is none."""

from __future__ import annotations

from math import isfinite, isnan

from fine_tuning.experiments.guardrails import BROKEN, HOLDS
from fine_tuning.experiments.verdict import ABTestResult

WEIGHTS = {"latency": 0.2, "cost": 0.2}  # accuracy has the other 0.6, and decides alone where it differs


def recommend(result: ABTestResult) -> str:
    """The winning model's name, or a text starting with "TIE" that says why there is none.

    A verdict on the scores decides, if model_b keeps its guardrails. Otherwise the model whose latency and cost are
    better wins (weights 0.2 and 0.2, each counted only where its interval excludes 0), if its score is shown to be no
    more than the margin lower.
    """
    if result.without_samples is not None:
        return f"TIE: no samples for {result.without_samples} yet; aim for 100 or more per model"
    if result.withheld:
        return f"TIE: withheld: {result.withheld}"
    if result.statistical_significance:
        return (_kept_back(result) or result.model_b) if _is_for_b(result) else result.model_a
    if any(rail["status"] == BROKEN for rail in result.guardrails):
        return result.model_a
    gain = sum(weight * _relative_gain(result, measure) for measure, weight in WEIGHTS.items())
    low, high = result.intervals["accuracy"]
    if gain > 0 and low >= -result.margin:
        return _kept_back(result) or result.model_b
    if gain < 0 and high <= result.margin:
        return result.model_a
    if -result.margin <= low and high <= result.margin:
        return f"TIE: equivalent: {_shown(result, low)} to {_shown(result, high)} is within {_size(result)}"
    return _undecided(result)


def _is_for_b(result: ABTestResult) -> bool:
    return result.favours > 0 if result.favours else result.accuracy_improvement > 0  # older results have no favours


def _kept_back(result: ABTestResult) -> str:
    """Why model_b does not replace model_a although it is better; empty where nothing is in the way."""
    broken = [rail["name"] for rail in result.guardrails if rail["status"] == BROKEN]
    if broken:
        return f"TIE: {result.model_b} scores no worse, but breaks the guardrail {', '.join(broken)}"
    left = [rail["name"] for rail in result.guardrails if rail["status"] != HOLDS]
    return f"TIE: {result.model_b} scores no worse; still open: the guardrail {', '.join(left)}" if left else ""


def _undecided(result: ABTestResult) -> str:
    if isnan(result.p_value):  # of a planned test before its first look
        return (
            f"TIE: no verdict before the next planned look; {result.samples_needed:,.0f} more samples per model "
            f"complete this {result.design} test"
        )
    if result.is_over:
        return f"TIE: no difference found in the planned samples (p = {result.p_value:.2g})"
    low, high = result.intervals["accuracy"]
    known = isfinite(low) and isfinite(high)
    excluded = f"below {_shown(result, low)} and above {_shown(result, high)} is excluded; " if known else ""
    more = f"about {result.samples_needed:,.0f} more" if result.samples_needed > 0 else "more"
    what = "pairs" if result.is_paired else "samples per model"
    return (
        f"TIE: undecided after {result.model_a_samples} and {result.model_b_samples} samples: the accuracy of "
        f"{result.model_b} is {_shown(result, result.effect)} against {result.model_a} "
        f"(p = {result.p_value:.2g}, needs {1 - result.confidence_level:.2g}); {excluded}record {more} {what}"
    )


def _shown(result: ABTestResult, difference: float) -> str:
    """A difference of scores: points of a rate, else as it is."""
    return f"{difference * 100:+.1f} points" if result.score == "binary" else f"{difference:+.3g}"


def _size(result: ABTestResult) -> str:
    return f"{result.margin * 100:g} points" if result.score == "binary" else f"{result.margin:g}"


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
