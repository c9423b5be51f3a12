"""How sure a figure is that is made of several measured means: an interval for their weighted sum."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan, nan, sqrt
from typing import Any, NamedTuple

import numpy as np

from fine_tuning.store.costs import Moments

Interval = tuple[float, float]
RESAMPLES = 2000
LEAST = 30  # values of which a mean has an interval: of fewer, skewed ones, too short intervals were measured
UNEVEN = 0.2  # skewness over the root of the count, from which intervals of means were measured to be too short
ENOUGH = 5000  # of so many values the mean is normal, whatever they are distributed like


class Measured(NamedTuple):
    """A number, and how sure it is.

    Attributes:
        value: nan where unknown.
        error: its standard error; 0 of a number that was given, nan where unknown.
        sample: the values that it is the mean of, while they are few.
    """

    value: float
    error: float
    sample: Any = None


UNKNOWN = Measured(nan, nan)


def given(value: float) -> Measured:
    """A number that somebody stated: nothing says how sure it is, so that it counts as certain."""
    return Measured(value, 0.0)


def mean_of(values: Sequence[float]) -> Measured:
    """The mean of some measured values; of too few nobody knows how sure it is."""
    if not values:
        return UNKNOWN
    found = np.asarray(values, float)
    error = float(found.std(ddof=1)) / sqrt(len(found)) if len(found) >= LEAST else nan
    return Measured(float(found.mean()), error, found)


def is_uneven(measured: Measured) -> bool:
    """Whether a few of the values make so much of the mean that its interval may be too short."""
    if measured.sample is None or isnan(measured.error) or measured.error == 0:
        return False
    apart = measured.sample - measured.value
    skewness = float((apart**3).mean() / (apart**2).mean() ** 1.5)
    return abs(skewness) / sqrt(len(apart)) > UNEVEN


def mean_of_many(sums: Moments) -> Measured:
    """The mean of so many values that their sums tell all."""
    mean = sums.total / sums.n
    variance = max(0.0, sums.squares / sums.n - mean**2) * sums.n / (sums.n - 1)
    return Measured(mean, sqrt(variance / sums.n))


def interval(
    parts: Sequence[tuple[float, Measured]], confidence: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The interval of a weighted sum of independent means; (nan, nan) where a part is unknown.

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
    apart, variance = np.zeros(resamples), np.zeros(resamples)
    for weight, part in parts:
        means, errors = _resampled(part, rng, resamples)
        apart += weight * (means - part.value)
        variance += (weight * errors) ** 2
    usable = variance > 0
    ratios = apart[usable] / np.sqrt(variance[usable])
    low, high = np.quantile(ratios, [0.5 - confidence / 2, 0.5 + confidence / 2]) if len(ratios) else (-inf, inf)
    return float(total - high * error), float(total - low * error)


def _resampled(part: Measured, rng: np.random.Generator, resamples: int) -> tuple[Any, Any]:
    """Means and standard errors of resamples."""
    if part.sample is None or part.error == 0:
        return part.value + part.error * rng.standard_normal(resamples), np.full(resamples, part.error)
    drawn = part.sample[rng.integers(0, len(part.sample), (resamples, len(part.sample)))]
    return drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / sqrt(len(part.sample))
