"""Whether the difference of two models varies over time by more than it is: in cycles, or from then to now.

A comparison of all samples tells the mean difference. Where model_b is better on weekdays and worse on weekends, that
mean is of the days that were observed and recommends nobody. Groups of a few samples that came one right after the
other give differences d of weights w (see `neighbours`); under one difference m the residuals r = w (d - m) have the
mean 0 and are independent. So has the sum of their products within a stretch, (sum r)^2 - sum r^2, whatever their
variances are. It is summed over stretches of 32 units, 64, 128 and so on, and compared with sum r^2 as in Cochran's
test (Biometrics 10, 1954), to be exceeded at any of these sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan, sqrt
from typing import NamedTuple

from scipy.special import gammainccinv

from fine_tuning.experiments.neighbours import SIZE
from fine_tuning.store.records.experiment_json import ChangingEffectRecord, StretchesRecord

ALPHA = 0.004  # of a look, for all sizes together
GROUPS = 8  # of the shortest stretch
LEAST_GROUPS = 64  # of all stretches, before the spread of scores is known well enough
LEAST_STRETCHES = 2
COLUMNS = 5  # of a stretch: sums of w and w d, and of w^2, w^2 d and w^2 d^2


class Variation(NamedTuple):
    """Of the difference over time: its standard deviation between stretches of so many units."""

    deviation: float
    units: int


@dataclass
class Stretches:
    """All stretches of a size.

    Attributes:
        count: of them; first: the sums of the one that waits for a second, with which it is one of twice the size.
        products, squares: of all, as polynomials in m: sums of (sum r)^2 - sum r^2, and of r^2.
    """

    count: int = 0
    first: list[float] = field(default_factory=list)
    products: list[float] = field(default_factory=lambda: [0.0] * 3)
    squares: list[float] = field(default_factory=lambda: [0.0] * 3)

    def add(self, sums: list[float]) -> list[float] | None:
        """Count a stretch. Returns the one of twice the size that it completes."""
        weight, weighted, *squares = sums
        self.count += 1
        both = weight**2, weight * weighted, weighted**2
        self.products = [old + a - b for old, a, b in zip(self.products, both, squares, strict=True)]
        self.squares = [old + new for old, new in zip(self.squares, squares, strict=True)]
        if not self.first:
            self.first = sums
            return None
        whole = [a + b for a, b in zip(self.first, sums, strict=True)]
        self.first = []
        return whole

    def excess(self, mean: float, alpha: float) -> float:
        """By how much the statistic exceeds its limit, relative to that; 0 where chance explains it."""
        spread = _at(self.squares, mean)
        if self.count < LEAST_STRETCHES or not spread > 0:
            return 0.0
        limit = 2 * float(gammainccinv((self.count - 1) / 2, alpha))
        return max(0.0, self.count * (1 + _at(self.products, mean) / spread) / limit - 1)

    def variance(self, mean: float) -> float:
        """Of the differences between stretches."""
        return max(0.0, _at(self.products, mean) / self.products[0]) if self.products[0] > 0 else 0.0


@dataclass
class ChangingEffect:
    """Differences among neighbours over time, of the first scores of units alone, which are independent.

    Attributes:
        sizes: stretches of `GROUPS` groups, of twice as many, and so on.
        stretch: the sums of the shortest one that is not complete, and its number of groups.
        group: number and total of the scores of each model in the group that is not complete.
        weight, weighted: sums of w and w d of all complete stretches.
    """

    sizes: list[Stretches] = field(default_factory=list)
    stretch: list[float] = field(default_factory=lambda: [0.0] * (COLUMNS + 1))
    group: list[float] = field(default_factory=lambda: [0.0] * 4)
    weight: float = 0.0
    weighted: float = 0.0

    def add(self, side: int, score: float) -> None:
        """The score of a model (0 or 1), in the order in which they become known."""
        self.group[2 * side] += 1
        self.group[2 * side + 1] += score
        first, total_a, second, total_b = self.group
        if first + second < SIZE:
            return
        self.group = [0.0] * 4
        weight = first * second / SIZE
        apart = total_b / second - total_a / first if weight else 0.0
        new = (weight, weight * apart, weight**2, weight**2 * apart, (weight * apart) ** 2, 1)
        self.stretch = [old + each for old, each in zip(self.stretch, new, strict=True)]
        if self.stretch[-1] >= GROUPS:
            self._end()

    def _end(self) -> None:
        """The stretch is complete; of two that are, one of twice the size is."""
        sums: list[float] | None = self.stretch[:COLUMNS]
        self.stretch = [0.0] * (COLUMNS + 1)
        self.weight, self.weighted = self.weight + (sums or [0.0])[0], self.weighted + (sums or [0.0, 0.0])[1]
        size = 0
        while sums is not None:
            if size == len(self.sizes):
                self.sizes.append(Stretches())
            sums = self.sizes[size].add(sums)
            size += 1

    @property
    def mean(self) -> float:
        """The difference in all complete stretches; nan of none."""
        return self.weighted / self.weight if self.weight else nan

    def variation(self) -> Variation | None:
        """How the difference varies, if it does by more than its mean; None where chance explains it."""
        known = [each for each in self.sizes if each.count >= LEAST_STRETCHES]
        if not known or not self.weight or self.sizes[0].count * GROUPS < LEAST_GROUPS:
            return None
        mean, alpha = self.mean, ALPHA / len(known)
        found = [(each.excess(mean, alpha), at) for at, each in enumerate(known)]
        most, at = max(found)
        variance = known[at].variance(mean)
        if not most or variance <= mean**2:
            return None
        return Variation(sqrt(variance), SIZE * GROUPS * 2**at)

    def as_dict(self) -> ChangingEffectRecord:
        """The sums as plain JSON values."""
        sizes: list[StretchesRecord] = [
            {"count": each.count, "first": each.first, "products": each.products, "squares": each.squares}
            for each in self.sizes
        ]
        return {
            "sizes": sizes,
            "stretch": self.stretch,
            "group": self.group,
            "weight": self.weight,
            "weighted": self.weighted,
        }

    @classmethod
    def of(cls, state: ChangingEffectRecord) -> ChangingEffect:
        """Sums as `as_dict` gave them."""
        sizes = [Stretches(**each) for each in state["sizes"]]
        return cls(sizes, state["stretch"], state["group"], state["weight"], state["weighted"])


def _at(polynomial: Sequence[float], mean: float) -> float:
    """The sum of squares w^2 (d - m)^2, or of products, from the sums of w^2, w^2 d and w^2 d^2."""
    constant, linear, square = polynomial
    return square - 2 * mean * linear + mean**2 * constant
