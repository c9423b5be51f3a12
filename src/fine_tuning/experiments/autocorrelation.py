"""Whether figures of units that begin one after the other are alike, as where questions get easier and harder again.

Only then can a share of the traffic that goes up and down mislead: the difference between equal models is the
covariance of the share and the mean over time. The products of two residuals within groups of a few units, whose mean
is 0 without autocorrelation, whatever the distribution of the figures and the difference of randomly assigned models.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

SIZE = 4  # units of a group
LIMIT = 1.6  # standard deviations of the sum of products
ROUNDING = 1e-9  # relative error of the running sums


class Products(NamedTuple):
    """The sum over groups of the products of every two residuals, and its variance without autocorrelation."""

    total: float
    variance: float


@dataclass
class Autocorrelation:
    """Sums over groups of units.

    Attributes:
        sums: number of groups, total of the figures, of their squares, and of the squared totals of groups.
        group: number and total of the figures, and of their squares, in the group that is not complete.
    """

    sums: list[float] = field(default_factory=lambda: [0.0] * 4)
    group: list[float] = field(default_factory=lambda: [0.0] * 3)

    def add(self, value: float) -> None:
        """The first figure of a unit, in the order in which units begin."""
        count, total, squares = self.group[0] + 1, self.group[1] + value, self.group[2] + value**2
        self.group = [count, total, squares]
        if count == SIZE:
            self.group = [0.0] * 3
            added = (1.0, total, squares, total**2)
            self.sums = [old + new for old, new in zip(self.sums, added, strict=True)]

    @property
    def products(self) -> Products:
        """Of the residuals about the mean of all."""
        groups, total, squares, squared_totals = self.sums
        if not groups:
            return Products(0.0, 0.0)
        mean = total / (SIZE * groups)
        spread = squares / (SIZE * groups) - mean**2
        if not spread > ROUNDING * mean**2:
            return Products(0.0, 0.0)
        apart = squared_totals - groups * (SIZE * mean) ** 2 - SIZE * groups * spread
        return Products(apart, 2 * SIZE * (SIZE - 1) * groups * spread**2)

    def as_list(self) -> list[float]:
        """The sums as plain JSON values."""
        return [*self.sums, *self.group]

    @classmethod
    def of(cls, state: list[float]) -> Autocorrelation:
        """Sums as `as_list` gave them; of an earlier version, which had none, the beginning."""
        return cls(state[:4], state[4:]) if state else cls()


def are_alike(parts: Iterable[Products]) -> bool:
    """Whether the figures of several strata are more alike within groups than by chance."""
    found = [*parts]
    return sum(each.total for each in found) > LIMIT * sqrt(sum(each.variance for each in found))
