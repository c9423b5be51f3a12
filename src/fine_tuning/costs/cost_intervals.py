"""Means of measured costs and confidence intervals for weighted sums of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fine_tuning.store.costs import Moments

Interval = tuple[float, float]
Values = NDArray[np.float64]
RESAMPLES = 2000
MIN_VALUES = 30  # a mean of fewer, skewed values gets no interval: measured ones were too short
MAX_SKEW = 0.2  # skewness over the root of the count, above which measured intervals of means were too short
ROUNDING = 1e-12  # a spread of equal values, relative to their mean
NORMAL_FROM = 5000  # the mean of this many values is approximately normal


class Measured(NamedTuple):
    """A mean and its standard error.

    Attributes:
        value: nan where unknown.
        error: standard error; 0 for a stated number, nan where unknown.
        sample: the values behind the mean, where there are few enough to resample.
    """

    value: float
    error: float
    sample: Values | None = None


UNKNOWN = Measured(nan, nan)


def given(value: float) -> Measured:
    """A number stated by the user, taken as certain."""
    return Measured(value, 0.0)


def mean_of(values: Sequence[float]) -> Measured:
    """The mean of measured values; its standard error is nan for fewer than `MIN_VALUES`."""
    if not values:
        return UNKNOWN
    found = np.asarray(values, float)
    error = float(found.std(ddof=1)) / sqrt(len(found)) if len(found) >= MIN_VALUES else nan
    if error < ROUNDING * abs(found.mean()):
        error = 0.0  # equal values have a spread from rounding
    return Measured(float(found.mean()), error, found)


def mean_of_moments(sums: Moments) -> Measured:
    """The mean of many values, from their count, sum and sum of squares."""
    mean = sums.total / sums.n
    variance = max(0.0, sums.squares / sums.n - mean**2) * sums.n / (sums.n - 1)
    if variance < ROUNDING * mean**2:
        variance = 0.0
    return Measured(mean, sqrt(variance / sums.n))


def is_skewed(measured: Measured) -> bool:
    """Whether the values are so skewed that the interval of their mean may be too short."""
    if measured.sample is None or isnan(measured.error) or measured.error == 0:
        return False
    deviations = measured.sample - measured.value
    skewness = float((deviations**3).mean() / (deviations**2).mean() ** 1.5)
    return abs(skewness) / sqrt(len(deviations)) > MAX_SKEW


def interval(
    parts: Sequence[tuple[float, Measured]], confidence: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Confidence interval of a weighted sum of independent means; (nan, nan) where a part is unknown.

    The studentized bootstrap, which also fits skewed values such as prices of calls: Efron, Tibshirani, "An
    Introduction to the Bootstrap", 1993, section 12.5. Means without a sample are taken as normal.

    Args:
        parts: (weight, mean).
    """
    total = sum(weight * part.value for weight, part in parts)
    error = sqrt(sum((weight * part.error) ** 2 for weight, part in parts))
    if isnan(total) or isnan(error):
        return nan, nan
    if error == 0:
        return total, total
    rng = np.random.default_rng(seed)
    deviations, variance = np.zeros(resamples), np.zeros(resamples)
    for weight, part in parts:
        means, errors = _resampled(part, rng, resamples)
        deviations += weight * (means - part.value)
        variance += (weight * errors) ** 2
    usable = variance > 0
    ratios = deviations[usable] / np.sqrt(variance[usable])
    low, high = np.quantile(ratios, [0.5 - confidence / 2, 0.5 + confidence / 2]) if len(ratios) else (-inf, inf)
    return float(total - high * error), float(total - low * error)


def _resampled(part: Measured, rng: np.random.Generator, resamples: int) -> tuple[Values, Values]:
    """Means and standard errors of resamples."""
    if part.sample is None or part.error == 0:
        return part.value + part.error * rng.standard_normal(resamples), np.full(resamples, part.error)
    drawn = part.sample[rng.integers(0, len(part.sample), (resamples, len(part.sample)))]
    return drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / sqrt(len(part.sample))
