"""Sample sizes: how many samples each design needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, nan, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.experiments import group_sequential, simulation
from fine_tuning.experiments.design import LOOKS, Design, check_alpha
from fine_tuning.experiments.planned_looks import continuity
from fine_tuning.experiments.simulation import Scenario
from fine_tuning.store.experiments import ARMS

MAX_CORRECTED_SIZE = 300  # samples per model, up to which the continuity correction matters to the power
MAX_SIZE_FACTOR = 8.0  # length of a simulated anytime test, in fixed sizes
REPLICATIONS = 2000
MAX_SAMPLES, MAX_SAMPLES_PER_TEST = 20_000_000, 200_000  # simulated


@dataclass(frozen=True)
class Plan:
    """What a design needs, in samples of the model with fewer (in pairs, where all models answer the same).

    Attributes:
        most: the size at which the power is reached; the value for `planned=`.
        mean: the mean size of a test that stops at its verdict, where the difference is as expected.
        without_difference: the mean size where there is no difference.
        in_all: samples of all models at `most` (questions, where all answer the same).
    """

    design: str
    most: int | None
    mean: float
    without_difference: float
    in_all: int | None = None


@dataclass(frozen=True)
class Allocation:
    """How the units are divided.

    Attributes:
        models: in the test, each compared with the first.
        split: the share of the units that see another than the first; None divides them evenly.
    """

    models: int = 2
    split: float | None = None

    def __post_init__(self) -> None:
        checks.count("models", self.models, 2, len(ARMS))
        if self.split is not None and not 0 < (checks.rate("split", self.split) or 0) < 1:
            raise UsageError(f"split must be between 0 and 1, not {self.split}")

    @property
    def shares(self) -> list[float]:
        """Of each model, the first one first."""
        split = (self.models - 1) / self.models if self.split is None else self.split
        return Design(split=split).shares(self.models)

    @property
    def split_of_two(self) -> float:
        """The share of one challenger among its samples and those of the first model."""
        first, other, *_ = self.shares
        return other / (first + other)

    def in_all(self, fewer: int | None, *, is_paired: bool) -> int | None:
        """Samples of all models, where the one with the fewest of two has so many."""
        if fewer is None or is_paired:
            return fewer
        first, other, *_ = self.shares
        return ceil(fewer / min(first, other))


def fixed_size(rate_a: float, rate_b: float, alpha: float = 0.05, power: float = 0.8, split: float = 0.5) -> float:
    """Samples of the model with fewer with which a two-sided test of two rates, done once, has this power.

    (z(1 - alpha/2) sqrt((r + 1) p q) + z(power) sqrt(r p_f q_f + p_m q_m))^2 / (r (p_a - p_b)^2), where the model with
    more (m) has r times the samples of the one with fewer (f), and p is the rate of all: Fleiss, Levin, Paik,
    "Statistical Methods for Rates and Proportions" (2003), equations 4.14 and 4.18 without continuity correction.

    Args:
        split: the share of model_b's samples.
    """
    fewer, more = (rate_b, rate_a) if split <= 0.5 else (rate_a, rate_b)
    ratio = max(split, 1 - split) / min(split, 1 - split)
    mean = (fewer + ratio * more) / (1 + ratio)
    both = ndtri(1 - alpha / 2) * sqrt((ratio + 1) * mean * (1 - mean))
    both += ndtri(power) * sqrt(ratio * fewer * (1 - fewer) + more * (1 - more))
    return float(both / (rate_a - rate_b)) ** 2 / ratio


def paired_size(scenario: Scenario, alpha: float = 0.05, power: float = 0.8) -> float:
    """Pairs with which McNemar's test has this power, where both models' right answers correlate so.

    Source: Connor, "Sample size for testing differences in proportions for the paired-sample design", Biometrics 43
    (1987).
    """
    apart = scenario.rate_b - scenario.rate_a
    discordant = sum(scenario.discordant())
    both = ndtri(1 - alpha / 2) * sqrt(discordant) + ndtri(power) * sqrt(max(0.0, discordant - apart**2))
    return float(both / apart) ** 2


def plan(
    scenario: Scenario,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    looks: int = LOOKS,
    spending: str = "t2",
    allocation: Allocation | None = None,
) -> list[Plan]:
    """The sizes at which each design tells the rates of a scenario apart.

    Args:
        power: the probability of finding the difference (of several models, of one of them from the first).

    Raises:
        UsageError: a rate, alpha or power is out of range, or the rates are equal.
    """
    check_alpha(alpha)
    rate_a, rate_b, allocation = scenario.rate_a, scenario.rate_b, allocation or Allocation()
    simulation.check_rates({"rate_a": rate_a, "rate_b": rate_b, "power": power})
    if power <= alpha:
        raise UsageError(f"power must be above alpha ({alpha:g}), not {power}")
    if rate_a == rate_b:
        raise UsageError("rate_a and rate_b are equal; name the smallest difference that matters")
    is_paired, alpha = scenario.correlation is not None, alpha / (allocation.models - 1)
    split = 0.5 if is_paired else allocation.split_of_two
    size = paired_size(scenario, alpha, power) if is_paired else fixed_size(rate_a, rate_b, alpha, power, split)
    size *= scenario.variance_ratio
    if size < MAX_CORRECTED_SIZE:
        size = _with_continuity(size, abs(rate_b - rate_a), continuity(float(is_paired)))
    plans = [
        Plan("fixed", max(2, ceil(size)), ceil(size), ceil(size)),
        _sequential(size, alpha, power, looks, spending),
        _anytime(size, scenario, power, Design(alpha=alpha, split=split)),
    ]
    return [replace(each, in_all=allocation.in_all(each.most, is_paired=is_paired)) for each in plans]


def _with_continuity(size: float, apart: float, correction: float) -> float:
    """The size for a test that counts `correction` answers c less, as ours do: n / 4 (1 + sqrt(1 + 4 c / (n d)))^2.

    Source: Fleiss, Tytun, Ury, "A simple approximation for calculating sample sizes for comparing independent
    proportions", Biometrics 36 (1980), for a correction of one answer.
    """
    return size / 4 * (1 + sqrt(1 + 4 * correction / (size * apart))) ** 2


def _sequential(size: float, alpha: float, power: float, looks: int, spending: str) -> Plan:
    fractions = Design(kind="group_sequential", planned=looks * 2, looks=looks).fractions
    drift, limits = _drift(fractions, alpha, power, spending)
    most = size * (drift / float(ndtri(1 - alpha / 2) + ndtri(power))) ** 2
    means = []
    for each in (drift, 0.0):
        stops = np.add(*group_sequential.crossing(fractions, limits, each))
        stops[-1] = 1 - stops[:-1].sum()
        means.append(float(stops @ np.array(fractions)) * most)
    return Plan("group_sequential", max(ceil(most), looks, 2), means[0], means[1])


@lru_cache(maxsize=64)
def _drift(fractions: tuple[float, ...], alpha: float, power: float, spending: str) -> tuple[float, tuple[float, ...]]:
    """The mean of z at the end with which the power is reached, and the boundaries."""
    limits = group_sequential.boundaries(fractions, alpha, spending)
    drift = brentq(lambda d: group_sequential.crossing(fractions, limits, d)[0].sum() - power, 0.0, 20.0)
    return float(drift), limits


def _anytime(size: float, scenario: Scenario, power: float, design: Design) -> Plan:
    """Simulated: by how many samples this share of the tests has its verdict; unknown for very small differences."""
    most = ceil(MAX_SIZE_FACTOR * size / scenario.variance_ratio)
    if most > MAX_SAMPLES_PER_TEST:
        return Plan("anytime", None, nan, nan)
    tests = max(400, min(REPLICATIONS, MAX_SAMPLES // most))
    equal = replace(scenario, rate_b=scenario.rate_a)
    found = simulation.simulate(design, scenario, samples=most, replications=tests)
    without = simulation.simulate(design, equal, samples=most, replications=tests // 4)
    needed = int(np.quantile(found.samples, power))
    means = [float(np.minimum(each.samples, needed).mean()) * scenario.variance_ratio for each in (found, without)]
    return Plan("anytime", ceil(needed * scenario.variance_ratio), means[0], means[1])
