"""Prediction-powered inference: a judge's scores corrected by human scores of some of the answers.

Source: Angelopoulos, Bates, Fannjiang, Jordan, Zrnic, "Prediction-powered inference", Science 382 (2023), and for the
weight of the judge Angelopoulos, Duchi, Zrnic, "PPI++: Efficient prediction-powered inference" (2023); for answers that
were drawn with different probabilities Hajek's ratio (Sarndal, Swensson, Wretman, "Model assisted survey sampling",
1992, section 5.7).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from math import ceil, nan, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Scores = NDArray[np.float64]


class Corrected(NamedTuple):
    """The estimated mean human score with its interval, and the weight of the judge's scores (0 to 1).

    `more` is how many further human scores would halve the interval, about; None where no number of them does, or
    where there is no interval.
    """

    estimate: float
    low: float
    high: float
    weight: float
    more: int | None = None


def corrected_mean(
    human: Sequence[float],
    judged: Sequence[float],
    unlabelled: Sequence[float],
    confidence: float = 0.95,
    *,
    clusters: Sequence[Hashable] | None = None,
    probabilities: Sequence[float] | None = None,
) -> Corrected:
    """Estimate the mean human score of all answers.

    With few human scores, their difference from the judge is uncertain: the interval is Student's t, and counts two
    more labels, one at either end of the scale, weighted by 1 - weight of the judge (after Agresti
    and Coull, "Approximate is
    better than exact for interval estimation of binomial proportions", The American Statistician 52, 1998).

    Args:
        human: human scores, 0 to 1.
        judged: the judge's scores of the same answers.
        unlabelled: the judge's scores of the other answers.
        clusters: of all answers, those of `human` first; answers of one cluster (a conversation) may be correlated.
        probabilities: with which each answer of `human` was drawn for a human score, above 0 to 1: it is weighted by
            the inverse (Hajek's estimator). By default all were drawn alike.

    Returns:
        nan with fewer than two human scores (of two clusters).
    """
    y, f, rest = (np.asarray(each, float) for each in (human, judged, unlabelled))
    n, everyone = len(y), np.concatenate([f, rest])
    chances = np.ones(n) if probabilities is None else np.asarray(probabilities, float)
    for found, label in ((len(f), "judge scores"), (len(chances), "probabilities")):
        if n != found:
            raise ValueError(f"{n} human scores and {found} {label} for the same answers")
    groups: Sequence[Hashable] = range(len(everyone)) if clusters is None else clusters
    labelled = len(set(groups[:n]))
    if labelled < 2:
        return Corrected(nan, nan, nan, nan)
    shares = 1 / chances / np.sum(1 / chances)
    count = 1 / float(np.sum(shares**2))  # of answers drawn alike that would say as much
    weight, weight_bias = _weight_of_judge(y, f, shares, everyone) if len(rest) else (0.0, 0.0)
    left, mean = y - weight * f, float(shares @ y)
    apart = left - shares @ left
    ratio_bias = -float(shares**2 @ apart)  # of the first order, as the other one; 0 where all were drawn alike
    estimate = float(shares @ left) + weight * float(everyone.mean()) - ratio_bias - weight_bias
    of_judge = weight * (everyone - everyone.mean()) / len(everyone)
    parts = of_judge + np.append(shares * apart, np.zeros(len(rest)))
    ends = ((mean / count) ** 2 + ((1 - mean) / count) ** 2) * (1 - weight)
    variance, left_over = _clustered(parts, groups), _clustered(of_judge, groups)
    half = float(stdtrit(min(labelled, count) - 1, 0.5 + confidence / 2)) * sqrt(variance + ends)
    more_labels = _labels_to_halve(n, max(0.0, variance - left_over), ends, left_over)
    return Corrected(estimate, max(0.0, estimate - half), min(1.0, estimate + half), weight, more_labels)


def _weight_of_judge(y: Scores, f: Scores, shares: Scores, everyone: Scores) -> tuple[float, float]:
    """The regression of human scores on the judge's, 0 to 1: with it the variance of the estimate is lowest.

    Returns:
        The weight, and the bias of the estimate as the weight is found from the same answers.
    """
    spread, rest = float(np.var(everyone)), 1 - float(np.sum(shares**2))
    if spread <= 0 or rest <= 0:
        return 0.0, 0.0
    apart = f - shares @ f
    slopes = (y - shares @ y) * apart / spread / rest
    weight = float(shares @ slopes)
    if not 0 < weight < 1:
        return min(1.0, max(0.0, weight)), 0.0
    return weight, -float(shares**2 @ ((slopes - weight) * apart))


def _clustered(parts: Iterable[float], groups: Sequence[Hashable]) -> float:
    """The variance of a sum of parts that may be correlated within a group."""
    by_cluster: dict[Hashable, float] = defaultdict(float)
    for group, part in zip(groups, parts, strict=True):
        by_cluster[group] += part
    count = len(by_cluster)
    return float(sum(part**2 for part in by_cluster.values())) * count / (count - 1) if count > 1 else 0.0


def _labels_to_halve(labels: int, of_labels: float, of_ends: float, of_judge: float) -> int | None:
    """Further labels after which the variance is a quarter, about.

    Where the labels of now are a share x of those then, the variance of the labels is x times what it is, that of the
    ends of the scale x ** 2 times, and that of the judge's scores remains.
    """
    left = (of_labels + of_ends + of_judge) / 4 - of_judge
    if left <= 0 or of_labels + of_ends <= 0:
        return None
    share = 2 * left / (of_labels + sqrt(of_labels**2 + 4 * of_ends * left))
    return ceil(labels * (1 / share - 1))
