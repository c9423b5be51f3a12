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
_ROWS: list[list[int]] = _MATRIX.tolist()
_N, _Y, _X = 0, 1, 2
ROUNDING = 1e-12  # relative error of a variance
_SIDES = (0, 3)  # where the columns of each model begin
_OWN = [[_ROWS[side + i][side + j] for i in range(3) for j in range(i, 3)] for side in _SIDES]  # products of a model
_COMMON = [[[_ROWS[side + i][3 - side + j] for j in range(3)] for i in range(3)] for side in _SIDES]  # with the other


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
        mine, its = _SIDES[side], _SIDES[1 - side]
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
        first, totals, products = _SIDES[side], self.totals, self.products
        nn, ny, nx, yy, yx, xx = _OWN[side]
        totals[first + _N] += 1
        totals[first + _Y] += y
        totals[first + _X] += x
        size, total, covariate = before[first : first + 3] if before else (0, 0.0, 0.0)
        products[nn] += 2 * size + 1
        products[ny] += total + y * (size + 1)
        products[yy] += y * (2 * total + y)
        if x or covariate:
            products[nx] += covariate + x * (size + 1)
            products[yx] += total * x + y * (covariate + x)
            products[xx] += x * (2 * covariate + x)
        if before and before[other := _SIDES[1 - side]]:
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
        return self.products[_ROWS[0][0]], self.products[_ROWS[3][3]]

    @property
    def shared(self) -> float:
        """The sum over units of the product of their numbers of scores of both models."""
        return self.products[_ROWS[0][3]]

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

    def without_covariate(self) -> UnitSums:
        """The same as if the samples had none."""
        found = UnitSums([*self.totals], [*self.products])
        for column in (side + _X for side in _SIDES):
            found.totals[column] = 0.0
            for place in _ROWS[column]:
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


class Difference(NamedTuple):
    """The difference of two means, the second model's less the first's, over cells in which alone they are compared.

    Attributes:
        estimate: the mean of the cells' differences, each with the weight n_a n_b / (n_a + n_b).
        means: of both models over the cells, with the same weights.
        variances: of each model's part of the estimate, and what both have in common by shared units, so that the
            estimate has the variance v_a + v_b - 2 v_ab; nan where a model has one unit alone in a cell.
        units: the effective number of units of each model, n^2 / sum of n_u^2; shared: 1 / n^2 sum of n_ua n_ub.
        scores: of each model.
        cells: compared.
    """

    estimate: float
    means: tuple[float, float]
    variances: tuple[float, float, float]
    units: tuple[float, float]
    shared: float
    scores: tuple[float, float]
    cells: int

    @property
    def variance(self) -> float:
        """Of the estimate; 0 where both models differ by the same in every unit."""
        first, second, common = self.variances
        return _exact(first + second - 2 * common, first + second)


def difference(cells: Sequence[UnitSums]) -> Difference | None:
    """The stratified difference, adjusted for the covariate; None where no cell has scores of both models.

    Within a cell the difference of means, whose variance is that of the sums over units of what each adds to it (the
    delta method for ratios of sums: Deng, Lu, Litz, "Trustworthy analysis of online A/B tests", WSDM 2017). Over cells
    with the weights of Mantel and Haenszel (JNCI 22, 1959), so that a share of traffic that changes with time is no
    difference between the models. The covariate's slope is the one of least variance (CUPED: Deng, Xu, Kohavi, Walker,
    WSDM 2013).
    """
    cells = [cell for cell in cells if min(cell.counts) > 0]
    if not cells:
        return None
    totals = np.array([cell.totals for cell in cells])
    products = np.array([cell.products for cell in cells])[:, _MATRIX]
    counts = totals[:, _SIDES]
    weights = counts[:, 0] * counts[:, 1] / counts.sum(axis=1)
    weights /= weights.sum()
    means = np.stack([totals[:, [side + _Y, side + _X]] / counts[:, [place]] for place, side in enumerate(_SIDES)], 1)
    spread = _spread(products, counts, means, weights)
    slope = _slope(spread)
    of_cells = means[:, :, 0] - slope * (means[:, :, 1] - _middle(means, counts))
    both = weights @ of_cells
    scale = np.array([1.0, -slope])
    parts = np.einsum("i,aibj,j->ab", scale, spread, scale)
    first, second = (_exact(parts[side, side], spread[side, 0, side, 0]) for side in (0, 1))
    sizes, everything = counts.sum(axis=0), products.sum(axis=0)
    return Difference(
        estimate=float(both[1] - both[0]),
        means=(float(both[0]), float(both[1])),
        variances=(first, second, float(parts[0, 1])),
        units=(float(sizes[0] ** 2 / everything[0, 0]), float(sizes[1] ** 2 / everything[3, 3])),
        shared=float(everything[0, 3] / (sizes[0] * sizes[1])),
        scores=(float(sizes[0]), float(sizes[1])),
        cells=len(cells),
    )


def _spread(products: Floats, counts: Floats, means: Floats, weights: Floats) -> Floats:
    """Covariances of the weighted means (model, score or covariate) x (the same): shape 2 x 2 x 2 x 2.

    Unbiased where the units of a cell have equal size: by C / (C - 1), C their effective number.
    """
    influence = np.zeros((len(counts), 2, 2, COLUMNS))  # of a unit's columns on each mean
    for place, side in enumerate(_SIDES):
        for kind, column in enumerate((_Y, _X)):
            influence[:, place, kind, side + _N] = -means[:, place, kind] / counts[:, place]
            influence[:, place, kind, side + column] = 1 / counts[:, place]
        leverage = products[:, side, side] / counts[:, place] ** 2
        left = np.where(leverage < 1, 1 - leverage, np.nan)  # of one unit alone nothing is known
        influence[:, place] /= np.sqrt(left)[:, None, None]
    influence *= weights[:, None, None, None]
    flat = influence.reshape(len(counts), 4, COLUMNS)
    found: Floats = (flat @ products @ flat.transpose(0, 2, 1)).sum(axis=0).reshape(2, 2, 2, 2)
    return found


def _exact(variance: float, before: float) -> float:
    """A variance that is left of another; 0 where it is nothing but its rounding."""
    return 0.0 if variance <= ROUNDING * before else float(variance)


def _slope(spread: Floats) -> float:
    """Of the covariate, with which the difference has the least variance."""
    of_difference = spread[1, :, 1, :] + spread[0, :, 0, :] - spread[0, :, 1, :] - spread[1, :, 0, :]
    return float(of_difference[0, 1] / of_difference[1, 1]) if of_difference[1, 1] > 0 else 0.0


def _middle(means: Floats, counts: Floats) -> float:
    """The mean covariate of all samples, to which the means are adjusted."""
    return float((means[:, :, 1] * counts).sum() / counts.sum())
