"""Cheaper, and not worse: two one-sided statements that must both hold."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from fine_tuning import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments import sequential
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.statistics import LEAST, A, B, Statistics


def cheaper_and_not_worse(design: Design, statistics: Statistics, margin: float | None = None) -> dict[str, Any]:
    """Whether model_b costs less and scores no more than `margin` less, each at alpha and valid at every look.

    Both must hold, so that alpha is not divided between them: Berger, "Multiparameter hypothesis testing and acceptance
    sampling", Technometrics 24 (1982).
    """
    a, b = (statistics.arms[arm].measure("cost") for arm in (A, B))
    cost = (nan, nan, 0)
    if min(a.count, b.count) >= LEAST:
        cost = (b.mean - a.mean, a.variance / a.count + b.variance / b.count, a.count + b.count)
    effect, allowed = statistics.effect(design), design.margin if margin is None else checks.amount("margin", margin)
    if allowed is None or allowed > design.spread:
        raise UsageError(f"margin must be between 0 and {design.spread:g}, not {margin}")
    cheaper = _statement(-cost[0], cost[1], cost[2], design.alpha, 0.0, sequential.PLANNED_SAMPLES)
    ready = effect.n if effect.is_ready else 0
    not_worse = _statement(effect.estimate, effect.variance, ready, design.alpha, -allowed, effect.planned)
    return {"holds": cheaper["holds"] and not_worse["holds"], "cheaper": cheaper, "not_worse": not_worse}


def _statement(
    estimate: float, variance: float, n: int, alpha: float, least: float, planned: float
) -> dict[str, float | bool]:
    """Whether an estimate's lower bound is above `least`: one-sided at alpha is half of an interval at 2 alpha."""
    half = sequential.half_width(variance, n, min(2 * alpha, 0.999), planned) if n else inf
    return {"holds": estimate - half > least, "estimate": estimate, "bound": estimate - half}
