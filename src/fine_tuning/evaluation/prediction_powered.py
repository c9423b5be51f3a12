"""A judge's scores, corrected with what people said about some of the answers.

Source: Angelopoulos, Bates, Fannjiang, Jordan, Zrnic, "Prediction-powered inference", Science 382 (2023), and for the
weight of the judge Angelopoulos, Duchi, Zrnic, "PPI++: Efficient prediction-powered inference" (2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri


class Corrected(NamedTuple):
    """The mean of what people would say, with its interval, and how much the judge counts (0 to 1)."""

    estimate: float
    low: float
    high: float
    weight: float


def corrected_mean(
    human: Sequence[float], judged: Sequence[float], unlabelled: Sequence[float], confidence: float = 0.95
) -> Corrected:
    """The mean score of all answers, as people would give them.

    Args:
        human: of the answers that people scored; judged: the judge's of the same answers.
        unlabelled: the judge's of the other answers.

    Returns:
        nan with fewer than two scores of people.
    """
    y, f, rest = (np.asarray(each, float) for each in (human, judged, unlabelled))
    if len(y) != len(f):
        raise ValueError(f"{len(y)} scores of people and {len(f)} of the judge for the same answers")
    n, more = len(y), len(rest)
    if n < 2:
        return Corrected(nan, nan, nan, nan)
    weight = 0.0
    if more and (spread := float(np.var(np.concatenate([f, rest])))) > 0:
        weight = min(1.0, max(0.0, float(np.cov(y, f)[0, 1]) / ((1 + n / more) * spread)))
    estimate = float(np.mean(y - weight * f)) + (weight * float(np.mean(rest)) if more and weight else 0.0)
    variance = float(np.var(y - weight * f, ddof=1)) / n
    if more > 1 and weight:
        variance += weight**2 * float(np.var(rest, ddof=1)) / more
    half = float(ndtri(0.5 + confidence / 2)) * sqrt(variance)
    return Corrected(estimate, estimate - half, estimate + half, weight)
