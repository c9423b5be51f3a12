"""Measured cost per call of a model."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from fine_tuning.costs.cost_intervals import MIN_VALUES, NORMAL_FROM, UNKNOWN, Measured, mean_of, mean_of_moments
from fine_tuning.store import costs, experiments
from fine_tuning.store.database import Transaction


def cost_per_call(tx: Transaction, names: Sequence[str]) -> Measured:
    """Mean cost per call in US dollars: of recorded production calls, else of A/B samples.

    Args:
        names: every name that the model's calls are recorded under.
    """
    recorded = costs.moments(tx, "inference", names)
    if recorded.n > NORMAL_FROM:
        return mean_of_moments(recorded)
    if recorded.n:
        return mean_of(costs.newest_costs(tx, "inference", names, NORMAL_FROM))
    sampled = costs.Moments(*experiments.costs_of(tx, names))
    if not sampled.n:
        return UNKNOWN
    return mean_of_moments(sampled) if sampled.n >= MIN_VALUES else Measured(sampled.total / sampled.n, nan)
