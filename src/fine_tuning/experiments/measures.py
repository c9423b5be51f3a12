"""The difference of two models in a measure: latency, cost, error rate, or one of the user's own."""

from __future__ import annotations

from math import ceil, inf, log

from fine_tuning.experiments import small_sample_corrections
from fine_tuning.experiments.comparison import MAX_SKEWNESS, MIN_OBSERVATIONS, MIN_OBSERVATIONS_OF_MEANS
from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.running_sums import ArmSums
from fine_tuning.experiments.small_sample_corrections import welch
from fine_tuning.experiments.sufficient_statistics import A, B, Statistics

ROUNDING = 1e-9  # relative error of the running sums
RARE = 0.01  # share of the calls in which a measure that never differed may differ


def difference(statistics: Statistics, name: str, alpha: float, factor: float = 1.0) -> Effect:
    """The mean of model_b less `factor` times that of model_a; not ready where the models' shares changed over time or
    between strata, as plain means then compare different times.

    Args:
        alpha: with which an unseen event may be missed: figures that are all the same say nothing about rare ones, so
            that such a model needs ln(alpha) / ln(1 - RARE) calls.
    """
    arms = [statistics.arms[arm] for arm in (A, B)]
    (mean_a, variance_a, degrees_a, n_a, ready_a), (mean_b, variance_b, degrees_b, n_b, ready_b) = (
        _mean(arm, name, alpha) for arm in arms
    )
    variance = variance_b + factor**2 * variance_a
    a, b = (arm.measure(name) for arm in arms)
    is_plain = degrees_a == a.count - 1 and degrees_b == b.count - 1  # neither clusters nor a rate
    parts, units = (factor**2 * variance_a, variance_b), (a.count, b.count)
    skewness = float(small_sample_corrections.skewness((a, b), parts, units, variance)) if is_plain else 0.0
    # Failed calls have no score, so that failures alone make the shares of the scores uneven.
    is_of_one_time = name == "errors" or not statistics.has_uneven_shares
    return Effect(
        estimate=mean_b - factor * mean_a,
        variance=variance,
        n=n_a + n_b,
        planned=statistics.planned_for(name),
        is_ready=ready_a and ready_b and abs(skewness) <= MAX_SKEWNESS and is_of_one_time,
        degrees=welch(factor**2 * variance_a, variance_b, degrees_a, degrees_b),
        skewness=skewness,
    )


def _mean(arm: ArmSums, name: str, alpha: float) -> tuple[float, float, float, int, bool]:
    """Mean, its variance and degrees of freedom; independent observations; whether there are enough."""
    found, clusters = arm.measure(name), arm.measure_clusters(name)
    count = found.count
    if count < 2:
        return found.average, inf, 0.0, count, False
    if clusters.count < count:
        variance = clusters.variance_of_mean(count, found.mean)
        return found.mean, variance, clusters.count - 1, clusters.count, clusters.count >= MIN_OBSERVATIONS
    if name == "errors":  # one more failure and one more success: a few without any are no proof of none
        rate = (found.total + 1) / (count + 2)
        return found.mean, rate * (1 - rate) / count, inf, count, count >= MIN_OBSERVATIONS
    differs = found.squares > count * (ROUNDING * found.mean) ** 2
    least = MIN_OBSERVATIONS_OF_MEANS if differs else ceil(log(alpha) / log(1 - RARE))
    return found.mean, found.variance / count, count - 1, count, count >= least
