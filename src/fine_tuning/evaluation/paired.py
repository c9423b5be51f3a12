"""Two models on the same examples: tests and intervals that use that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import Any

import numpy as np
from scipy.special import bdtr
from scipy.stats import norm

from fine_tuning.evaluation.intervals import Interval, mean

RESAMPLES = 2000


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact p-value of "both are right equally often", from how many examples only one of them got right.

    Two-sided binomial test of the discordant pairs: McNemar, "Note on the sampling error of the difference between
    correlated proportions or percentages", Psychometrika 12 (1947).
    """
    trials = only_a + only_b
    return 1.0 if not trials else min(1.0, 2 * float(bdtr(min(only_a, only_b), trials, 0.5)))


def mean_difference(first: Sequence[float], second: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t interval for the mean of second - first, example by example."""
    return mean([b - a for a, b in zip(first, second, strict=True)], confidence)


def rate_difference(both: int, only_a: int, only_b: int, neither: int, confidence: float = 0.95) -> Interval:
    """An interval for rate_b - rate_a of the same examples; (nan, nan) without any.

    Source: Bonett, Price, "Adjusted Wald confidence interval for a difference
    of binomial proportions based on paired data", Journal of Educational and Behavioral Statistics 37 (2012): one more
    example that each model alone gets right.
    """
    count = both + only_a + only_b + neither
    if not count:
        return nan, nan
    z = float(norm.ppf(0.5 + confidence / 2))
    a, b = (only_a + 1) / (count + 2), (only_b + 1) / (count + 2)
    half = z * float(np.sqrt(max(0.0, (a + b - (b - a) ** 2)) / (count + 2)))
    return max(-1.0, b - a - half), min(1.0, b - a + half)


def bootstrap(
    score: Callable[[Any], float], examples: int, confidence: float = 0.95, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The percentile interval of a figure of the whole test set, such as a corpus metric's difference.

    Examples are drawn with replacement, the same for both models: Koehn, "Statistical significance tests for machine
    translation evaluation", EMNLP 2004.

    Args:
        score: the figure of the examples at these positions (an array of indices).
    """
    if examples < 2:
        return nan, nan
    rng = np.random.default_rng(seed)
    found = [score(rng.integers(0, examples, examples)) for _ in range(resamples)]
    low, high = np.quantile(found, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: those at most q are a set with a false discovery rate of at most q.

    Source: Benjamini, Hochberg, "Controlling the false discovery rate: a practical and powerful approach to multiple
    testing", JRSS B 57 (1995).
    """
    count = len(p_values)
    order = sorted(range(count), key=p_values.__getitem__, reverse=True)
    found, least = [0.0] * count, 1.0
    for rank, place in zip(range(count, 0, -1), order, strict=True):
        least = min(least, p_values[place] * count / rank)
        found[place] = least
    return found
