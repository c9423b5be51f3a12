"""Group sequential tests: planned looks, with an error spending function.

The statistic at information fraction t is a Brownian motion with drift, seen at the looks. Boundaries and crossing
probabilities follow from its density between the looks by numerical integration (Armitage, McPherson, Rowe, "Repeated
significance tests on accumulating data", JRSS A 132, 1969; Jennison, Turnbull, "Group Sequential Methods", 2000,
chapter 19). Both sides of a two-sided test spend half of alpha each (Lan, DeMets, "Discrete sequential boundaries for
clinical trials", Biometrika 70, 1983).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

SPENDING = ("t2", "obrien_fleming")
NODES = 128  # of Gauss and Legendre; boundaries are exact to more digits than tables have
MAX_DEVIATIONS = 9.0  # standard deviations: nothing lies beyond
Floats = NDArray[np.float64]


def spent(fraction: float, alpha: float, spending: str) -> float:
    """The part of one side's error (`alpha` / 2) that may be spent up to an information fraction (0 to 1).

    t2: alpha/2 t^2 (Kim, DeMets, "Design and analysis of group sequential tests based on the type I error spending rate
    function", Biometrika 74, 1987); obrien_fleming: 2 - 2 Phi(z / sqrt(t)), z the 1 - alpha/4 quantile (Lan, DeMets).
    """
    side, fraction = alpha / 2, min(fraction, 1.0)
    if fraction <= 0:
        return 0.0
    if spending == "t2":
        return side * fraction**2
    return float(2 * ndtr(-ndtri(1 - side / 2) / sqrt(fraction)))


@lru_cache(maxsize=256)
def boundaries(fractions: tuple[float, ...], alpha: float, spending: str) -> tuple[float, ...]:
    """The |z| from which each look stops the test.

    Args:
        fractions: of the planned information at each look so far, ascending, at most 1.
        alpha: two-sided.
        spending: one of `SPENDING`.
    """
    found: list[float] = []
    at, density = _start()
    before = used = 0.0
    for fraction in fractions:
        step = sqrt(fraction - before)
        budget = spent(fraction, alpha, spending) - used
        found.append(_boundary(at, density, step, budget) / sqrt(fraction))
        edge = found[-1] * sqrt(fraction)
        used += float(density @ ndtr(-(edge - at) / step))
        at, density = _moved(at, density, step, 0.0, -edge, edge)
        before = fraction
    return tuple(found)


def crossing(
    fractions: Sequence[float], limits: Sequence[float], drift: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The probabilities of leaving upwards and downwards at each look, where z has mean `drift` at fraction 1."""
    ups, downs = np.empty(len(fractions)), np.empty(len(fractions))
    at, density = _start()
    before = 0.0
    for place, (fraction, limit) in enumerate(zip(fractions, limits, strict=True)):
        step, edge = sqrt(fraction - before), limit * sqrt(fraction)
        mean = drift * (fraction - before)
        ups[place] = density @ ndtr((at + mean - edge) / step)
        downs[place] = density @ ndtr((-edge - at - mean) / step)
        at, density = _moved(at, density, step, mean, -edge, edge)
        before = fraction
    return ups, downs


@lru_cache(maxsize=1)
def _nodes() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return nodes, weights


def _start() -> tuple[Floats, Floats]:
    """All mass at 0."""
    return np.zeros(1), np.ones(1)


def _boundary(at: Floats, density: Floats, step: float, budget: float) -> float:
    """The edge beyond which exactly `budget` of the mass lies after the next step."""
    farthest = float(np.max(at)) + MAX_DEVIATIONS * step
    if budget <= 0 or float(density @ ndtr(-(farthest - at) / step)) >= budget:
        return farthest
    return float(brentq(lambda edge: float(density @ ndtr(-(edge - at) / step)) - budget, 0.0, farthest, xtol=1e-10))


def _moved(at: Floats, density: Floats, step: float, mean: float, low: float, high: float) -> tuple[Floats, Floats]:
    """The mass that stays between two edges after a step: nodes, and the mass that each stands for."""
    nodes, weights = _nodes()
    places = (high - low) / 2 * nodes + (high + low) / 2
    apart = (places[:, None] - at[None, :] - mean) / step
    kernel = np.exp(-0.5 * apart**2) / (sqrt(2 * np.pi) * step)
    return places, (kernel @ density) * weights * (high - low) / 2
