"""Tests of made-up models, thousands at once: what a design does before anybody relies on it."""

from __future__ import annotations

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
from fine_tuning.experiments.sufficient_statistics import CONTINUITY

MOST = 10_000_000_000  # answers that are made up: some minutes
CELLS = 4_000_000  # numbers in memory at once
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Simulated:
    """What became of each test.

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


def check(rate_a: float, rate_b: float, samples: int, replications: int, correlation: float | None) -> None:
    """Raise UsageError where made-up models cannot be so."""
    for label, value in (("rate_a", rate_a), ("rate_b", rate_b)):
        if not 0 < (checks.rate(label, value) or 0) < 1:
            raise UsageError(f"{label} must be between 0 and 1, not {value}")
    checks.count("samples", samples, 2, CELLS)
    checks.count("replications", replications, 1, 1_000_000)
    if samples * replications > MOST:
        raise UsageError(f"{samples:,} samples of {replications:,} tests are more than {MOST:,} answers to make up")
    if correlation is not None:
        discordant(rate_a, rate_b, correlation)


def discordant(rate_a: float, rate_b: float, correlation: float) -> tuple[float, float]:
    """How often only model_b, and only model_a, is right.

    Raises:
        UsageError: such rates cannot correlate so.
    """
    both = rate_a * rate_b + correlation * sqrt(rate_a * (1 - rate_a) * rate_b * (1 - rate_b))
    if not max(0.0, rate_a + rate_b - 1) - 1e-12 <= both <= min(rate_a, rate_b) + 1e-12:
        raise UsageError(f"rates {rate_a} and {rate_b} cannot correlate by {correlation}")
    return rate_b - both, rate_a - both


def simulate(
    design: Design,
    rate_a: float,
    rate_b: float,
    samples: int,
    replications: int,
    *,
    correlation: float | None = None,
    seed: int = 0,
) -> Simulated:
    """Tests of two models that are right at these rates, looked at after every sample of each.

    Args:
        samples: of each model, after which a test is given up.
        correlation: of right answers to the same samples; None for samples of each model's own.
    """
    rng = np.random.default_rng(seed)
    block = max(1, CELLS // samples)
    parts = []
    for start in range(0, replications, block):
        shape = (min(block, replications - start), samples)
        a, b = answers(rng, shape, rate_a, rate_b, correlation or 0.0)
        parts.append(_anytime(a, b, design) if design.kind == "anytime" else _planned(
            a, b, design, is_paired=correlation is not None
        ))  # fmt: skip
    return Simulated(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def answers(
    rng: np.random.Generator, shape: tuple[int, int], rate_a: float, rate_b: float, correlation: float = 0.0
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Right answers of both models to the same samples."""
    a, chance = rng.random(shape) < rate_a, rng.random(shape)
    shift = correlation * sqrt(rate_b * (1 - rate_b))
    if_right = rate_b + shift * sqrt((1 - rate_a) / rate_a)
    if_wrong = rate_b - shift * sqrt(rate_a / (1 - rate_a))
    return a, chance < np.where(a, if_right, if_wrong)


def _anytime(a: NDArray[np.bool_], b: NDArray[np.bool_], design: Design) -> tuple[Ints, Ints]:
    wins, losses = np.cumsum(b & ~a, axis=1), np.cumsum(a & ~b, axis=1)
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
    """As `Statistics` has it: McNemar's z of pairs, else that of two rates with their pooled variance (n - 1)."""
    size = a.shape[1]
    apart = b.sum(axis=1) - a.sum(axis=1)
    less = np.sign(apart) * np.maximum(np.abs(apart) - CONTINUITY, 0)
    if is_paired:
        return np.asarray(less / np.sqrt(np.maximum((a ^ b).sum(axis=1), 1)))
    rate = (a.sum(axis=1) + b.sum(axis=1)) / (2 * size)
    variance = rate * (1 - rate) * (2 * size) / (2 * size - 1) * 2 / size
    return np.asarray(less / size / np.sqrt(np.maximum(variance, 1e-12)))
