"""Tests of made-up models, thousands at once: what a design does before anybody relies on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments import group_sequential
from fine_tuning.experiments.confidence_sequences import discordant_pair_log_e_values
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.sufficient_statistics import continuity

MAX_ANSWERS = 10_000_000_000  # simulated: some minutes
MAX_CELLS = 4_000_000  # numbers in memory at once
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Scenario:
    """Two models to simulate.

    Attributes:
        rate_a, rate_b: the share of right answers of each, above 0 and below 1.
        correlation: of both models' correctness on the same samples; None if each model gets its own samples.
    """

    rate_a: float
    rate_b: float
    correlation: float | None = None

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
    """Simulate tests of two models, with a look after every sample of each.

    Args:
        samples: of each model, after which a test ends without a verdict.
        replications: number of tests.
    """
    rng = np.random.default_rng(seed)
    block = max(1, MAX_CELLS // samples)
    parts = []
    for start in range(0, replications, block):
        a, b = answers(rng, (min(block, replications - start), samples), scenario)
        if design.kind == "anytime":
            parts.append(_anytime(a, b, design))
        else:
            parts.append(_planned(a, b, design, is_paired=scenario.correlation is not None))
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


def _anytime(a: NDArray[np.bool_], b: NDArray[np.bool_], design: Design) -> tuple[Ints, Ints]:
    wins, losses = (np.cumsum(each, axis=1, dtype=np.int64) for each in (b & ~a, a & ~b))
    crossed = discordant_pair_log_e_values(wins, losses) >= -log(design.alpha)
    at = np.where(crossed.any(axis=1), crossed.argmax(axis=1), a.shape[1] - 1)
    rows = np.arange(len(a))
    favours = np.where(crossed[rows, at], np.sign(wins[rows, at] - losses[rows, at]), 0)
    return favours.astype(np.int64), at + 1


def _planned(a: NDArray[np.bool_], b: NDArray[np.bool_], design: Design, *, is_paired: bool) -> tuple[Ints, Ints]:
    planned = design.planned or a.shape[1]
    sizes = np.array([ceil(fraction * planned - 1e-9) for fraction in design.fractions])
    sizes = sizes[sizes <= a.shape[1]]
    fractions = design.fractions[: len(sizes)]
    limits = np.array(
        [ndtri(1 - design.alpha / 2)]
        if design.kind == "fixed"
        else group_sequential.boundaries(fractions, design.alpha, design.spending)
    )[: len(sizes)]
    z = np.stack([_z(a[:, :size], b[:, :size], is_paired=is_paired) for size in sizes], axis=1)
    crossed = np.abs(z) >= limits
    at = np.where(crossed.any(axis=1), crossed.argmax(axis=1), len(sizes) - 1)
    rows = np.arange(len(a))
    favours = np.where(crossed[rows, at], np.sign(z[rows, at]), 0)
    return favours.astype(np.int64), sizes[at]


def _z(a: NDArray[np.bool_], b: NDArray[np.bool_], *, is_paired: bool) -> NDArray[np.float64]:
    """As `Statistics` has it: with one more answer of each kind, so that the variance is never 0."""
    size = a.shape[1]
    apart = b.sum(axis=1) - a.sum(axis=1)
    less = np.sign(apart) * np.maximum(np.abs(apart) - continuity(is_paired=is_paired), 0) / size
    if is_paired:
        squares = (a ^ b).sum(axis=1) - apart**2 / size
        return np.asarray(less / np.sqrt((squares + 2) / (size + 1) / size))
    rates = [(each.sum(axis=1) + 1) / (size + 2) for each in (a, b)]
    return np.asarray(less / np.sqrt(sum(rate * (1 - rate) / size for rate in rates)))
