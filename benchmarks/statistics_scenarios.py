"""Made-up traffic of A/B tests, sample by sample: what production records, with a known true difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fine_tuning.experiments.design import Design
from fine_tuning.experiments.sufficient_statistics import A, B
from fine_tuning.store.records.experiment_json import Arm


class Call(NamedTuple):
    """A scored call; unit: of its user or question, None of one that is independent of all others."""

    arm: Arm
    score: float
    covariate: float | None = None
    stratum: str = ""
    unit: int | None = None


class Traffic(NamedTuple):
    """The calls of a simulated test.

    Attributes:
        truth: the difference of the models' means; nan where it changes.
        is_paired: whether the units are questions that both models answered.
    """

    design: Design
    calls: list[Call]
    truth: float = 0.0
    is_paired: bool = False


Maker = Callable[[np.random.Generator], Traffic]
OPEN = Design(split=None)  # shares that nobody planned


def _of_arms(is_b: Any, scores: Any, units: Any = None) -> list[Call]:
    who = [None] * len(is_b) if units is None else units.tolist()
    rows = zip(is_b.tolist(), np.asarray(scores, float).tolist(), who, strict=True)
    return [Call(B if b else A, score, unit=unit) for b, score, unit in rows]


def _of_pairs(a: Any, b: Any) -> list[Call]:
    both = zip(np.asarray(a, float).tolist(), np.asarray(b, float).tolist(), strict=True)
    return [Call(arm, score, unit=at) for at, pair in enumerate(both) for arm, score in zip((A, B), pair, strict=True)]


def _shares(rng: np.random.Generator, share: Any, rate: Any) -> Traffic:
    """Equal models whose rate of right answers, and the second one's share of the calls, change over time."""
    return Traffic(OPEN, _of_arms(rng.random(len(share)) < share, rng.random(len(rate)) < rate))


def trend(rng: np.random.Generator) -> Traffic:
    """The share ramps from 5 to 95 %, while the rate rises from 0.6 to 0.9."""
    time = np.linspace(0, 1, 1500)
    return _shares(rng, 0.05 + 0.9 * time, 0.6 + 0.3 * time)


def jump(rng: np.random.Generator) -> Traffic:
    """Share and rate jump at once."""
    return _shares(rng, np.repeat([0.5, 0.9], 750), np.repeat([0.6, 0.9], 750))


def week(rng: np.random.Generator) -> Traffic:
    """Share and rate go up and down together, seven times."""
    wave = np.sin(np.linspace(0, 14 * np.pi, 2000))
    return _shares(rng, 0.5 + 0.4 * wave, 0.7 + 0.2 * wave)


def _cycles(rng: np.random.Generator, half: int, apart: float) -> Traffic:
    """The share goes up and down after so many samples, and so does the rate, between 0.5 and 0.9."""
    wave = 2.0 * ((np.arange(2000) + rng.integers(2 * half)) // half % 2) - 1
    return _shares(rng, 0.5 + apart * wave, 0.7 + 0.2 * wave)


def weak_cycles(rng: np.random.Generator) -> Traffic:
    """Shorter than a block of time, and hardly to be told from a random order."""
    return _cycles(rng, 20, 0.1)


def strong_cycles(rng: np.random.Generator) -> Traffic:
    """A little longer than a block of time."""
    return _cycles(rng, 70, 0.3)


def first_alone(rng: np.random.Generator) -> Traffic:
    """model_a answers alone first, when questions are harder."""
    parts = [500, 1000]
    return _shares(rng, np.repeat([0.0, 0.5], parts), np.repeat([0.6, 0.9], parts))


def roll_out(rng: np.random.Generator) -> Traffic:
    """model_b gets everything at the end, when questions are easier."""
    parts = [1000, 500]
    return _shares(rng, np.repeat([0.5, 1.0], parts), np.repeat([0.6, 0.9], parts))


def users_of_one(rng: np.random.Generator) -> Traffic:
    """100 users with rates of their own, some of whom call often; each sees one model."""
    moods, sides = rng.beta(1.6, 0.8, 100), rng.random(100) < 0.5
    who = (100 * rng.random(1500) ** 2).astype(int)
    return Traffic(Design(), _of_arms(sides[who], rng.random(1500) < moods[who], who))


def users_of_both(rng: np.random.Generator) -> Traffic:
    """50 users with rates of their own who see either model at each call."""
    moods, who = rng.beta(1.6, 0.8, 50), rng.integers(50, size=1500)
    return Traffic(Design(), _of_arms(rng.random(1500) < 0.5, rng.random(1500) < moods[who], who))


def real_pairs(rng: np.random.Generator) -> Traffic:
    """Real scores of the same 500 questions."""
    hard = 2 * rng.normal(size=500)
    scores = [hard + rng.exponential(size=500) for _ in range(2)]
    return Traffic(Design(score="real"), _of_pairs(*scores), is_paired=True)


def skewed(rng: np.random.Generator, split: float = 0.5, calls: int = 1500) -> Traffic:
    """Lognormal scores."""
    return Traffic(Design(score="real", split=split), _of_arms(rng.random(calls) < split, rng.lognormal(size=calls)))


def skewed_canary(rng: np.random.Generator) -> Traffic:
    """Lognormal scores, a tenth of them of model_b."""
    return skewed(rng, 0.1, 2000)


def bounded(rng: np.random.Generator) -> Traffic:
    """Scores between 0 and 1, mostly near an end."""
    return Traffic(Design(score="bounded"), _of_arms(rng.random(1000) < 0.5, rng.beta(0.5, 0.5, 1000)))


def rare(rng: np.random.Generator) -> Traffic:
    """Scores of 1, but for one in fifty."""
    scores = np.where(rng.random(1500) < 0.02, rng.random(1500), 1.0)
    return Traffic(Design(score="bounded"), _of_arms(rng.random(1500) < 0.5, scores))


def nearly_perfect(rng: np.random.Generator) -> Traffic:
    """Right answers, but for one in 1,000."""
    return Traffic(Design(), _of_arms(rng.random(3000) < 0.5, rng.random(3000) < 0.999))


def perfect_canary(rng: np.random.Generator) -> Traffic:
    """Right answers alone, a tenth of them of model_b."""
    return Traffic(Design(split=0.1), _of_arms(rng.random(2000) < 0.1, np.ones(2000)))


def covariate(rng: np.random.Generator) -> Traffic:
    """Real scores with a skewed covariate, which a fifth of the samples lack; 30 % of the calls are model_b's."""
    x, is_b, kept = rng.lognormal(size=1000), rng.random(1000) < 0.3, rng.random(1000) < 0.8
    calls = _of_arms(is_b, x + rng.normal(size=1000))
    known = zip(calls, x.tolist(), kept.tolist(), strict=True)
    return Traffic(Design(score="real", split=0.3), [c._replace(covariate=v if is_kept else None) for c, v, is_kept
                                                     in known])  # fmt: skip


def strata(rng: np.random.Generator) -> Traffic:
    """Six kinds of questions, which the samples name; the easier ones go to model_b more often."""
    kinds = rng.integers(6, size=1500)
    is_b = rng.random(1500) < 0.2 + 0.1 * kinds
    calls = _of_arms(is_b, rng.random(1500) < 0.3 + 0.1 * kinds)
    return Traffic(OPEN, [c._replace(stratum=f"kind {kind}") for c, kind in zip(calls, kinds.tolist(), strict=True)])


def grouped(rng: np.random.Generator) -> Traffic:
    """Right answers, at eight planned looks."""
    return Traffic(_sequential(500), _of_arms(np.arange(1000) % 2 == 1, rng.random(1000) < 0.8))


def grouped_pairs(rng: np.random.Generator) -> Traffic:
    """Right answers to the same questions, at eight planned looks."""
    hard = rng.beta(1.6, 0.8, 400)
    return Traffic(_sequential(400), _of_pairs(*(rng.random((2, 400)) < hard)), is_paired=True)


def grouped_real(rng: np.random.Generator) -> Traffic:
    """Skewed scores of users, at eight planned looks."""
    who = rng.integers(100, size=1200)
    scores = rng.lognormal(size=100)[who] + rng.exponential(size=1200)
    return Traffic(_sequential(500, "real"), _of_arms((who % 2) == 1, scores, who))


def _sequential(planned: int, score: str = "binary") -> Design:
    return Design(kind="group_sequential", planned=planned, score=score)


def better(rng: np.random.Generator) -> Traffic:
    """0.80 and 0.85, 1,600 calls of each."""
    is_b = rng.random(3200) < 0.5
    return Traffic(Design(), _of_arms(is_b, rng.random(3200) < np.where(is_b, 0.85, 0.80)), 0.05)


def better_canary(rng: np.random.Generator) -> Traffic:
    """0.80 and 0.85, a tenth of the calls of model_b."""
    is_b = rng.random(8300) < 0.1
    return Traffic(Design(split=0.1), _of_arms(is_b, rng.random(8300) < np.where(is_b, 0.85, 0.80)), 0.05)


def perfect_beside_good(rng: np.random.Generator) -> Traffic:
    """0.97, and a model that is always right, 500 calls of each."""
    is_b = rng.random(1000) < 0.5
    return Traffic(Design(), _of_arms(is_b, rng.random(1000) < np.where(is_b, 1.0, 0.97)), 0.03)


def better_on_trend(rng: np.random.Generator) -> Traffic:
    """model_b is better by 10 points, while its share ramps up and questions get harder by 30 points."""
    time = np.linspace(0, 1, 3000)
    is_b = rng.random(3000) < 0.05 + 0.9 * time
    return Traffic(OPEN, _of_arms(is_b, rng.random(3000) < 0.8 - 0.3 * time + 0.1 * is_b), 0.1)


def better_in_pairs(rng: np.random.Generator) -> Traffic:
    """0.80 and 0.85 of the same 800 questions, correlation 0.5."""
    a, chance = rng.random(800) < 0.80, rng.random(800)
    shift = 0.5 * np.sqrt(0.85 * 0.15)
    b = chance < np.where(a, 0.85 + shift * np.sqrt(0.2 / 0.8), 0.85 - shift * np.sqrt(0.8 / 0.2))
    return Traffic(Design(), _of_pairs(a, b), 0.05, is_paired=True)


def novelty(rng: np.random.Generator) -> Traffic:
    """20 points better for 600 samples, then equal for 6,000."""
    return _gaining(rng, np.repeat([0.2, 0.0], [600, 6000]))


def reversal(rng: np.random.Generator) -> Traffic:
    """20 points better for 600 samples, then 10 points worse for 6,000."""
    return _gaining(rng, np.repeat([0.2, -0.1], [600, 6000]))


def steady(rng: np.random.Generator) -> Traffic:
    """6 points better throughout."""
    return _gaining(rng, np.full(6600, 0.06))


def steady_large(rng: np.random.Generator) -> Traffic:
    """20 points better throughout."""
    return _gaining(rng, np.full(6600, 0.2))


def _gaining(rng: np.random.Generator, gain: Any) -> Traffic:
    is_b = rng.random(len(gain)) < 0.5
    calls = _of_arms(is_b, rng.random(len(gain)) < 0.6 + gain * is_b)
    return Traffic(Design(), calls, float(gain[0]) if np.ptp(gain) == 0 else np.nan)


EQUAL: dict[str, Maker] = {
    "rate rises by 30 points, share ramps from 5 to 95 %": trend,
    "jump of share (50 to 90 %) and rate (+30 points)": jump,
    "weekly cycles of share and rate": week,
    "40 and 60 % in turns of 20 samples, the rate with them": weak_cycles,
    "20 and 80 % in turns of 70 samples, the rate with them": strong_cycles,
    "model_a alone first, then 1:1 and easier": first_alone,
    "1:1, then model_b alone and easier": roll_out,
    "100 users of one model each, some call often": users_of_one,
    "50 users who see both models": users_of_both,
    "pairs of real scores": real_pairs,
    "lognormal scores": skewed,
    "lognormal scores, 10/90": skewed_canary,
    "bounded scores": bounded,
    "bounded scores, 98 % of them 1": rare,
    "right answers, 99.9 % of them": nearly_perfect,
    "right answers alone, 10/90": perfect_canary,
    "covariate, a fifth missing, 30/70": covariate,
    "six strata, the easier the more of model_b": strata,
    "group_sequential": grouped,
    "group_sequential, pairs": grouped_pairs,
    "group_sequential, skewed scores of users": grouped_real,
}
BETTER: dict[str, Maker] = {
    "0.80 and 0.85, 3,200 samples": better,
    "0.80 and 0.85, 90 % / 10 %, 8,300 samples": better_canary,
    "0.80 and 0.85, 800 pairs (correlation 0.5)": better_in_pairs,
    "0.97 and 1.00, 1,000 samples": perfect_beside_good,
    "10 points better; share ramps up, rate falls by 30 points": better_on_trend,
}
CHANGING: dict[str, Maker] = {
    "+20 points for 600 samples, then none": novelty,
    "+20 points for 600 samples, then -10": reversal,
    "+6 points throughout": steady,
    "+20 points throughout": steady_large,
}
