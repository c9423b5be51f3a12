"""Paired tests and intervals: two models on the same examples."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from math import ceil, nan

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, stdtr, stdtrit
from scipy.stats import norm

from fine_tuning.evaluation.intervals import Interval, clustered_error, mean

RESAMPLES = 2000
MIN_RESAMPLED = 10  # examples (or clusters); resamples of fewer are too much alike
Positions = Sequence[int] | NDArray[np.int64]
CorpusScore = Callable[[Positions], float]


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact p-value of "both are correct equally often", from how many examples only one of them got right.

    Two-sided binomial test of the discordant pairs: McNemar, "Note on the sampling error of the difference between
    correlated proportions or percentages", Psychometrika 12 (1947).
    """
    trials = only_a + only_b
    return 1.0 if not trials else min(1.0, 2 * float(bdtr(min(only_a, only_b), trials, 0.5)))


def mean_difference(
    first: Sequence[float], second: Sequence[float], confidence: float = 0.95, bounds: Interval | None = None
) -> Interval:
    """Student's t interval for the mean of second - first, example by example.

    Args:
        bounds: of the scores. Equal differences say nothing about their spread; the bounds limit it, and without them
            the interval is unknown.
    """
    apart = [b - a for a, b in zip(first, second, strict=True)]
    if apart and min(apart) == max(apart):
        return equal_differences(apart[0], len(apart), bounds)
    return mean(apart, confidence)


def equal_differences(value: float, count: int, bounds: Interval | None) -> Interval:
    """The 95 % interval of a mean of equal differences, of which others may be as rare as none in `count` allows.

    The exact bound (Clopper, Pearson) on their rate, so that of differences over the whole scale the interval excludes
    0 where the exact test of their signs does.
    """
    if bounds is None:
        return nan, nan
    rare, spread = 1 - 0.025 ** (1 / count), bounds[1] - bounds[0]
    return value - rare * (value + spread), value + rare * (spread - value)


def rate_difference(both: int, only_a: int, only_b: int, neither: int, confidence: float = 0.95) -> Interval:
    """An interval for rate_b - rate_a of the same examples; (nan, nan) without any.

    Source: Bonett, Price, "Adjusted Wald confidence interval for a difference
    of binomial proportions based on paired data", Journal of Educational and Behavioral Statistics 37 (2012): one more
    example that only one model gets right, for each model. It is approximate, so with few examples it may leave out 0
    where the exact test (`mcnemar`) finds no difference: there it is widened to 0, so that both say the same.
    """
    count = both + only_a + only_b + neither
    if not count:
        return nan, nan
    z = float(norm.ppf(0.5 + confidence / 2))
    a, b = (only_a + 1) / (count + 2), (only_b + 1) / (count + 2)
    half = z * float(np.sqrt(max(0.0, (a + b - (b - a) ** 2)) / (count + 2)))
    low, high = max(-1.0, b - a - half), min(1.0, b - a + half)
    if mcnemar(only_a, only_b) > 1 - confidence:
        return min(low, 0.0), max(high, 0.0)
    return low, high


def mean_test(first: Sequence[float], second: Sequence[float]) -> float:
    """The p-value of a paired t-test of "both means are equal"; nan of fewer than two pairs or without any spread."""
    apart = np.subtract(second, first)
    spread = float(np.std(apart, ddof=1)) if len(apart) > 1 else nan
    if not spread > 0:
        return 1.0 if len(apart) > 1 and not apart.any() else nan
    return float(2 * stdtr(len(apart) - 1, -abs(float(apart.mean())) / (spread / np.sqrt(len(apart)))))


def clustered_difference(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable], bounds: Interval | None = None
) -> tuple[Interval, float]:
    """The 95 % interval of the mean of second - first, and the p-value of no difference, where examples of one
    cluster may be correlated; see `intervals.clustered_error`. nan of fewer than two clusters or without any spread.
    """
    apart = np.subtract(second, first)
    mean_apart, standard_error, count = clustered_error(apart.tolist(), clusters)
    if count < 2:
        return (nan, nan), nan
    reach = float(stdtrit(count - 1, 0.975)) * standard_error
    if not reach > 5e-13:
        return equal_differences(mean_apart, count, bounds), 1.0 if not apart.any() else nan
    p_value = float(2 * stdtr(count - 1, -abs(mean_apart) / standard_error))
    return (mean_apart - reach, mean_apart + reach), p_value


def bootstrap(
    score: CorpusScore,
    examples: int,
    confidence: float = 0.95,
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The percentile interval of a figure of a test set, such as a corpus metric's difference.

    Examples are drawn with replacement, the same for both models: Koehn, "Statistical significance tests for machine
    translation evaluation", EMNLP 2004.

    Args:
        score: the figure of the examples at these positions (an array of indices).
        clusters: of examples that may be correlated: they are drawn together.

    Returns:
        (nan, nan) of fewer than `MIN_RESAMPLED` examples (clusters).
    """
    return _percentiles(resampled(score, examples, clusters, resamples, seed), confidence)


def bootstrap_test(
    difference: CorpusScore,
    examples: int,
    *,
    clusters: Sequence[Hashable] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[Interval, float]:
    """The 95 % interval of the difference of two models' figures over a test set, and the p-value of no difference.

    nan of fewer than `MIN_RESAMPLED` examples (clusters, which are drawn together).

    The p-value is how often a resampled difference lies as far from its mean as the observed one lies from 0: Riezler,
    Maxwell, "On some pitfalls in automatic evaluation and significance testing for MT", ACL workshop 2005, section 4.
    The interval holds the differences that this test does not reject: it excludes 0 exactly where p < 0.05.
    """
    found = resampled(difference, examples, clusters, resamples, seed)
    if not len(found):
        return (nan, nan), nan
    observed, apart = difference(range(examples)), np.sort(np.abs(found - found.mean()))[::-1]
    as_far = int((apart >= abs(observed) - 1e-12).sum())
    reach = float(apart[ceil(0.05 * (len(found) + 1)) - 2]) + 1e-12
    return (observed - reach, observed + reach), (as_far + 1) / (len(found) + 1)


def resampled(
    score: Callable[[Positions], float | NDArray[np.float64]],
    examples: int,
    clusters: Sequence[Hashable] | None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """The figure (or figures) of each resample; empty for too few examples. Arguments as of `bootstrap`."""
    rng = np.random.default_rng(seed)
    groups: dict[Hashable, list[int]] = {}
    for position, cluster in enumerate(range(examples) if clusters is None else clusters):
        groups.setdefault(cluster, []).append(position)
    members = list(groups.values())
    drawn = (
        rng.integers(0, len(members), len(members)) for _ in range(resamples if len(members) >= MIN_RESAMPLED else 0)
    )
    if clusters is None:
        return np.array([score(positions) for positions in drawn])
    return np.array([score([position for each in chosen for position in members[each]]) for chosen in drawn])


def _percentiles(found: NDArray[np.float64], confidence: float) -> Interval:
    if not len(found):
        return nan, nan
    low, high = np.quantile(found, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values: those at most q are a set with a false discovery rate of at most q.

    Source: Benjamini, Hochberg, "Controlling the false discovery rate: a practical and powerful approach to multiple
    testing", JRSS B 57 (1995).
    """
    count = len(p_values)
    order = sorted(range(count), key=p_values.__getitem__, reverse=True)
    adjusted, smallest = [0.0] * count, 1.0
    for rank, position in zip(range(count, 0, -1), order, strict=True):
        smallest = min(smallest, p_values[position] * count / rank)
        adjusted[position] = smallest
    return adjusted
