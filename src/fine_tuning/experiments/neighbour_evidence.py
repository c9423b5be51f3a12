"""What neighbours say to a claim that all samples support: see `neighbours` and `autocorrelation`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fine_tuning.experiments import autocorrelation
from fine_tuning.experiments.autocorrelation import Products
from fine_tuning.experiments.neighbours import Neighbours
from fine_tuning.experiments.stratified_difference import difference
from fine_tuning.experiments.unit_sums import UnitSums

MIN_INFORMATION = 0.5  # of that of all samples, which neighbours lack where users call many times in a row


class Claim(NamedTuple):
    """That a model has a higher mean.

    Attributes:
        favours: 1 model_b, -1 model_a, 0 none.
        limit: standard errors by which the design shows it.
        least: by how much at least it is higher; below 0 where it is not lower by more than a margin.
    """

    favours: float
    limit: float
    least: float = 0.0


class Evidence(NamedTuple):
    """Of the samples of two models: cells in which all are compared, neighbours, and autocorrelation by stratum."""

    cells: Sequence[UnitSums]
    near: Neighbours
    products: Iterable[Products]

    @property
    def excess(self) -> float:
        """How much more model_b has than among neighbours; 0 where chance explains it."""
        cells = [cell.without_covariate() for cell in self.cells]
        found = difference(cells)
        return self.near.excess(found, self._information) if found is not None else 0.0

    def contradicts(self, claim: Claim) -> bool:
        """Whether a model has more than among neighbours; or, where scores go up and down over time, neighbours alone
        do not show the claim.
        """
        if (excess := self.excess) * claim.favours > 0:
            return True
        return excess == 0 and self._is_needed and not self._shows(claim)

    def _shows(self, claim: Claim) -> bool:
        sign = 1 if claim.favours > 0 else -1
        return sign * self.near.difference - claim.limit * self.near.error > claim.least

    @property
    def _is_needed(self) -> bool:
        """Covariates make all samples tell more than neighbours can."""
        if any(cell.has_covariate for cell in self.cells) or self.near.weight < MIN_INFORMATION * self._information:
            return False
        return autocorrelation.are_alike(self.products)

    @property
    def _information(self) -> float:
        return sum(cell.information for cell in self.cells)
