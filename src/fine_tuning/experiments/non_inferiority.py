"""Cheaper, and not worse: two one-sided statements that must both hold."""

from __future__ import annotations

from math import inf
from typing import Any

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments import confidence_sequences, measures
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.sufficient_statistics import Effect, Statistics


def cheaper_and_not_worse(design: Design, statistics: Statistics, margin: float | None = None) -> dict[str, Any]:
    """Whether model_b costs less and scores no more than `margin` less, each at alpha and valid at every look.

    Both must hold, so that alpha is not divided between them: Berger, "Multiparameter hypothesis testing and acceptance
    sampling", Technometrics 24 (1982).
    """
    cost = measures.difference(statistics, "cost", design.alpha)
    effect, allowed = statistics.effect(design), design.margin if margin is None else checks.amount("margin", margin)
    if allowed is None or (design.score != "real" and allowed > design.spread):
        raise UsageError(f"margin must be between 0 and {design.spread:g}, not {margin or design.margin}")
    dearer = _bounds(cost, design.alpha)[1]
    cheaper = {"holds": dearer < 0, "estimate": -cost.estimate, "bound": -dearer}
    worst = _bounds(effect, design.alpha)[0]
    not_worse = {"holds": worst > -allowed, "estimate": effect.estimate, "bound": worst}
    return {"holds": cheaper["holds"] and not_worse["holds"], "cheaper": cheaper, "not_worse": not_worse}


def _bounds(effect: Effect, alpha: float) -> tuple[float, float]:
    """One-sided at alpha on either side: together an interval at 2 alpha."""
    if not effect.is_ready:
        return -inf, inf
    return effect.interval(confidence_sequences.limit(effect.n, min(2 * alpha, 0.999), effect.planned))
