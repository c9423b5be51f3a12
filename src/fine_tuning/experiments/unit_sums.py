"""Sums over the units of a comparison, from which the difference of two means and its variance follow at any time.

A unit is what is independent of all others: a user with all their calls, a question that both models answered, else a
single sample. So pairs, users who come back, and single samples are one case, in any mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fine_tuning.store.records.experiment_json import UnitSumsRecord

Floats = NDArray[np.float64]
Columns = Sequence[float]
COLUMNS = 6  # number of scores, their total and that of the covariate: of the first model, then of the second
_MATRIX = np.zeros((COLUMNS, COLUMNS), dtype=int)  # where the product of two columns is in the upper triangle, by rows
_MATRIX[np.triu_indices(COLUMNS)] = range(COLUMNS * (COLUMNS + 1) // 2)
_MATRIX = np.maximum(_MATRIX, _MATRIX.T)
ROWS: list[list[int]] = _MATRIX.tolist()
Y, X = 1, 2  # the places of both totals among a model's columns
SIDES = (0, 3)  # where the columns of each model begin
_OWN = [[ROWS[side + i][side + j] for i in range(3) for j in range(i, 3)] for side in SIDES]  # products of a model
_COMMON = [[[ROWS[side + i][3 - side + j] for j in range(3)] for i in range(3)] for side in SIDES]  # with the other


class Figure(NamedTuple):
    """A figure of a new sample.

    Attributes:
        measure: its name; None of a score.
        value, covariate: counted from the first ones of the test.
        before: the columns that its unit had of it; None of a unit without any.
        is_late: whether it became known after later samples had come.
    """

    measure: str | None
    value: float
    covariate: float
    before: Columns | None
    is_late: bool = False

    def other_answer(self, side: int) -> float | None:
        """The figure of the other model, where it alone had answered the question, once."""
        mine, its = SIDES[side], SIDES[1 - side]
        is_second = self.before is not None and (self.before[mine], self.before[its]) == (0, 1)
        return self.before[its + 1] if is_second and self.before else None


@dataclass
class UnitSums:
    """Totals over units of their columns, and of the products of each two: the upper triangle, row by row.

    Plain lists, which change by a sample in a fraction of the time that arrays of their size take.
    """

    totals: list[float] = field(default_factory=lambda: [0.0] * COLUMNS)
    products: list[float] = field(default_factory=lambda: [0.0] * (COLUMNS * (COLUMNS + 1) // 2))

    def grow(self, side: int, figure: Figure) -> None:
        """A unit gets a figure of a model (0 or 1): of a new sample, or of one whose score becomes known."""
        y, x, before = figure.value, figure.covariate, figure.before
        first, totals, products = SIDES[side], self.totals, self.products
        nn, ny, nx, yy, yx, xx = _OWN[side]
        totals[first] += 1
        totals[first + Y] += y
        totals[first + X] += x
        size, total, covariate = before[first : first + 3] if before else (0, 0.0, 0.0)
        products[nn] += 2 * size + 1
        products[ny] += total + y * (size + 1)
        products[yy] += y * (2 * total + y)
        if x or covariate:
            products[nx] += covariate + x * (size + 1)
            products[yx] += total * x + y * (covariate + x)
            products[xx] += x * (2 * covariate + x)
        if before and before[other := SIDES[1 - side]]:
            for row, added in zip(_COMMON[side], (1, y, x), strict=True):
                for place, its in zip(row, before[other : other + 3], strict=True):
                    products[place] += added * its

    def add(self, other: UnitSums) -> None:
        """Take other units in."""
        self.totals = [mine + its for mine, its in zip(self.totals, other.totals, strict=True)]
        self.products = [mine + its for mine, its in zip(self.products, other.products, strict=True)]

    @property
    def counts(self) -> tuple[float, float]:
        """The number of scores of each model."""
        return self.totals[0], self.totals[3]

    @property
    def squared_counts(self) -> tuple[float, float]:
        """The sum over units of the square of their number of scores, of each model."""
        return self.products[ROWS[0][0]], self.products[ROWS[3][3]]

    @property
    def shared(self) -> float:
        """The sum over units of the product of their numbers of scores of both models."""
        return self.products[ROWS[0][3]]

    @property
    def effective_units(self) -> tuple[float, float]:
        """The number of units of each model, where those with many scores count for less: n^2 / sum of n_u^2."""
        first, second = (
            count**2 / squared if squared else 0.0
            for count, squared in zip(self.counts, self.squared_counts, strict=True)
        )
        return first, second

    @property
    def information(self) -> float:
        """What the scores tell about the difference of the means, in units of one over the variance of a score."""
        first, second = self.counts
        return first * second / (first + second) if first and second else 0.0

    @property
    def has_covariate(self) -> bool:
        """Whether a sample has one that differs from the first one's."""
        return any(self.products[ROWS[side + X][side + X]] for side in SIDES)

    def without_covariate(self) -> UnitSums:
        """The same as if the samples had none."""
        found = UnitSums([*self.totals], [*self.products])
        for column in (side + X for side in SIDES):
            found.totals[column] = 0.0
            for place in ROWS[column]:
                found.products[place] = 0.0
        return found

    def as_dict(self) -> UnitSumsRecord:
        """The sums as plain JSON values."""
        return {"totals": self.totals, "products": self.products}

    @classmethod
    def of(cls, state: UnitSumsRecord) -> UnitSums:
        """Sums as `as_dict` gave them."""
        return cls([*state["totals"]], [*state["products"]])

    @classmethod
    def of_matrix(cls, totals: Columns, products: Floats) -> UnitSums:
        """Sums of which the products are a symmetric matrix."""
        return cls([*totals], products[np.triu_indices(COLUMNS)].tolist())


def summed(cells: Sequence[UnitSums]) -> UnitSums:
    """All units of several cells."""
    found = UnitSums()
    for cell in cells:
        found.add(cell)
    return found
