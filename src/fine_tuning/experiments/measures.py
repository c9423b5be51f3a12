"""The difference of two models in a measure: latency, cost, error rate, or one of the user's own."""

from __future__ import annotations

from dataclasses import replace

from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.estimated_effects import effect_of_measure
from fine_tuning.experiments.neighbour_evidence import Claim
from fine_tuning.experiments.propensity_strata import ERRORS
from fine_tuning.experiments.sufficient_statistics import A, B, Statistics

COST = "cost"


def difference(statistics: Statistics, name: str, alpha: float, factor: float = 1.0) -> Effect:
    """The mean of model_b less `factor` times that of model_a, within the same blocks of time and strata as the scores;
    not ready where no samples are of the same time, where there is no such difference among neighbours,
    or where most costs are unknown.

    Args:
        alpha: of the interval, and with which an unseen event may be missed: figures that are all the same say nothing
            about rare ones, so that such a model needs ln(alpha) / ln(1 - RARE) calls.
    """
    comparison = statistics.comparison
    figures = statistics.arms[A].measure(name), statistics.arms[B].measure(name)
    found = effect_of_measure(
        comparison.cells(name),
        figures,
        comparison.pair_sums(name),
        alpha,
        is_rate=name == ERRORS,
        factor=factor,
        origin=statistics.origins.get(name, 0.0),
    )
    if name == COST and not all(each.has_price for each in statistics.arms.values()):
        return replace(found, is_ready=False)  # what the others cost may be the opposite
    if statistics.is_paired or name == ERRORS:
        return found
    is_of_other_times = comparison.in_turns or comparison.are_apart
    low, high = found.sequence(alpha)
    claim = Claim(found.estimate, found.limit(alpha))
    is_of_cycles = factor == 1 and not low <= 0 <= high and comparison.neighbours_contradict(claim, name)
    return replace(found, is_ready=found.is_ready and not is_of_other_times and not is_of_cycles)
