"""The difference of two rates by their likelihood: the signed root of the deviance, and the interval that inverts it.

Near 0 and 1 an estimated rate is far from normal, and so is its estimated variance: 500 right answers of 500 have none.
The signed root of the likelihood ratio is nearly normal there too (Barndorff-Nielsen, Cox, "Inference and Asymptotics",
1994, chapter 3), with the likeliest rates that differ by so much as the test says (Miettinen, Nurminen, "Comparative
analysis of two rates", Statistics in Medicine 4, 1985).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import rel_entr

from fine_tuning.store.records.experiment_json import RatesRecord

DOUBLINGS = 60  # of a multiplier, beyond which the likeliest rates are at the ends of the scale
Figures = Any  # floats: one test's, or arrays of those of many


@dataclass(frozen=True)
class Rates:
    """Two rates, and of how many independent answers they tell.

    Attributes:
        first, second: of both models, 0 to 1; of bounded scores their means on that scale.
        sizes: the numbers of right or wrong answers whose rates have the variances of these: fewer than the answers
            where those of a user are alike, more where scores differ by less than from end to end.
        spread: between the ends of the scale.
    """

    first: float
    second: float
    sizes: tuple[float, float]
    spread: float = 1.0

    @property
    def root(self) -> float:
        """The signed root of the deviance of equal rates."""
        return float(signed_root((self.first, self.second), self.sizes))

    @property
    def skewness(self) -> float:
        """Of the estimated difference, where scores are as skewed as right and wrong answers of these rates."""
        thirds, variance = [], 0.0
        for rate, size in zip((self.first, self.second), self.sizes, strict=True):
            smoothed = (size * rate + 1) / (size + 2)
            thirds.append(smoothed * (1 - smoothed) * (1 - 2 * smoothed) / size**2)
            variance += smoothed * (1 - smoothed) / size
        return float((thirds[1] - thirds[0]) / variance**1.5)

    def difference(self, root: float) -> float:
        """The difference of the scores whose deviance has this signed root: positive below the one that was found.

        The likeliest rates follow from the multiplier of the constraint that they differ by so much; the difference
        falls with it and the deviance grows.
        """
        if not root:
            return self.spread * (self.second - self.first)
        sign = 1 if root > 0 else -1

        def excess(multiplier: float) -> float:
            likeliest, found = self._likeliest(sign * multiplier), 0.0
            for rate, other, size in zip((self.first, self.second), likeliest, self.sizes, strict=True):
                found += 2 * size * float(_divergence(rate, other))
            return sqrt(max(0.0, found)) - abs(root)

        farthest = abs(root) * sqrt(min(self.sizes))
        for _ in range(DOUBLINGS):
            if excess(farthest) >= 0:
                first, second = self._likeliest(sign * float(brentq(excess, 0.0, farthest, rtol=1e-12)))
                return self.spread * (second - first)
            farthest *= 2
        return -sign * self.spread

    def _likeliest(self, multiplier: float) -> tuple[float, float]:
        first, second = self.sizes
        return _moved(self.first, first, multiplier), _moved(self.second, second, -multiplier)

    def moved(self, difference: float, wider: float) -> Rates:
        """With another difference of the scores, and so many times the variance."""
        second = min(max(self.first + difference / self.spread, 0.0), 1.0)
        return Rates(self.first, second, (self.sizes[0] / wider, self.sizes[1] / wider), self.spread)

    def as_list(self) -> RatesRecord:
        """The rates as plain JSON values."""
        return [self.first, self.second, *self.sizes, self.spread]

    @classmethod
    def of(cls, state: RatesRecord) -> Rates:
        """Rates as `as_list` gave them."""
        first, second, size, other, spread = state
        return cls(first, second, (size, other), spread)


def signed_root(rates: tuple[Figures, Figures], sizes: tuple[Figures, Figures]) -> Figures:
    """The signed root of the deviance of equal rates: nearly normal; positive where the second one is higher.

    Args:
        sizes: see `Rates`.
    """
    (p, q), (m, n) = rates, sizes
    both = (m * p + n * q) / (m + n)
    deviance = 2 * (m * _divergence(p, both) + n * _divergence(q, both))
    return np.copysign(np.sqrt(np.maximum(0.0, deviance)), q - p)


def _moved(rate: float, size: float, multiplier: float) -> float:
    """The x between 0 and 1 of size (x - rate) = multiplier x (1 - x)."""
    linear = size - multiplier
    root = sqrt(max(0.0, linear**2 + 4 * multiplier * size * rate))
    found = 2 * size * rate / (linear + root) if linear > 0 else (root - linear) / (2 * multiplier)
    return min(max(found, 0.0), 1.0)  # in spite of rounding


def _divergence(rate: Figures, other: Figures) -> Figures:
    """Of right or wrong answers at this rate from those at another (Kullback, Leibler)."""
    return rel_entr(rate, other) + rel_entr(1 - rate, 1 - other)
