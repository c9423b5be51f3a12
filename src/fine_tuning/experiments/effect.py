"""The difference of two models in a score or a measure, and what planned looks found of it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from math import inf

from fine_tuning.experiments import small_sample_corrections


@dataclass(frozen=True)
class Effect:
    """The difference in score or measure, model_b less model_a.

    Attributes:
        estimate: of the difference of means; nan while unknown.
        variance: of the estimate.
        null_variance: of the estimate if both models were equally good, for tests.
        n: independent observations behind it (samples of both, pairs, or clusters); planned: those of a usual test.
        is_ready: whether there are enough for an approximation.
        degrees: of freedom of the variance; inf where it follows from the rates alone.
        skewness: of the estimate; 0 where unknown.
    """

    estimate: float
    variance: float
    null_variance: float
    _: KW_ONLY
    n: int
    planned: float
    is_ready: bool
    degrees: float = inf
    skewness: float = 0.0

    def interval(self, limit: float) -> tuple[float, float]:
        """The interval of so many standard errors, adjusted for few observations and skewness."""
        return small_sample_corrections.bounds(self.estimate, self.variance, self.degrees, self.skewness, limit)

    def score(self, variance: float) -> float:
        """The estimate as a normal score, by this variance."""
        return small_sample_corrections.normal_score(self.estimate, variance, self.degrees, self.skewness)


@dataclass
class Look:
    """A planned look: samples per model (or pairs); the estimate, its variance, degrees of freedom and skewness; z."""

    size: int
    estimate: float
    variance: float
    z: float
    degrees: float | None = None
    skewness: float = 0.0

    def interval(self, limit: float) -> tuple[float, float]:
        """As `Effect.interval`; degrees of None (JSON has no infinity) are unlimited."""
        degrees = inf if self.degrees is None else self.degrees
        return small_sample_corrections.bounds(self.estimate, self.variance, degrees, self.skewness, limit)
