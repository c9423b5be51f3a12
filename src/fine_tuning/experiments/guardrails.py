"""Guardrails: non-inferiority of model_b by a margin, valid at every look."""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, exp, inf
from typing import Literal

from fine_tuning.experiments import confidence_sequences, measures
from fine_tuning.experiments.design import Guardrail
from fine_tuning.experiments.latency_histogram import GROWTH, quantile_slack
from fine_tuning.experiments.propensity_strata import ERRORS
from fine_tuning.experiments.running_sums import ArmSums
from fine_tuning.experiments.sufficient_statistics import A, B, Statistics

P95 = 0.95
WITHIN = exp(GROWTH / 2)  # an amount is so close to the middle of its bucket
HOLDS: Literal["holds"] = "holds"
BROKEN: Literal["broken"] = "broken"
OPEN: Literal["open"] = "open"


@dataclass(frozen=True)
class GuardrailVerdict:
    """The state of a guardrail.

    Attributes:
        status: holds (model_b is shown to be no worse than the margin), broken (shown to be worse), or open.
        model_a, model_b: the figures; nan while unknown.
        low, high: of how much model_b is worse than allowed; below 0 is within the margin.
    """

    name: str
    status: Literal["holds", "broken", "open"]
    model_a: float
    model_b: float
    low: float
    high: float


def judge(rail: Guardrail, statistics: Statistics, alpha: float) -> GuardrailVerdict:
    """Judge a guardrail; each of its two statements (holds, broken) wrong at a rate of at most alpha."""
    a, b, low, high = (_p95 if rail.statistic == "p95" else _mean)(rail, statistics, alpha)
    status = HOLDS if high <= 0 else BROKEN if low > 0 else OPEN
    return GuardrailVerdict(rail.name, status, a, b, low, high)


def _mean(rail: Guardrail, statistics: Statistics, alpha: float) -> tuple[float, float, float, float]:
    """Both means, and the one-sided bounds of sign (b - f a) - m: of a share f = 1 + margin, absolute m = margin."""
    a, b = (statistics.arms[arm].measure(rail.measure) for arm in (A, B))
    sign = -1 if rail.higher_is_better else 1
    # Of a figure below 0 a share of its size is allowed, too.
    factor, absolute = (1 + sign * copysign(rail.margin, a.mean), 0.0) if rail.relative else (1.0, rail.margin)
    found = measures.difference(statistics, rail.measure, alpha, factor)
    if not found.is_ready:
        return a.average, b.average, -inf, inf
    # Two one-sided statements, each at alpha: together an interval at 2 alpha.
    ends = found.interval(confidence_sequences.limit(found.n, min(2 * alpha, 0.999), found.planned))
    low, high = sorted(sign * end - absolute for end in ends)
    # What all samples say beyond neighbours may be of their times.
    excess = 0.0 if rail.measure == ERRORS else sign * statistics.comparison.excess_over_neighbours(rail.measure)
    return a.average, b.average, low - max(0.0, excess), high - min(0.0, excess)


def _independent(arm: ArmSums, count: int) -> int:
    """The effective number of latencies, where those of a cluster are correlated: by the ratio of the variances of
    their mean, in place of one of the quantile.
    """
    found, clusters = arm.measure("latency"), arm.measure_clusters("latency")
    if clusters.count == found.count or clusters.count < 2 or not found.variance > 0:
        return count
    alike = clusters.variance_of_mean(found.count, found.mean) / (found.variance / found.count)
    return max(clusters.count, int(count / max(1.0, alike)))


def _p95(rail: Guardrail, statistics: Statistics, alpha: float) -> tuple[float, float, float, float]:
    """Both 95th percentiles, and bounds from the confidence sequences of both quantiles, each at half of alpha.

    Infinite where the shares of the models differ between times or strata: percentiles are those of all samples, and
    unlike a mean, one of a mixture does not follow from those of its parts.
    """
    sides = []
    for arm in (A, B):
        seen = statistics.arms[arm].latencies
        # One-sided at alpha / 2 is two-sided at alpha.
        slack = quantile_slack(P95, _independent(statistics.arms[arm], seen.count), min(alpha, 0.999))
        low = seen.quantile(P95 - slack) / WITHIN if seen.count and slack < P95 else 0.0
        high = seen.quantile(P95 + slack) * WITHIN if seen.count else inf
        sides.append((seen.quantile(P95), low, high))
    (a, low_a, high_a), (b, low_b, high_b) = sides
    if statistics.has_uneven_shares:
        return a, b, -inf, inf
    factor, absolute = (1 + rail.margin, 0.0) if rail.relative else (1.0, rail.margin)
    low = low_b - factor * high_a - absolute if high_a < inf else -inf
    return a, b, low, high_b - factor * low_a - absolute
