"""Intervals of a bounded mean by betting, valid at every sample from the first.

Source: Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024): the hedged
capital process with the predictable plug-in bets of its equations 26 and 32.
"""

from __future__ import annotations

from math import log, sqrt
from typing import cast

import numpy as np

from fine_tuning.store.records.experiment_json import WealthRecord

GRID = np.linspace(0.0, 1.0, 201)  # the means that are bet against
MAX_STAKE = 0.5  # of the capital in one bet


class Wealth:
    """The capital of a gambler against each mean of the grid, after samples between 0 and 1.

    Attributes:
        peak: ln of the most capital there was so far; a mean is rejected at `alpha` where it is at least ln(1/alpha).
    """

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self.count = 0
        self._total = 0.0
        self._spread = 0.25  # sum of squared distances from the running mean, with one made-up sample
        self._up = np.zeros(len(GRID))
        self._down = np.zeros(len(GRID))
        self.peak = np.zeros(len(GRID))

    def bet(self, value: float) -> None:
        """Add a sample between 0 and 1."""
        self.count += 1
        stake = sqrt(2 * log(2 / self._alpha) / (self._spread * log(1 + self.count)))
        apart = value - GRID
        with np.errstate(divide="ignore"):
            self._up += np.log1p(np.minimum(stake, MAX_STAKE / GRID) * apart)
            self._down += np.log1p(-np.minimum(stake, MAX_STAKE / (1 - GRID)) * apart)
        np.maximum(self.peak, np.maximum(self._up, self._down) - log(2), out=self.peak)
        self._total += value
        self._spread += (value - (0.5 + self._total) / (self.count + 1)) ** 2

    def interval(self, alpha: float) -> tuple[float, float]:
        """The means that no look so far has rejected, from the lowest to the highest; (nan, nan) where none is left."""
        left = np.flatnonzero(self.peak < log(1 / alpha))
        if not len(left):
            return float("nan"), float("nan")
        return float(GRID[max(left[0] - 1, 0)]), float(GRID[min(left[-1] + 1, len(GRID) - 1)])

    def log_e_value(self, mean: float) -> float:
        """ln of the evidence against this mean of the grid."""
        return float(self.peak[round(mean * (len(GRID) - 1))])

    def as_dict(self) -> WealthRecord:
        """The state as plain JSON values."""
        arrays = {name: getattr(self, name).tolist() for name in ("_up", "_down", "peak")}
        numbers = {name: getattr(self, name) for name in ("_alpha", "count", "_total", "_spread")}
        return cast("WealthRecord", numbers | arrays)

    @classmethod
    def of(cls, state: WealthRecord) -> Wealth:
        """A state as `as_dict` gave it."""
        found = cls(state["_alpha"])
        for name, value in state.items():
            setattr(found, name, np.array(value) if isinstance(value, list) else value)
        return found
