"""Confidence intervals for rates, means and their differences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from math import acos, cos, nan, pi, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

Interval = tuple[float, float]


def wilson(successes: float, trials: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for a rate; (nan, nan) without trials.

    Both may be fractional: effective sample sizes of correlated samples.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if trials == 0:
        return nan, nan
    z = float(ndtri(0.5 + confidence / 2))
    rate = successes / trials
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)) / (1 + z * z / trials)
    # Rounding would leave the limits of 0 and of all successes a little beside 0 and 1.
    return max(0.0, centre - half) if successes > 0 else 0.0, min(1.0, centre + half) if successes < trials else 1.0


def mean(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t interval for a mean; (nan, nan) of fewer than two values."""
    if len(values) < 2:
        return nan, nan
    half = float(stdtrit(len(values) - 1, 0.5 + confidence / 2)) * float(np.std(values, ddof=1)) / sqrt(len(values))
    centre = float(np.mean(values))
    return centre - half, centre + half


def clustered_mean(values: Sequence[float], clusters: Sequence[Hashable], confidence: float = 0.95) -> Interval:
    """An interval for a mean of values that may be correlated within a cluster (such as a conversation).

    Standard errors by linearization, t with one degree of freedom less than clusters: Liang, Zeger, "Longitudinal data
    analysis using generalized linear models", Biometrika 73 (1986). (nan, nan) of fewer than two clusters.
    """
    centre, error, clusters_seen = clustered_error(values, clusters)
    if clusters_seen < 2:
        return nan, nan
    half = float(stdtrit(clusters_seen - 1, 0.5 + confidence / 2)) * error
    return centre - half, centre + half


def clustered_error(values: Sequence[float], clusters: Sequence[Hashable]) -> tuple[float, float, int]:
    """Mean, its standard error and the number of clusters; see `clustered_mean`. The error is nan of fewer than two."""
    apart: dict[Hashable, float] = defaultdict(float)
    centre = float(np.mean(values)) if len(values) else nan
    for value, cluster in zip(values, clusters, strict=True):
        apart[cluster] += value - centre
    count = len(apart)
    if count < 2:
        return centre, nan, count
    variance = sum(each**2 for each in apart.values()) * count / (count - 1) / len(values) ** 2
    return centre, sqrt(variance), count


def clustered_rate(hits: Sequence[float], clusters: Sequence[Hashable], confidence: float = 0.95) -> Interval:
    """Wilson's interval for a rate of hits that may be correlated within a cluster; (nan, nan) below two clusters.

    It is taken at the sample size that independent hits would need for the same standard error, and at the number of
    clusters where all hits are equal: Korn, Graubard, "Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data", Survey Methodology 24 (1998).
    """
    rate, standard_error, count = clustered_error(hits, clusters)
    if count < 2:
        return nan, nan
    return rate_with_error(rate, standard_error, (len(hits), count), count, confidence)


def rate_with_error(
    rate: float, error: float, sizes: tuple[float, float], clusters: int, confidence: float = 0.95
) -> Interval:
    """See `clustered_rate`.

    Args:
        error: the rate's standard error.
        sizes: the largest effective number of hits, and that where they are all equal.
        clusters: their number.
    """
    most, alike = sizes
    size = alike if error**2 <= 1e-12 else min(most, rate * (1 - rate) / error**2)
    # With few clusters the spread is uncertain: the size shrinks by the ratio of the two quantiles (ibid.).
    size *= (float(ndtri(0.5 + confidence / 2)) / float(stdtrit(clusters - 1, 0.5 + confidence / 2))) ** 2
    return wilson(rate * size, size, confidence)


def rate_difference(
    successes_a: int, trials_a: int, successes_b: int, trials_b: int, confidence: float = 0.95
) -> Interval:
    """Newcombe's interval for rate_a - rate_b of separate samples; (nan, nan) where one is empty.

    From both Wilson intervals: Newcombe, "Interval estimation for the difference between independent proportions:
    comparison of eleven methods", Statistics in Medicine 17 (1998), method 10.
    """
    if not trials_a or not trials_b:
        return nan, nan
    rate_a, rate_b = successes_a / trials_a, successes_b / trials_b
    (low_a, high_a), (low_b, high_b) = (
        wilson(successes_a, trials_a, confidence),
        wilson(successes_b, trials_b, confidence),
    )
    difference = rate_a - rate_b
    low = difference - sqrt((rate_a - low_a) ** 2 + (high_b - rate_b) ** 2)
    return low, difference + sqrt((high_a - rate_a) ** 2 + (rate_b - low_b) ** 2)


def rate_difference_by_score(
    successes_a: int, trials_a: int, successes_b: int, trials_b: int, confidence: float = 0.95
) -> Interval:
    """Miettinen and Nurminen's interval for rate_a - rate_b: the differences that a score test does not reject.

    Source: Miettinen, Nurminen, "Comparative analysis of two rates", Statistics in Medicine 4 (1985). (nan, nan) where
    a sample is empty.
    """
    if not trials_a or not trials_b:
        return nan, nan
    observed = successes_a / trials_a - successes_b / trials_b
    limit = float(ndtri(0.5 + confidence / 2)) ** 2

    def excess(difference: float) -> float:
        rate_b = _restricted(successes_a, trials_a, successes_b, trials_b, difference)
        rate_a = rate_b + difference
        variance = rate_a * (1 - rate_a) / trials_a + rate_b * (1 - rate_b) / trials_b
        total = trials_a + trials_b
        variance *= total / (total - 1)
        apart = (observed - difference) ** 2
        return apart / max(variance, 1e-15) - limit

    edge = 1 - 1e-12
    low = -1.0 if excess(-edge) <= 0 else brentq(excess, -edge, observed, xtol=1e-12)
    high = 1.0 if excess(edge) <= 0 else brentq(excess, observed, edge, xtol=1e-12)
    return float(low), float(high)


def _restricted(successes_a: int, trials_a: int, successes_b: int, trials_b: int, difference: float) -> float:
    """The most likely rate_b if rate_a is larger by `difference`: the root of a cubic, in closed form (ibid.)."""
    total, successes = trials_a + trials_b, successes_a + successes_b
    c2 = (trials_a + 2 * trials_b) * difference - total - successes
    c1 = (trials_b * difference - total - 2 * successes_b) * difference + successes
    c0 = successes_b * difference * (1 - difference)
    q = (c2 / (3 * total)) ** 3 - c1 * c2 / (6 * total**2) + c0 / (2 * total)
    p = np.sign(q) * sqrt(max(0.0, (c2 / (3 * total)) ** 2 - c1 / (3 * total)))
    if p == 0:
        return float(min(1.0, max(0.0, -c2 / (3 * total))))
    angle = (pi + acos(min(1.0, max(-1.0, q / p**3)))) / 3
    found = 2 * p * cos(angle) - c2 / (3 * total)
    return float(min(1.0, max(0.0, found)))
