"""Peers on the calls of a simulated test: gbstats' sequential test, a GrowthBook-like pipeline, and a z-test.

gbstats asks for NumPy 1 in its metadata, and works with NumPy 2: `pip install --no-deps gbstats==0.8.0`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
from gbstats.models.statistics import RatioStatistic, SampleMeanStatistic
from statistics_scenarios import Call

from fine_tuning.experiments.sufficient_statistics import B

EVERY = 50  # samples of both models from look to look
LEAST = 50  # samples of each before the first look
Z = 1.959964


class PeerVerdicts(NamedTuple):
    """The model that each peer first names: 1 for model_b, -1 for model_a, 0 for none."""

    gbstats: int
    growthbook: int
    z_test: int


def verdicts(calls: Sequence[Call]) -> PeerVerdicts:
    """Of three peers that look at the sums of each model after every `EVERY` samples."""
    first = {"gbstats": 0, "growthbook": 0, "z_test": 0}
    is_b = np.array([call.arm == B for call in calls])
    scores = np.array([call.score for call in calls])
    units = np.array([at if call.unit is None else call.unit for at, call in enumerate(calls)])
    for end in range(EVERY, len(calls) + 1, EVERY):
        sides = [(scores[:end][is_b[:end] == side], units[:end][is_b[:end] == side]) for side in (False, True)]
        if min(len(each) for each, _ in sides) < LEAST:
            continue
        for name, decide in (("gbstats", _gbstats), ("growthbook", _growthbook), ("z_test", _z_test)):
            first[name] = first[name] or decide(sides)
    return PeerVerdicts(**first)


def _gbstats(sides: list[tuple[Any, Any]]) -> int:
    """Each sample a unit, the difference of means, as configured by default."""
    a, b = (_mean(scores) for scores, _ in sides)
    return _favours(SequentialTwoSidedTTest(a, b, SequentialConfig(difference_type="absolute")))


def _growthbook(sides: list[tuple[Any, Any]]) -> int:
    """As GrowthBook's queries sum them: a row for each user of a model, and the relative difference."""
    return _favours(SequentialTwoSidedTTest(*(_of_users(scores, units) for scores, units in sides)))


def _z_test(sides: list[tuple[Any, Any]]) -> int:
    (a, _), (b, _) = sides
    apart = b.mean() - a.mean()
    error = sqrt(a.var() / len(a) + b.var() / len(b))
    return int(np.sign(apart)) if abs(apart) > Z * error > 0 else 0


def _mean(values: Any) -> SampleMeanStatistic:
    return SampleMeanStatistic(n=len(values), sum=float(values.sum()), sum_squares=float((values**2).sum()))


def _of_users(scores: Any, units: Any) -> Any:
    _, places, sizes = np.unique(units, return_inverse=True, return_counts=True)
    if len(sizes) == len(scores):
        return _mean(scores)
    totals, counts = np.bincount(places, scores), sizes.astype(float)
    return RatioStatistic(len(totals), _mean(totals), _mean(counts), m_d_sum_of_products=float(totals @ counts))


def _favours(test: Any) -> int:
    result = test.compute_result()
    low, high = result.ci
    return 1 if low > 0 else -1 if high < 0 else 0
