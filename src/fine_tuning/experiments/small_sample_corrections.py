"""Corrections of normal approximations for few, skewed or clustered observations.

A mean over its estimated standard error is not normal: its variance is a guess (Student), and it leans to one side
where the values do (Hall, "On the removal of skewness by transformation", JRSS B 54, 1992: the monotone
g(T) = T + c T^2 / 3 + c^2 T^3 / 27 + c / 6 of the skewness c of the mean is nearly symmetric).
"""

from __future__ import annotations

from math import cbrt, copysign, inf, isfinite, sqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

NO_SKEW = 1e-6
Figures = float | NDArray[np.float64] | NDArray[np.int64]  # one test's, or those of many tests


class Values(Protocol):
    """Count, and sums of squared and cubed distances from the mean."""

    @property
    def count(self) -> Figures: ...  # noqa: D102
    @property
    def squares(self) -> Figures: ...  # noqa: D102
    @property
    def cubes(self) -> Figures: ...  # noqa: D102


def normal_score(estimate: float, variance: float, degrees: float, skewness: float) -> float:
    """The z that is as unlikely under "the mean is 0" as the estimate; 0 where nothing is known of its spread.

    Args:
        variance: of the estimate.
        degrees: of freedom of that variance; inf where it is known.
        skewness: of the estimate (that of the values over the root of their number).
    """
    if not variance > 0 or not degrees > 0:
        return 0.0
    t = estimate / sqrt(variance)
    if abs(skewness) > NO_SKEW:
        t = ((1 + skewness * t / 3) ** 3 - 1) / skewness + skewness / 6
    if not isfinite(degrees):
        return t
    tail = float(stdtr(degrees, -abs(t)))
    return copysign(min(-float(ndtri(tail)) if tail > 0 else inf, 1e6), t)


def bounds(estimate: float, variance: float, degrees: float, skewness: float, limit: float) -> tuple[float, float]:
    """The means whose normal score is within `limit` on either side; infinite where nothing is known of the spread."""
    if not variance >= 0 or (reached := reach(degrees, skewness, limit)) is None:
        return -inf, inf
    error = sqrt(variance)
    return estimate - error * reached[0], estimate - error * reached[1]


def reach(degrees: float, skewness: float, limit: float) -> tuple[float, float] | None:
    """The standard errors below and above (negative) an estimate whose normal score is `limit`; None where nothing is
    known of the spread.
    """
    if not degrees > 0:
        return None
    found = -float(stdtrit(degrees, float(ndtr(-limit)))) if isfinite(degrees) else limit
    return (_unskewed(found, skewness), _unskewed(-found, skewness)) if isfinite(found) else None


def _unskewed(score: float, skewness: float) -> float:
    """The T whose transformed value this is."""
    if abs(skewness) <= NO_SKEW:
        return score
    return 3 / skewness * (float(cbrt(1 + skewness * (score - skewness / 6))) - 1)


def skewness(
    values: tuple[Values, Values],
    variances: tuple[Figures, Figures],
    units: tuple[Figures, Figures],
    variance: Figures,
) -> Figures:
    """The skewness of a difference of two means (the second less the first); 0 where nothing is known of its spread.

    A sample without its rare large values shows neither them nor its skewness. So each side counts as skewed as both
    together, where that is more than it shows itself.

    Args:
        values: of both sides.
        variances: of their means.
        units: how many independent observations each mean is made of.
        variance: of the difference.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        spreads = [np.sqrt(each.squares / np.maximum(1, each.count)) for each in values]
        scales = [each.count * spread**3 for each, spread in zip(values, spreads, strict=True)]
        pooled = (values[0].cubes + values[1].cubes) / (scales[0] + scales[1])
        thirds = []
        for each, scale, part, count in zip(values, scales, variances, units, strict=True):
            own = np.where(scale > 0, each.cubes / np.where(scale > 0, scale, 1.0), 0.0)
            thirds.append(np.where(abs(own) > abs(pooled), own, pooled) * part**1.5 / np.sqrt(count))
        found = (thirds[1] - thirds[0]) / variance**1.5
    return np.where((variance > 0) & (variance < inf) & (scales[0] + scales[1] > 0), found, 0.0)


def welch(first: float, second: float, degrees_first: float, degrees_second: float) -> float:
    """Degrees of freedom of the sum of two estimated variances: Welch, Biometrika 34 (1947)."""
    if not first + second > 0 or min(degrees_first, degrees_second) <= 0:
        return min(degrees_first, degrees_second)
    spread = first**2 / degrees_first + second**2 / degrees_second
    return (first + second) ** 2 / spread if spread > 0 else inf
