"""How many samples a test needs before it is begun."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, nan, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments import group_sequential, simulation
from fine_tuning.experiments.design import LOOKS, Design, check_alpha

SMALL = 300  # samples per model, below which half an answer matters to the power
FARTHEST = 8.0  # times the fixed size that an anytime test is followed
REPLICATIONS = 2000
CELLS, LARGEST = 20_000_000, 200_000  # samples that are made up in all, and for one test


@dataclass(frozen=True)
class Plan:
    """What a design needs, in samples per model (in pairs, where both models answer the same).

    Attributes:
        most: with which the power is reached; what `planned=` wants.
        mean: of a test that stops as soon as its verdict is in, where the difference is as expected.
        without_difference: the same where there is none.
    """

    design: str
    most: int | None
    mean: float
    without_difference: float


def fixed_size(rate_a: float, rate_b: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Samples per model with which a two-sided test of two rates, done once, has this power.

    (z(1 - alpha/2) sqrt(2 p q) + z(power) sqrt(p_a q_a + p_b q_b))^2 / (p_a - p_b)^2 with p the mean rate: Fleiss,
    Levin, Paik, "Statistical Methods for Rates and Proportions" (2003), equation 4.14 without continuity correction.
    """
    mean = (rate_a + rate_b) / 2
    both = ndtri(1 - alpha / 2) * sqrt(2 * mean * (1 - mean))
    both += ndtri(power) * sqrt(rate_a * (1 - rate_a) + rate_b * (1 - rate_b))
    return float(both / (rate_a - rate_b)) ** 2


def paired_size(
    rate_a: float, rate_b: float, correlation: float = 0.0, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Pairs with which McNemar's test has this power, where both models' right answers correlate so.

    Source: Connor, "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43
    (1987).
    """
    apart = rate_b - rate_a
    discordant = sum(simulation.discordant(rate_a, rate_b, correlation))
    both = ndtri(1 - alpha / 2) * sqrt(discordant) + ndtri(power) * sqrt(max(0.0, discordant - apart**2))
    return float(both / apart) ** 2


def plan(
    rate_a: float,
    rate_b: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    looks: int = LOOKS,
    spending: str = "t2",
    correlation: float | None = None,
) -> list[Plan]:
    """What each design needs to tell two rates apart.

    Args:
        power: how often the difference is to be found.
        correlation: of both models' right answers to the same samples; None where each model gets samples of its own.

    Raises:
        UsageError: a rate, alpha or power is out of range, or the rates are equal.
    """
    check_alpha(alpha)
    for label, value in (("rate_a", rate_a), ("rate_b", rate_b), ("power", power)):
        if not 0 < (checks.rate(label, value) or 0) < 1:
            raise UsageError(f"{label} must be between 0 and 1, not {value}")
    if power <= alpha:
        raise UsageError(f"power must be above alpha ({alpha:g}), not {power}")
    if rate_a == rate_b:
        raise UsageError("rate_a and rate_b are equal; name the smallest difference that matters")
    paired = correlation is not None
    if paired:
        size = paired_size(rate_a, rate_b, correlation or 0.0, alpha, power)
    else:
        size = fixed_size(rate_a, rate_b, alpha, power)
    if size < SMALL:
        size = _with_continuity(size, abs(rate_b - rate_a))
    return [
        Plan("fixed", *[max(2, ceil(size))] * 3),
        _sequential(size, alpha, power, looks, spending),
        _anytime(size, rate_a, rate_b, alpha, power, correlation),
    ]


def _with_continuity(size: float, apart: float) -> float:
    """The size for a test that counts half an answer less, as ours do: n / 4 (1 + sqrt(1 + 2 / (n d)))^2.

    Source: Fleiss, Tytun, Ury, "A simple approximation for calculating sample sizes for comparing independent
    proportions", Biometrics 36 (1980), for a correction of half the size.
    """
    return size / 4 * (1 + sqrt(1 + 2 / (size * apart))) ** 2


def _sequential(size: float, alpha: float, power: float, looks: int, spending: str) -> Plan:
    fractions = Design(kind="group_sequential", planned=looks * 2, looks=looks).fractions
    drift, limits = _drift(fractions, alpha, power, spending)
    most = size * (drift / float(ndtri(1 - alpha / 2) + ndtri(power))) ** 2
    means = []
    for each in (drift, 0.0):
        stops = np.add(*group_sequential.crossing(fractions, limits, each))
        stops[-1] = 1 - stops[:-1].sum()
        means.append(float(stops @ np.array(fractions)) * most)
    return Plan("group_sequential", max(ceil(most), looks, 2), *means)


@lru_cache(maxsize=64)
def _drift(fractions: tuple[float, ...], alpha: float, power: float, spending: str) -> tuple[float, tuple[float, ...]]:
    """The mean of z at the end with which the power is reached, and the boundaries."""
    limits = group_sequential.boundaries(fractions, alpha, spending)
    drift = brentq(lambda d: group_sequential.crossing(fractions, limits, d)[0].sum() - power, 0.0, 20.0)
    return float(drift), limits


def _anytime(size: float, rate_a: float, rate_b: float, alpha: float, power: float, correlation: float | None) -> Plan:
    """Simulated: by how many samples this share of the tests has its verdict; unknown for very small differences."""
    most = ceil(FARTHEST * size)
    if most > LARGEST:
        return Plan("anytime", None, nan, nan)
    design, tests = Design(alpha=alpha), max(400, min(REPLICATIONS, CELLS // most))
    found = simulation.simulate(design, rate_a, rate_b, most, tests, correlation=correlation)
    without = simulation.simulate(design, rate_a, rate_a, most, tests // 4, correlation=correlation)
    needed = int(np.quantile(found.samples, power))
    return Plan("anytime", needed, float(np.minimum(found.samples, needed).mean()),
                float(np.minimum(without.samples, needed).mean()))  # fmt: skip
