"""The difference of two models in a score or a measure, and what planned looks found of it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from math import copysign, inf, isfinite, isnan, nan
from typing import Any, cast

from fine_tuning.experiments import confidence_sequences, small_sample_corrections
from fine_tuning.experiments.rate_likelihood import Rates
from fine_tuning.store.records.experiment_json import EffectRecord, PlannedLookRecord


@dataclass(frozen=True)
class Effect:
    """The difference in score or measure, model_b less model_a.

    Attributes:
        estimate: of the difference of means; nan while unknown.
        variance: of the estimate.
        n: scored samples of both models behind it; planned: those at which its confidence sequence is tightest.
        is_ready: whether there are enough for an approximation.
        degrees: of freedom of the variance; inf where it follows from the rates alone.
        skewness: of the estimate; 0 where unknown.
        rates: of scores between two ends, in place of the normal approximation.
        size: samples of both models so far, compared or not; 0 where an earlier version did not keep it.
    """

    estimate: float
    variance: float
    _: KW_ONLY
    n: int
    planned: float
    is_ready: bool
    degrees: float = inf
    skewness: float = 0.0
    rates: Rates | None = None
    size: int = 0

    def interval(self, limit: float) -> tuple[float, float]:
        """The interval of so many standard errors, adjusted for few observations and skewness."""
        if self.rates is not None:
            reached = small_sample_corrections.reach(self.degrees, self.skewness, limit)
            if reached is None:
                return -inf, inf
            return self.rates.difference(reached[0]), self.rates.difference(reached[1])
        return small_sample_corrections.bounds(self.estimate, self.variance, self.degrees, self.skewness, limit)

    @property
    def score(self) -> float:
        """The estimate as a normal score."""
        if self.rates is not None:
            return small_sample_corrections.normal_score(self.rates.root, 1.0, self.degrees, self.skewness)
        return small_sample_corrections.normal_score(self.estimate, self.variance, self.degrees, self.skewness)

    def log_e(self, alpha: float) -> float:
        """ln of the evidence against "no difference", tightest for this alpha at the planned size."""
        return confidence_sequences.mixture_log_e_value(self.score, 1.0, self.n, alpha, self.planned)

    def sequence(self, alpha: float, tuned: float | None = None) -> tuple[float, float]:
        """The interval of the confidence sequence; infinite where it is not ready.

        Args:
            tuned: the alpha for which it is tightest, where that is another.
        """
        if not self.is_ready:
            return -inf, inf
        return self.interval(self.limit(alpha, tuned))

    def limit(self, alpha: float, tuned: float | None = None) -> float:
        """Half the width of `sequence` in standard errors."""
        return confidence_sequences.limit(self.n, alpha, self.planned, tuned)

    def as_dict(self) -> EffectRecord:
        """The effect as plain JSON values."""
        degrees = self.degrees if isfinite(self.degrees) else None
        rates = None if self.rates is None else self.rates.as_list()
        return cast("EffectRecord", vars(self) | {"degrees": degrees, "rates": rates})

    @classmethod
    def of(cls, state: EffectRecord) -> Effect:
        """An effect as `as_dict` gave it."""
        return cls(
            state["estimate"],
            state["variance"],
            n=state["n"],
            planned=state["planned"],
            is_ready=state["is_ready"],
            degrees=inf if state["degrees"] is None else state["degrees"],
            skewness=state["skewness"],
            rates=Rates.of(rates) if (rates := state.get("rates")) else None,  # which earlier versions did not keep
            size=state.get("size", 0),
        )


@dataclass
class Look:
    """A planned look: samples per model (or pairs); the estimate, its variance, degrees of freedom and skewness; z.

    Attributes:
        continuity: by how much less than the estimate the difference counts in z, and by how much more on each side of
            the interval, so that the interval excludes 0 exactly where z is beyond the limit.
    """

    size: int
    estimate: float
    variance: float
    z: float
    degrees: float | None = None
    skewness: float = 0.0
    continuity: float = 0.0

    @classmethod
    def of(cls, size: int, found: Effect, continuity: float) -> Look:
        """A look at the effect."""
        degrees = found.degrees if isfinite(found.degrees) else None
        less = replace(found, estimate=copysign(max(0.0, abs(found.estimate) - continuity), found.estimate))
        return cls(size, found.estimate, found.variance, less.score, degrees, found.skewness, continuity)

    def as_dict(self) -> PlannedLookRecord:
        """The look as plain JSON values, which have no nan."""
        known = {name: None if isinstance(each, float) and isnan(each) else each for name, each in vars(self).items()}
        return cast("PlannedLookRecord", known)

    @classmethod
    def of_record(cls, state: PlannedLookRecord) -> Look:
        """A look as `as_dict` gave it."""
        unknown = {name: nan for name in ("estimate", "variance", "skewness") if state.get(name) is None}
        return cls(**cast("dict[str, Any]", {**state, **unknown}))

    def interval(self, limit: float) -> tuple[float, float]:
        """As `Effect.interval`, and wider by the continuity; degrees of None (JSON has no infinity) are unlimited."""
        degrees = inf if self.degrees is None else self.degrees
        low, high = small_sample_corrections.bounds(self.estimate, self.variance, degrees, self.skewness, limit)
        return low - self.continuity, high + self.continuity
