"""Whether a model is not worse than another by more than a margin, on the same examples; for several models at once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf, isnan, nan, sqrt
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from fine_tuning.evaluation.intervals import Interval, clustered_error

ALPHA = 0.025  # one-sided, so that a single interval is one of 95 %
POWER = 0.8
_NEARLY = 1 - 1e-9  # of the range of a difference


@dataclass(frozen=True)
class PairedScores:
    """The scores of an incumbent and of a candidate on the same examples.

    Bound and p-value are of one test: `lower(alpha)` exceeds -margin exactly where `p_value(margin)` is below alpha.
    Binary scores have Tango's score test, others and examples in clusters Student's t.

    Source: Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998).

    Attributes:
        incumbent, candidate: scores in the order of the examples, in the range `bounds`.
        clusters: of examples that may be correlated, such as the turns of a conversation; None where none are.
    """

    incumbent: Sequence[float]
    candidate: Sequence[float]
    bounds: Interval = (0.0, 1.0)
    clusters: Sequence[Hashable] | None = None

    @property
    def estimate(self) -> float:
        """Candidate minus incumbent; nan without examples."""
        return float(np.mean(self._apart)) if len(self._apart) else nan

    @property
    def discordant(self) -> float:
        """The share of examples on which the scores differ; nan without examples."""
        return float(np.mean(self._apart != 0)) if len(self._apart) else nan

    def p_value(self, margin: float) -> float:
        """One-sided, of "the candidate is worse by the margin or more"; nan of too few examples."""
        if self._is_binary:
            return float(ndtr(-self._tango(-margin)))
        centre, error, count = self._error
        if count < 2:
            return nan
        if not error > 0:
            return self._of_equal(centre, margin, count)
        return float(stdtr(count - 1, -(centre + margin) / error))

    def lower(self, alpha: float = ALPHA) -> float:
        """The one-sided bound of the difference at alpha; nan of too few examples."""
        return self._bound(alpha, -1)

    def upper(self, alpha: float = ALPHA) -> float:
        """The bound on the other side."""
        return self._bound(alpha, 1)

    @cached_property
    def _apart(self) -> np.ndarray:
        return np.subtract(self.candidate, self.incumbent)

    @cached_property
    def _is_binary(self) -> bool:
        values = {*self.incumbent, *self.candidate}
        return self.clusters is None and bool(values) and values <= {0, 1}

    @cached_property
    def _error(self) -> tuple[float, float, int]:
        groups: Sequence[Hashable] = range(len(self._apart)) if self.clusters is None else self.clusters
        return clustered_error(self._apart.tolist(), groups)

    def _bound(self, alpha: float, side: int) -> float:
        if self._is_binary:
            return self._tango_bound(float(ndtri(1 - alpha)), side)
        centre, error, count = self._error
        if count < 2:
            return nan
        spread = self.bounds[1] - self.bounds[0]
        if not error > 0:  # other differences may be as rare as none in `count` allows
            rare = 1 - float(alpha ** (1 / count))
            return centre + side * rare * (spread - side * centre)
        bound: float = centre + side * float(stdtrit(count - 1, 1 - alpha)) * error
        return max(-spread, min(spread, bound))

    def _of_equal(self, centre: float, margin: float, count: int) -> float:
        """The p-value where all differences are equal: the chance that none is seen of those that would explain it."""
        spread = self.bounds[1] - self.bounds[0]
        share = (centre + margin) / (spread + centre) if spread + centre > 0 else 0.0
        return float((1 - min(1.0, max(0.0, share))) ** count)

    def _tango(self, difference: float) -> float:
        """The score statistic of a true difference."""
        n, gained, lost = len(self._apart), int((self._apart > 0).sum()), int((self._apart < 0).sum())
        variance = n * _variance(difference, gained / n, lost / n)
        apart = gained - lost - n * difference
        if variance <= 0:
            return 0.0 if apart == 0 else inf if apart > 0 else -inf
        return apart / sqrt(variance)

    def _tango_bound(self, z: float, side: int) -> float:
        end = side * _NEARLY
        if (self._tango(end) + side * z) * side > 0:
            return float(side)
        low, high = min(self.estimate, end), max(self.estimate, end)
        found: float = brentq(lambda difference: self._tango(difference) + side * z, low, high, xtol=1e-9)
        return found


def _variance(difference: float, gained: float, lost: float) -> float:
    """Of one example's difference, the most likely one if its mean is `difference`, where these shares were seen."""
    b = difference * (2 - gained + lost) - (gained + lost)
    c = -lost * difference * (1 - difference)
    rate = (sqrt(max(0.0, b * b - 8 * c)) - b) / 4  # of examples lost
    return 2 * rate + difference * (1 - difference)


class HolmStep(NamedTuple):
    """Whether a hypothesis is rejected, and the alpha at which it was tested: its interval is taken at that alpha."""

    is_rejected: bool
    alpha: float


def holm(p_values: Sequence[float], alpha: float = ALPHA) -> list[HolmStep]:
    """Test several hypotheses so that the chance of rejecting any true one is at most alpha.

    The smallest p-value is tested at alpha / m, the next at alpha / (m - 1), and so on until one is not rejected, at
    whose alpha all others are reported, so that bounds and rejections never contradict each other. An unknown p-value
    (nan) is not rejected, and counts among the m.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    order = sorted(range(len(p_values)), key=lambda at: inf if isnan(p_values[at]) else p_values[at])
    found: dict[int, HolmStep] = {}
    is_going, level = True, alpha
    for rank, at in enumerate(order):
        if is_going:
            level = alpha / (len(p_values) - rank)
            is_going = p_values[at] < level
        found[at] = HolmStep(is_going, level)
    return [found[at] for at in range(len(p_values))]


def power(examples: int, margin: float, discordant: float, alpha: float = ALPHA) -> float:
    """The chance that an equally good model is shown not to be worse by the margin.

    Args:
        discordant: the share of examples on which both scores differ, 0 to 1.
        alpha: of this model's test, a share of the whole where several are tested.

    Source: Tango (see `PairedScores`), section 5: the test's variance is that under a difference of the margin, which
    is larger than that of an equally good model; by the normal approximation.
    """
    beyond = margin * sqrt(examples) - _threshold(margin, discordant, alpha)
    return float(ndtr(beyond / sqrt(discordant))) if discordant > 0 else float(beyond > 0)


def _threshold(margin: float, discordant: float, alpha: float) -> float:
    """What the test asks of the mean difference and the margin together, times the root of the number of examples."""
    return float(ndtri(1 - alpha)) * sqrt(_variance(-margin, discordant / 2, discordant / 2))


def examples_needed(margin: float, discordant: float, alpha: float = ALPHA, chance: float = POWER) -> int:
    """How many examples give this power; see `power`."""
    wanted = _threshold(margin, discordant, alpha) + float(ndtri(chance)) * sqrt(discordant)
    return max(1, ceil((wanted / margin) ** 2))
