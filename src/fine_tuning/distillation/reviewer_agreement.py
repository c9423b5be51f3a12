"""How far several reviewers agree, beyond what chance gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan

import numpy as np


def alpha(ratings: Iterable[Sequence[float]]) -> float:
    """Krippendorff's alpha for ratings with distances: 1 is perfect agreement, 0 what chance gives; nan if unknown.

    It is 1 - observed / expected disagreement, where the disagreement of two ratings is their squared difference.
    Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), with the interval metric.

    Args:
        ratings: of each item, by as many reviewers as have rated it; an item that one has rated says nothing.
    """
    items = [np.asarray(item, dtype=float) for item in ratings if len(item) > 1]
    if not items:
        return nan
    every = np.concatenate(items)
    expected = every.var(ddof=1)  # half the mean squared difference of two ratings, whoever gave them to whatever
    if expected == 0:
        return nan  # all ratings are the same: nobody can tell agreement from habit
    observed = sum(len(item) * item.var(ddof=1) for item in items) / len(every)
    return float(1 - observed / expected)
