"""An inbox whose calls are of known quality: they arrive, are drawn, and are rated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from fine_tuning.distillation.review_weights import Signal, uniform_number, weight_of
from fine_tuning.evaluation.prediction_powered import Corrected, corrected_mean
from fine_tuning.store.review_draws import Cohort, RatedDraw
from fine_tuning.workflows.review_quality import Sample, sample_of

DAY_ONE = datetime(2026, 1, 1, tzinfo=UTC)
GOOD, BAD = np.array([4, 5]), np.array([1, 2, 3])
CHANCES = {1.0: 0.2, 0.5: 0.16, 0.0: 0.64}  # of how much speaks for asking about a call
MEAN = sum(share * ((0.1 + 0.6 * doubt) * 2 + (0.9 - 0.6 * doubt) * 4.5) for doubt, share in CHANCES.items())


class Reviewed(NamedTuple):
    """What came of one inbox: the sample, the judge's scores of it and of the other calls."""

    sample: Sample
    judged: Sequence[float]
    unlabelled: Sequence[float]


def reviewed(rng: np.random.Generator, name: str, arriving: Sequence[int], rated: Sequence[int]) -> Reviewed:
    """Calls arrive in turns, and after each some are rated in their order; doubted answers are bad more often."""
    total = sum(arriving)
    doubt = rng.choice([*CHANCES], total, p=[*CHANCES.values()])
    is_bad = rng.random(total) < 0.1 + 0.6 * doubt
    ratings = np.where(is_bad, rng.choice(BAD, total), rng.choice(GOOD, total))
    weights = np.array([weight_of([Signal(each, "doubt")])[0] for each in doubt])
    draws = np.array([uniform_number(f"{name} {number}") for number in range(total)]) / weights
    turn, done = np.repeat(np.arange(len(arriving)), arriving), np.zeros(total, bool)
    for number, count in enumerate(rated):
        waiting = np.flatnonzero((turn <= number) & ~done)
        done[waiting[np.argsort(draws[waiting])[:count]]] = True
    cohorts = []
    for number, count in enumerate(arriving):
        left = draws[(turn == number) & ~done]
        cohorts.append(Cohort(DAY_ONE + timedelta(number), count, float(left.min()) if left.size else None))
    found = [
        RatedDraw(str(at), DAY_ONE + timedelta(int(turn[at])), weights[at], draws[at], int(ratings[at]))
        for at in np.flatnonzero(done)
    ]
    sample = sample_of(cohorts, found)
    assert sample.until is not None
    drawn = [int(each.example_id) for each in sample.rated]
    others = np.setdiff1d(np.flatnonzero(turn <= (sample.until - DAY_ONE).days), drawn)
    judged = np.clip((ratings - 1) / 4 + 0.15 + rng.normal(0, 0.2, total), 0, 1)  # too kind
    return Reviewed(sample, judged[drawn].tolist(), judged[others].tolist())


def estimates(found: Reviewed, *, has_judge: bool = False) -> tuple[Corrected, Corrected]:
    """The mean score, 0 to 1, with ratings weighted by their probabilities, and as if all were drawn alike."""
    human = [(each.rating - 1) / 4 for each in found.sample.rated]
    scores = (found.judged, found.unlabelled) if has_judge else ([0.0] * len(human), [])
    return corrected_mean(human, *scores, probabilities=found.sample.probabilities), corrected_mean(human, *scores)
