"""Shares of the traffic: their numbers, and whether they are equal."""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, pi, sqrt

from scipy.special import gammaincc

CHANGE = 1.5  # standard errors between the shares of the blocks before and after one in which it changes
SHARES = 16  # strata, evenly spaced by the arcsine of the share's root, on which shares vary alike


def differ(before: tuple[float, float], after: tuple[float, float]) -> bool:
    """Whether the shares of two blocks do, by `CHANGE`."""
    first, second = sum(before), sum(after)
    if not first or not second:
        return False
    share = (before[1] + after[1]) / (first + second)
    apart = before[1] / first - after[1] / second
    return apart**2 > CHANGE**2 * share * (1 - share) * (1 / first + 1 / second)


def equal_shares_p(counts: Sequence[tuple[float, float]], degrees: float) -> float:
    """The p-value (chi-squared) of equal shares in groups with these numbers of scores of each model."""
    first, second = (sum(each[side] for each in counts) for side in (0, 1))
    if degrees <= 0 or not first or not second:
        return 1.0
    share = second / (first + second)
    squares = sum((b - (a + b) * share) ** 2 / ((a + b) * share * (1 - share)) for a, b in counts if a + b)
    return float(gammaincc(degrees / 2, squares / 2))


def share_number(counts: tuple[float, float]) -> int:
    """The number of the second model's share, 0 to `SHARES`, of these numbers of samples of each."""
    a, b = counts
    return round(2 / pi * asin(sqrt(b / (a + b))) * SHARES)
