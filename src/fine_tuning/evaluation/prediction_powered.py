"""Prediction-powered inference: a judge's scores corrected by human scores of some of the answers.

Source: Angelopoulos, Bates, Fannjiang, Jordan, Zrnic, "Prediction-powered inference", Science 382 (2023), and for the
weight of the judge Angelopoulos, Duchi, Zrnic, "PPI++: Efficient prediction-powered inference" (2023).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from math import ceil, nan, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit


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

    Returns:
        nan with fewer than two human scores (of two clusters).
    """
    y, f, rest = (np.asarray(each, float) for each in (human, judged, unlabelled))
    if len(y) != len(f):
        raise ValueError(f"{len(y)} human scores and {len(f)} judge scores for the same answers")
    n, more = len(y), len(rest)
    groups: Sequence[Hashable] = range(n + more) if clusters is None else clusters
    labelled = len(set(groups[:n]))
    if labelled < 2:
        return Corrected(nan, nan, nan, nan)
    weight = 0.0
    if more and (spread := float(np.var(np.concatenate([f, rest])))) > 0:
        weight = min(1.0, max(0.0, float(np.cov(y, f)[0, 1]) / ((1 + n / more) * spread)))
    left = y - weight * f
    estimate = float(np.mean(left)) + (weight * float(np.mean(rest)) if more and weight else 0.0)
    parts = [*((left - left.mean()) / n), *(weight * (rest - rest.mean()) / more if more else [])]
    mean = float(np.mean(y))
    ends = (mean / n) ** 2 + ((1 - mean) / n) ** 2
    variance = _clustered(parts, groups) + ends * (1 - weight)
    half = float(stdtrit(labelled - 1, 0.5 + confidence / 2)) * sqrt(variance)
    more_labels = _labels_to_halve(n, variance, _clustered(parts[n:], groups[n:]))
    return Corrected(estimate, max(0.0, estimate - half), min(1.0, estimate + half), weight, more_labels)


def _clustered(parts: Sequence[float], groups: Sequence[Hashable]) -> float:
    """The variance of a sum of parts that may be correlated within a group."""
    by_cluster: dict[Hashable, float] = defaultdict(float)
    for group, part in zip(groups, parts, strict=True):
        by_cluster[group] += part
    count = len(by_cluster)
    return sum(part**2 for part in by_cluster.values()) * count / (count - 1) if count > 1 else 0.0


def _labels_to_halve(labels: int, variance: float, of_judge: float) -> int | None:
    """Further labels after which the variance is a quarter, about; a part of it is the judge's on other answers."""
    left = variance / 4 - of_judge
    if left <= 0 or variance <= of_judge:
        return None
    return ceil(labels * ((variance - of_judge) / left - 1))
