"""The difference of two models among neighbours alone: groups of a few samples that came one right after the other,
and pairs of answers to a question.

Where the share of the traffic goes up and down along with the scores, within a block of time, equal models differ in
the block. Among neighbours they hardly do, for they are of nearly the same time, at the price of a part of the
information. Without such cycles both estimates are of the same difference, and the variance of the distance between
them is the difference of their variances (Hausman, "Specification tests in econometrics", Econometrica 46, 1978).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import nan, sqrt

from fine_tuning.experiments.stratified_difference import Difference

SIZE = 4  # samples of a group
MIN_WEIGHT = 5.0  # of all groups; each has 0.75 or 1, a pair 0.5
LEAST = 0.25  # of the variance that lost information adds, where rounding and users make it less
LIMIT = 2.7  # standard errors by which a difference in favour of a model exceeds that among neighbours


@dataclass
class Neighbours:
    """Sums over groups with scores of both models: of weights w = n_a n_b / (n_a + n_b) and differences d of the means.

    Attributes:
        weight: sum of w; weighted: of w d; squares: of w^2, w^2 d and w^2 d^2.
        shares: sums over groups, not over pairs, of w^2 / n_a and w^2 / n_b, by which the variances of both models'
            scores are in that of the difference.
        group: number and total of the figures of each model in the group that is not complete.
    """

    weight: float = 0.0
    weighted: float = 0.0
    squares: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    group: list[float] = field(default_factory=lambda: [0.0] * 4)
    shares: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def add(self, side: int, value: float) -> None:
        """The figure of a sample of a model (0 or 1), in the order in which samples come."""
        self.group[2 * side] += 1
        self.group[2 * side + 1] += value
        first, total_a, second, total_b = self.group
        if first + second < SIZE:
            return
        self.group = [0.0] * 4
        if first and second:
            weight = first * second / SIZE
            self._count(weight, total_b / second - total_a / first)
            self.shares = [old + weight**2 / n for old, n in zip(self.shares, (first, second), strict=True)]

    def add_pair(self, first: float, second: float) -> None:
        """The figures of both models for a question, whenever that was."""
        self._count(0.5, second - first)

    def _count(self, weight: float, apart: float) -> None:
        self.weight += weight
        self.weighted += weight * apart
        self.squares = [old + weight**2 * apart**power for power, old in enumerate(self.squares)]

    @property
    def difference(self) -> float:
        """The mean of model_b less that of model_a; nan of nothing."""
        return self.weighted / self.weight if self.weight else nan

    @property
    def error(self) -> float:
        """The standard error of the difference; nan of nothing."""
        constant, linear, square = self.squares
        spread = square - 2 * self.difference * linear + self.difference**2 * constant
        return sqrt(max(0.0, spread)) / self.weight if self.weight else nan

    def excess(self, found: Difference, information: float) -> float:
        """How far the difference over all samples is from that of neighbours; 0 where chance explains it.

        Args:
            information: of all samples that were compared, the sum over cells of n_a n_b / (n_a + n_b).
        """
        if self.weight < MIN_WEIGHT:
            return 0.0
        lost = max(1 - self.weight / information, 1 / SIZE)  # of the information
        of_near = self._variance(found)
        apart = found.estimate - self.difference
        return apart if abs(apart) > LIMIT * sqrt(max(of_near - found.variance, LEAST * lost * of_near)) else 0.0

    def _variance(self, found: Difference) -> float:
        """Of the difference, by the variances of all scores where groups tell: their own has a part of their chance,
        since neighbours without a rare answer have neither a difference nor a spread.
        """
        if not all(self.shares):
            return self.error**2
        single = [units * each for units, each in zip(found.units, found.variances[:2], strict=True)]
        return sum(share * each for share, each in zip(self.shares, single, strict=True)) / self.weight**2

    def as_list(self) -> list[float]:
        """The sums as plain JSON values."""
        return [self.weight, self.weighted, *self.squares, *self.group, *self.shares]

    @classmethod
    def of(cls, state: list[float]) -> Neighbours:
        """Sums as `as_list` gave them; of an earlier version, which had none, the beginning."""
        return cls(state[0], state[1], state[2:5], state[5:9], state[9:] or [0.0, 0.0]) if state else cls()


def together(parts: Iterable[Neighbours]) -> Neighbours:
    """All complete groups of several sums."""
    found = Neighbours()
    for each in parts:
        found.weight += each.weight
        found.weighted += each.weighted
        found.squares = [mine + its for mine, its in zip(found.squares, each.squares, strict=True)]
        found.shares = [mine + its for mine, its in zip(found.shares, each.shares, strict=True)]
    return found
