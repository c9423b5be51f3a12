"""Tests of made-up models, thousands at once: what a design does before anybody relies on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments import confidence_sequences, rate_likelihood
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.estimated_effects import MIN_OBSERVATIONS
from fine_tuning.experiments.planned_looks import continuity, planned_limits

MAX_ANSWERS = 10_000_000_000  # simulated: some minutes
MAX_CELLS = 4_000_000  # numbers in memory at once
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Stratum(NamedTuple):
    """A kind of calls: its share of all, and the share of right answers of each model."""

    share: float
    rate_a: float
    rate_b: float


@dataclass(frozen=True)
class Scenario:
    """Two models to simulate.

    Attributes:
        rate_a, rate_b: the share of right answers of each, above 0 and below 1.
        correlation: of both models' correctness on the same samples; None if each model gets its own samples.
        variance_ratio: of the difference where samples name their stratum, to that where they do not.
    """

    rate_a: float
    rate_b: float
    correlation: float | None = None
    variance_ratio: float = 1.0

    @classmethod
    def of_strata(cls, strata: Sequence[Stratum]) -> Scenario:
        """Two models compared within strata.

        Raises:
            UsageError: a share or rate is out of range, or the shares do not add up to 1.
        """
        for each in strata:
            check_rates({"share of a stratum": each.share} if len(strata) > 1 else {})
            check_rates({"rate_a of a stratum": each.rate_a, "rate_b of a stratum": each.rate_b})
        if not strata or abs(sum(each.share for each in strata) - 1) > 1e-6:
            raise UsageError(f"the shares of the strata must add up to 1, not {sum(each.share for each in strata):g}")
        rate_a, rate_b = (
            sum(each.share * rate for each, rate in rates)
            for rates in ([(each, each.rate_a) for each in strata], [(each, each.rate_b) for each in strata])
        )
        within = sum(each.share * (_variance(each.rate_a) + _variance(each.rate_b)) for each in strata)
        return cls(rate_a, rate_b, variance_ratio=within / (_variance(rate_a) + _variance(rate_b)))

    def check(self) -> None:
        """Raise UsageError where a rate is out of range, or the rates cannot correlate so."""
        check_rates({"rate_a": self.rate_a, "rate_b": self.rate_b})
        if self.correlation is not None:
            self.discordant()

    def discordant(self) -> tuple[float, float]:
        """The rates at which only model_b, and only model_a, is right.

        Raises:
            UsageError: such rates cannot correlate so.
        """
        a, b, correlation = self.rate_a, self.rate_b, self.correlation or 0.0
        both = a * b + correlation * sqrt(a * (1 - a) * b * (1 - b))
        if not max(0.0, a + b - 1) - 1e-12 <= both <= min(a, b) + 1e-12:
            raise UsageError(f"rates {a} and {b} cannot correlate by {correlation}")
        return b - both, a - both


@dataclass(frozen=True)
class SimulatedTests:
    """The outcome of each simulated test.

    Attributes:
        favours: 1 for model_b, -1 for model_a, 0 for no verdict.
        samples: per model (pairs) when the verdict was in, or all.
    """

    favours: Ints
    samples: Ints

    @property
    def found(self) -> float:
        """The share of tests with a verdict."""
        return float((self.favours != 0).mean())

    @property
    def median_samples(self) -> float:
        """The median size at the verdict or the end."""
        return float(np.median(self.samples))

    @property
    def wins_a(self) -> float:
        """The share of tests that model_a wins."""
        return float((self.favours < 0).mean())

    @property
    def wins_b(self) -> float:
        """The share of tests that model_b wins."""
        return float((self.favours > 0).mean())


def check_rates(rates: Mapping[str, float]) -> None:
    """Raise UsageError unless each named rate is above 0 and below 1."""
    for label, value in rates.items():
        if not 0 < (checks.rate(label, value) or 0) < 1:
            raise UsageError(f"{label} must be between 0 and 1, not {value}")


def _variance(rate: float) -> float:
    return rate * (1 - rate)


def check(scenario: Scenario, samples: int, replications: int) -> None:
    """Raise UsageError where a simulation is impossible or too large."""
    check_rates({"rate_a": scenario.rate_a, "rate_b": scenario.rate_b})
    checks.count("samples", samples, 2, MAX_CELLS)
    checks.count("replications", replications, 1, 1_000_000)
    if samples * replications > MAX_ANSWERS:
        raise UsageError(
            f"{samples:,} samples of {replications:,} tests are more than {MAX_ANSWERS:,} answers to simulate"
        )
    scenario.check()


def simulate(design: Design, scenario: Scenario, *, samples: int, replications: int, seed: int = 0) -> SimulatedTests:
    """Simulate tests of two models, with a look after every sample of the model with fewer.

    Args:
        design: its `split` tells how many samples the other model gets in the meantime.
        samples: of the model with fewer, after which a test ends without a verdict.
        replications: number of tests.
    """
    rng = np.random.default_rng(seed)
    block = max(1, MAX_CELLS // samples)
    decide = _anytime if design.kind == "anytime" else _planned
    parts = []
    for start in range(0, replications, block):
        tests = min(block, replications - start)
        parts.append(decide(_drawn(rng, (tests, samples), scenario, design.split or 0.5), design))
    return SimulatedTests(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def answers(
    rng: np.random.Generator, shape: tuple[int, int], scenario: Scenario
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Right answers of both models to the same samples; shape: tests and samples."""
    rate_a, rate_b, correlation = scenario.rate_a, scenario.rate_b, scenario.correlation or 0.0
    a, chance = rng.random(shape) < rate_a, rng.random(shape)
    shift = correlation * sqrt(rate_b * (1 - rate_b))
    if_right = rate_b + shift * sqrt((1 - rate_a) / rate_a)
    if_wrong = rate_b - shift * sqrt(rate_a / (1 - rate_a))
    return a, chance < np.where(a, if_right, if_wrong)


class Counts(NamedTuple):
    """Right answers of both models over time; shapes: tests x looks, and looks.

    Attributes:
        both: samples that both got right, where they answer the same.
    """

    right_a: Ints
    right_b: Ints
    n_a: Ints
    n_b: Ints
    both: Ints | None = None

    @classmethod
    def of(cls, a: NDArray[np.bool_], b: NDArray[np.bool_], *, is_paired: bool) -> Counts:
        """After each sample of both models."""
        number = np.arange(1, a.shape[1] + 1)
        right_a, right_b, both = (np.cumsum(each, axis=1, dtype=np.int64) for each in (a, b, a & b))
        return cls(right_a, right_b, number, number, both if is_paired else None)

    def at(self, looks: Ints) -> Counts:
        """At some of the looks."""
        both = None if self.both is None else self.both[:, looks]
        return Counts(self.right_a[:, looks], self.right_b[:, looks], self.n_a[looks], self.n_b[looks], both)


def _drawn(rng: np.random.Generator, shape: tuple[int, int], scenario: Scenario, split: float) -> Counts:
    """Answers of tests."""
    if scenario.correlation is not None or split == 0.5:
        return Counts.of(*answers(rng, shape, scenario), is_paired=scenario.correlation is not None)
    number = np.arange(1, shape[1] + 1)
    rest = np.round(number * max(split, 1 - split) / min(split, 1 - split)).astype(np.int64)
    n_a, n_b = (rest, number) if split < 0.5 else (number, rest)
    rates = (scenario.rate_a, n_a), (scenario.rate_b, n_b)
    right = [np.cumsum(rng.binomial(np.diff(n, prepend=0), rate, shape), axis=1, dtype=np.int64) for rate, n in rates]
    return Counts(right[0], right[1], n_a, n_b)


def _anytime(counts: Counts, design: Design) -> tuple[Ints, Ints]:
    apart, variance = _effects(counts)
    a, b = counts.right_a / counts.n_a, counts.right_b / counts.n_b
    alone = _variances(counts)
    paired = (alone[0] + alone[1]) / variance
    roots = rate_likelihood.signed_root((a, b), (paired * counts.n_a, paired * counts.n_b))
    planned = 2 * design.planned if design.planned else confidence_sequences.PLANNED_SAMPLES
    limits = [confidence_sequences.limit(n, design.alpha, planned) for n in (counts.n_a + counts.n_b).tolist()]
    is_ready = np.minimum(counts.n_a, counts.n_b) >= MIN_OBSERVATIONS
    return _first(is_ready & (np.abs(roots) >= np.array(limits)), apart, counts)


def _planned(counts: Counts, design: Design) -> tuple[Ints, Ints]:
    sizes = np.minimum(counts.n_a, counts.n_b)
    planned = design.planned or int(sizes[-1])
    looks = np.array([ceil(fraction * planned - 1e-9) for fraction in design.fractions])
    looks = looks[looks <= sizes[-1]]
    limits = np.array(planned_limits(design, len(looks), design.alpha))[: len(looks)]
    counts = counts.at(np.searchsorted(sizes, looks))
    apart, variance = _effects(counts)
    less = np.maximum(np.abs(apart) - continuity(1.0 if counts.both is not None else 0.0) / looks, 0)
    return _first(less >= limits * np.sqrt(variance), apart, counts)


def _first(crossed: NDArray[np.bool_], apart: Floats, counts: Counts) -> tuple[Ints, Ints]:
    """The model that each test favours, and its size then."""
    at = np.where(crossed.any(axis=1), crossed.argmax(axis=1), crossed.shape[1] - 1)
    rows = np.arange(len(crossed))
    favours = np.where(crossed[rows, at], np.sign(apart[rows, at]), 0)
    return favours.astype(np.int64), np.minimum(counts.n_a, counts.n_b)[at]


def _variances(counts: Counts) -> tuple[Floats, Floats]:
    """Of both rates, with one more right and one more wrong answer."""
    first, second = (
        (right + 1) * (n - right + 1) / (n + 2) ** 2 / n
        for right, n in ((counts.right_a, counts.n_a), (counts.right_b, counts.n_b))
    )
    return first, second


def _effects(counts: Counts) -> tuple[Floats, Floats]:
    """The difference and its variance, as `Comparison.effect` has them."""
    first, second = _variances(counts)
    variance = first + second
    a, b = counts.right_a / counts.n_a, counts.right_b / counts.n_b
    if counts.both is not None:
        variance = variance - 2 * (counts.both / counts.n_a - a * b) / (counts.n_a + 2)
    return b - a, variance
