"""All that is kept of a test's samples: enough for its verdict at any time, without looking at a sample again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, copysign, inf, nan, sqrt
from typing import Any

from fine_tuning.experiments import sequential
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.sums import Arm, Clusters, Pairs

LEAST = 10  # samples of each model before an asymptotic statement is made
PLANNED_CLUSTERS = 500
CONTINUITY = 0.5  # answers
A, B = ARMS = ("model_a", "model_b")


@dataclass(frozen=True)
class Effect:
    """How much better model_b's scores are.

    Attributes:
        estimate: of the difference of means; nan while unknown.
        variance: of the estimate.
        null_variance: of the estimate if both models were equally good, for tests.
        n: independent observations behind it (samples of both, pairs, or clusters); planned: those of a usual test.
        is_ready: whether there are enough for the normal approximation.
    """

    estimate: float
    variance: float
    null_variance: float
    n: int
    planned: float
    is_ready: bool


@dataclass
class Look:
    """A planned look: samples per model (or pairs), the estimate, its variance, its z."""

    size: int
    estimate: float
    variance: float
    z: float


@dataclass
class Statistics:
    """Running sums of both models, and the evidence so far.

    Attributes:
        by_id: pairs of answers to the same sample; by_order: each model's k-th score with the other's k-th.
        pair_clusters: of the differences in `by_id`; what belongs to none is a cluster of its own.
        log_e, favours: as in `Pairs`, of the asymptotic test.
        low, high: what every look's confidence sequence of the effect has in common.
        looks: the planned ones so far.
    """

    arms: dict[str, Arm] = field(default_factory=lambda: {arm: Arm() for arm in ARMS})
    by_id: Pairs = field(default_factory=Pairs)
    by_order: Pairs = field(default_factory=Pairs)
    pair_clusters: Clusters = field(default_factory=Clusters)
    log_e: float = 0.0
    favours: int = 0
    low: float = -inf
    high: float = inf
    looks: list[Look] = field(default_factory=list)

    @property
    def is_paired(self) -> bool:
        """Whether both models answered the same samples: most that the one with fewer scores has answered."""
        return 2 * self.by_id.differences.count > min(arm.scores.count for arm in self.arms.values())

    @property
    def is_clustered(self) -> bool:
        """Whether some samples belong together."""
        if self.is_paired:
            return self.pair_clusters.count < self.by_id.differences.count
        return any(arm.clusters.count < arm.scores.count for arm in self.arms.values())

    @property
    def has_covariate(self) -> bool:
        """Whether every scored sample came with a figure known before the call."""
        return not self.is_paired and all(0 < a.covaried.count == a.scores.count for a in self.arms.values())

    @property
    def size(self) -> int:
        """Scored samples per model, or pairs."""
        if self.is_paired:
            return self.by_id.differences.count
        return min(arm.scores.count for arm in self.arms.values())

    @property
    def pairs(self) -> Pairs:
        """Those that a test of pairs goes by."""
        return self.by_id if self.is_paired else self.by_order

    def effect(self, design: Design) -> Effect:
        """The difference so far."""
        if self.is_paired:
            return self._paired(design)
        a, b = self.arms[A], self.arms[B]
        (estimate, variance), null = self._difference(design), nan
        n, planned, least = a.scores.count + b.scores.count, sequential.PLANNED_SAMPLES, self.size
        if self.is_clustered:
            found = [arm.clusters.variance_of_mean(arm.scores.count, arm.scores.mean) for arm in (a, b)]
            variance, n, planned = sum(found), a.clusters.count + b.clusters.count, PLANNED_CLUSTERS
            least = min(a.clusters.count, b.clusters.count)
        elif design.score == "binary" and not self.has_covariate and least:
            rate = (a.scores.total + b.scores.total) / n
            null = rate * (1 - rate) * n / max(1, n - 1) * (1 / a.scores.count + 1 / b.scores.count)
        if design.planned and not self.is_clustered:
            planned = 2 * design.planned
        return Effect(estimate, variance, variance if null != null else null, n, planned, least >= LEAST)

    def _difference(self, design: Design) -> tuple[float, float]:
        """The difference of means and its variance, less what a covariate explains."""
        a, b = self.arms[A], self.arms[B]
        if not self.size:
            return nan, nan
        if self.has_covariate and (spread := a.covaried.xx + b.covaried.xx):
            return _adjusted(a, b, (a.covaried.xy + b.covaried.xy) / spread)
        variance = sum(_variance(arm, design) / arm.scores.count for arm in (a, b))
        return b.scores.mean - a.scores.mean, variance

    def _paired(self, design: Design) -> Effect:
        found, n, planned = self.by_id.differences, self.by_id.differences.count, sequential.PLANNED_SAMPLES / 2
        # One more pair that each model wins: a few pairs without any difference are no proof of certainty.
        squares = found.squares + 2 * design.spread**2 if design.score == "binary" else found.squares
        variance = squares / max(1, n + (1 if design.score == "binary" else -1)) / n
        null = variance
        if self.is_clustered:
            null = variance = self.pair_clusters.variance_of_mean(n, found.mean)
            return Effect(found.mean, variance, null, self.pair_clusters.count, PLANNED_CLUSTERS / 2,
                          self.pair_clusters.count >= LEAST)  # fmt: skip
        if design.score == "binary":
            null = (self.by_id.wins + self.by_id.losses) / n**2
        return Effect(found.mean, variance, null, n, design.planned or planned, n >= LEAST)

    def look(self, design: Design, *, ends_block: bool = True) -> None:
        """Note what this moment shows; to be called after every sample.

        Args:
            ends_block: False for a sample that others follow at once. Where pairs decide, whose evidence is noted with
                every pair, the interval need not be looked at in between.
        """
        if design.kind == "anytime":
            if ends_block or design.score == "real" or self.is_clustered or self.has_covariate:
                self._watch(design)
            return
        due = len(self.looks)
        if due < len(design.fractions) and self.size >= ceil(design.fractions[due] * (design.planned or 1) - 1e-9):
            found = self.effect(design)
            self.looks.append(Look(self.size, found.estimate, found.variance, self._z(found, design)))

    def _z(self, found: Effect, design: Design) -> float:
        """The statistic of a planned look.

        Of binary scores the difference counts half an answer less: counts come in whole numbers, and without that the
        error would be a little above alpha for some rates (Haber, "A comparison of some continuity corrections for the
        chi-squared test on 2 x 2 tables", JASA 75, 1980).
        """
        if not found.null_variance > 0:
            return 0.0
        less = CONTINUITY / self.size if design.score == "binary" else 0.0
        return copysign(max(0.0, abs(found.estimate) - less), found.estimate) / sqrt(found.null_variance)

    def _watch(self, design: Design) -> None:
        found = self.effect(design)
        if not found.is_ready or not found.variance > 0:
            return
        half = sequential.half_width(found.variance, found.n, design.alpha, found.planned)
        self.low, self.high = max(self.low, found.estimate - half), min(self.high, found.estimate + half)
        log_e = sequential.mixture_log_e_value(found.estimate, found.variance, found.n, design.alpha, found.planned)
        if log_e > self.log_e:
            self.log_e, self.favours = log_e, 1 if found.estimate > 0 else -1

    def as_dict(self) -> dict[str, Any]:
        """The state as plain JSON values."""
        return vars(self) | {
            "arms": {name: arm.as_dict() for name, arm in self.arms.items()},
            "by_id": self.by_id.as_dict(),
            "by_order": self.by_order.as_dict(),
            "pair_clusters": vars(self.pair_clusters),
            "low": None if self.low == -inf else self.low,
            "high": None if self.high == inf else self.high,
            "looks": [vars(look) for look in self.looks],
        }

    @classmethod
    def of(cls, state: Mapping[str, Any] | None) -> Statistics:
        """A state as `as_dict` gave it; of nothing, the beginning."""
        if not state:
            return cls()
        low, high = state["low"], state["high"]
        return cls(
            {name: Arm.of(arm) for name, arm in state["arms"].items()},
            Pairs.of(state["by_id"]),
            Pairs.of(state["by_order"]),
            Clusters(**state["pair_clusters"]),
            state["log_e"],
            state["favours"],
            -inf if low is None else low,
            inf if high is None else high,
            [Look(**look) for look in state["looks"]],
        )


def _variance(arm: Arm, design: Design) -> float:
    """Of one score; of binary ones with one more right and one more wrong answer: a few that are all right are no proof
    of certainty."""
    if design.score != "binary":
        return arm.scores.variance
    rate = (arm.scores.total + 1) / (arm.scores.count + 2)
    return rate * (1 - rate)


def _adjusted(a: Arm, b: Arm, slope: float) -> tuple[float, float]:
    """The difference less what the covariate explains, and its variance.

    Source: Deng, Xu, Kohavi, Walker, "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data" (CUPED), WSDM 2013.
    """
    x, y = a.covaried, b.covaried
    estimate = (y.mean_y - x.mean_y) - slope * (y.mean_x - x.mean_x)
    variance = 0.0
    for each in (x, y):
        left = each.yy - 2 * slope * each.xy + slope**2 * each.xx
        variance += max(0.0, left) / max(1, each.count - 1) / each.count
    return estimate, variance
