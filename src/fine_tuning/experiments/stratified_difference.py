"""The difference of two models' means over cells, and its variance, from the sums over their units."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt
from typing import NamedTuple

from fine_tuning.experiments.unit_sums import ROWS, SIDES, UnitSums, X, Y, summed

ROUNDING = 1e-12  # relative error of a variance
Covariances = dict[tuple[int, int], float]  # of each two means, by the columns of their totals


class _Mean(NamedTuple):
    """Of a column in a cell.

    Attributes:
        side, column: where the model's number of scores is, and the column's total.
        pull: of one more in the total on the weighted mean.
    """

    side: int
    column: int
    value: float
    pull: float


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
        return exact(first + second - 2 * common, first + second)


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
    whole = sum(cell.information for cell in cells)
    weights = [cell.information / whole for cell in cells]
    spread = _spread(cells, weights)
    slope, everything = _slope(spread), summed(cells)
    (n_a, n_b), (squares_a, squares_b) = everything.counts, everything.squared_counts
    middle = sum(everything.totals[side + X] for side in SIDES) / (n_a + n_b)
    mean_a, mean_b = (
        sum(weight * _adjusted(cell, side, slope, middle) for weight, cell in zip(weights, cells, strict=True))
        for side in SIDES
    )
    return Difference(
        estimate=mean_b - mean_a,
        means=(mean_a, mean_b),
        variances=_variances(spread, slope),
        units=(n_a**2 / squares_a, n_b**2 / squares_b),
        shared=everything.shared / (n_a * n_b),
        scores=(n_a, n_b),
        cells=len(cells),
    )


def _adjusted(cell: UnitSums, side: int, slope: float, middle: float) -> float:
    """A model's mean score in a cell, as if its mean covariate were that of all samples."""
    count = cell.totals[side]
    return cell.totals[side + Y] / count - slope * (cell.totals[side + X] / count - middle)


def _spread(cells: Sequence[UnitSums], weights: Sequence[float]) -> Covariances:
    """Covariances of the weighted means of both models' scores and covariates.

    Unbiased where the units of a cell have equal size: by C / (C - 1), C their effective number.
    """
    found = {(first + i, second + j): 0.0 for first in SIDES for i in (Y, X) for second in SIDES for j in (Y, X)}
    for cell, weight in zip(cells, weights, strict=True):
        means, products = _means(cell, weight), cell.products
        for place, (side, column, value, pull) in enumerate(means):
            for other in means[place:]:
                common = products[ROWS[column][other.column]] - value * products[ROWS[side][other.column]]
                common -= other.value * (products[ROWS[column][other.side]] - value * products[ROWS[side][other.side]])
                found[column, other.column] += pull * other.pull * common
    return found | {(second, first): value for (first, second), value in found.items() if first < second}


def _means(cell: UnitSums, weight: float) -> list[_Mean]:
    """Of both models' scores in a cell of this weight, and of their covariates where there are any."""
    kinds = (Y, X) if any(cell.totals[side + X] or cell.products[ROWS[side + X][side + X]] for side in SIDES) else (Y,)
    found = []
    for side in SIDES:
        count = cell.totals[side]
        left = 1 - cell.products[ROWS[side][side]] / count**2
        pull = weight / count / sqrt(left) if left > 0 else nan  # of one unit alone nothing is known
        found += [_Mean(side, side + kind, cell.totals[side + kind] / count, pull) for kind in kinds]
    return found


def _slope(spread: Covariances) -> float:
    """Of the covariate, with which the difference has the least variance."""
    a, b = SIDES
    of_both = spread[b + Y, b + X] + spread[a + Y, a + X] - spread[a + Y, b + X] - spread[b + Y, a + X]
    apart = spread[b + X, b + X] + spread[a + X, a + X]
    of_covariate = exact(apart - 2 * spread[a + X, b + X], apart)
    return of_both / of_covariate if of_covariate > 0 else 0.0


def _variances(spread: Covariances, slope: float) -> tuple[float, float, float]:
    """See `Difference`, after the covariate is taken away."""

    def of(first: int, second: int) -> float:
        without = spread[first + Y, second + Y]
        crossed = spread[first + Y, second + X] + spread[first + X, second + Y]
        return without - slope * crossed + slope**2 * spread[first + X, second + X]

    a, b = SIDES
    first, second = (exact(of(each, each), spread[each + Y, each + Y]) for each in (a, b))
    most = sqrt(first * second)  # of what both have in common: of nothing, nothing but rounding
    return first, second, max(-most, min(of(a, b), most))


def exact(variance: float, before: float) -> float:
    """A variance that is left of another; 0 where it is nothing but its rounding."""
    return 0.0 if variance <= ROUNDING * before else variance
