"""Pearson's chi-squared test of two rates."""

from __future__ import annotations

from math import sqrt

from scipy.special import ndtri

from fine_tuning._util import checks


def rates_differ(rates: tuple[float, float], sizes: tuple[int, int], alpha: float = 0.05) -> bool:
    """Whether two rates (0 to 1) of so many samples differ, in one look at `alpha`; False without samples."""
    for label, value in zip(("p_a", "p_b"), rates, strict=True):
        checks.rate(label, value)
    (p_a, p_b), (n_a, n_b) = rates, sizes
    if n_a <= 0 or n_b <= 0:
        return False
    pooled = (p_a * n_a + p_b * n_b) / (n_a + n_b)
    if pooled in {0.0, 1.0}:
        return False
    z = (p_a - p_b) / sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    return abs(z) > float(ndtri(1 - alpha / 2))
