"""Sufficient statistics of a test: the verdict at any time is computed from them, without its samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, inf, isfinite, nan
from typing import cast

from fine_tuning.experiments import confidence_sequences, small_sample_corrections
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect, Look
from fine_tuning.experiments.running_sums import ArmSums, Clusters, Pairs
from fine_tuning.store.records.experiment_json import Arm, StatisticsRecord

MIN_OBSERVATIONS = 10  # answers right or wrong, or clusters, of each model before an asymptotic statement is made
MIN_OBSERVATIONS_OF_MEANS = 30  # of figures of any size, whose spread and skewness must be guessed too
PLANNED_CLUSTERS = 500
MAX_SKEWNESS = 0.2  # skewness of an estimate: beyond it, normal approximations fail
A: Arm = "model_a"
B: Arm = "model_b"
ARMS: tuple[Arm, Arm] = (A, B)


@dataclass
class Statistics:
    """Running sums of both models, and the evidence so far.

    Attributes:
        by_id: pairs of answers to the same sample; by_order: each model's k-th score with the other's k-th.
        pair_clusters: of the differences in `by_id`; a difference without a cluster is a cluster by itself.
        log_e, favours: as in `Pairs`, of the asymptotic test.
        low, high: the intersection of all looks' confidence sequences of the effect.
        looks: the planned ones so far.
        next_look: the size at which the interval is stored next, for the history.
    """

    arms: dict[Arm, ArmSums] = field(default_factory=lambda: {arm: ArmSums() for arm in ARMS})
    by_id: Pairs = field(default_factory=Pairs)
    by_order: Pairs = field(default_factory=Pairs)
    pair_clusters: Clusters = field(default_factory=Clusters)
    log_e: float = 0.0
    favours: int = 0
    low: float = -inf
    high: float = inf
    looks: list[Look] = field(default_factory=list)
    next_look: int = 1

    @property
    def is_paired(self) -> bool:
        """Whether both models answered the same samples: most of those that the model with fewer scores answered."""
        return 2 * self.by_id.differences.count > min(arm.scores.count for arm in self.arms.values())

    @property
    def is_clustered(self) -> bool:
        """Whether some samples share a cluster."""
        if self.is_paired:
            return self.pair_clusters.count < self.by_id.differences.count
        return any(arm.clusters.count < arm.scores.count for arm in self.arms.values())

    @property
    def has_covariate(self) -> bool:
        """Whether every scored sample has a covariate."""
        return not self.is_paired and all(0 < a.covaried.count == a.scores.count for a in self.arms.values())

    @property
    def size(self) -> int:
        """Scored samples per model, or pairs."""
        if self.is_paired:
            return self.by_id.differences.count
        return min(arm.scores.count for arm in self.arms.values())

    @property
    def pairs(self) -> Pairs:
        """The pairs that the test uses: by sample id where paired, else by order."""
        return self.by_id if self.is_paired else self.by_order

    def units(self) -> tuple[int, int]:
        """Number of units of each model where samples have a cluster; else of samples."""
        a, b = self.arms[A], self.arms[B]
        clusters = a.measure_clusters("errors").count, b.measure_clusters("errors").count
        return clusters if min(clusters) > 0 and sum(clusters) < a.samples + b.samples else (a.samples, b.samples)

    def effect(self, design: Design) -> Effect:
        """The difference so far."""
        if self.is_paired:
            return self._paired(design)
        a, b = self.arms[A], self.arms[B]
        if self.is_clustered:
            return self._clustered(a, b)
        estimate, variance = self._difference(design)
        n, degrees, skewness, least = a.scores.count + b.scores.count, inf, 0.0, MIN_OBSERVATIONS_OF_MEANS
        if self.has_covariate:
            degrees = n - 3
        elif design.score == "binary":
            least = MIN_OBSERVATIONS
        elif self.size:
            first, second = (_variance(arm, design) / arm.scores.count for arm in (a, b))
            degrees = small_sample_corrections.welch(first, second, a.scores.count - 1, b.scores.count - 1)
            skewness = small_sample_corrections.skewness_of_difference(a.scores, b.scores, variance)
        planned = 2 * design.planned if design.planned else confidence_sequences.PLANNED_SAMPLES
        is_ready = self.size >= least and abs(skewness) <= MAX_SKEWNESS
        return Effect(estimate, variance, n=n, planned=planned, is_ready=is_ready, degrees=degrees, skewness=skewness)

    @staticmethod
    def _clustered(a: ArmSums, b: ArmSums) -> Effect:
        counts = a.clusters.count, b.clusters.count
        estimate = b.scores.average - a.scores.average
        first, second = (arm.clusters.variance_of_mean(arm.scores.count, arm.scores.mean) for arm in (a, b))
        degrees, is_ready = (
            small_sample_corrections.welch(first, second, counts[0] - 1, counts[1] - 1),
            min(counts) >= MIN_OBSERVATIONS,
        )
        return Effect(
            estimate,
            first + second,
            n=sum(counts),
            planned=PLANNED_CLUSTERS,
            is_ready=is_ready,
            degrees=degrees,
        )

    def planned_for(self, measure: str) -> float:
        """The observations at which the confidence sequence of a measure is tightest."""
        apart = any(arm.measure_clusters(measure).count < arm.measure(measure).count for arm in self.arms.values())
        return PLANNED_CLUSTERS if apart else confidence_sequences.PLANNED_SAMPLES

    def _difference(self, design: Design) -> tuple[float, float]:
        """The difference of means and its variance, adjusted for a covariate."""
        a, b = self.arms[A], self.arms[B]
        if not self.size:
            return nan, nan
        if self.has_covariate and (spread := a.covaried.xx + b.covaried.xx):
            return _adjusted(a, b, (a.covaried.xy + b.covaried.xy) / spread)
        variance = sum(_variance(arm, design) / arm.scores.count for arm in (a, b))
        return b.scores.mean - a.scores.mean, variance

    def _paired(self, design: Design) -> Effect:
        found, n = self.by_id.differences, self.by_id.differences.count
        planned = design.planned or confidence_sequences.PLANNED_SAMPLES / 2
        if self.is_clustered:
            variance, count = self.pair_clusters.variance_of_mean(n, found.mean), self.pair_clusters.count
            return Effect(
                found.mean,
                variance,
                n=count,
                planned=PLANNED_CLUSTERS / 2,
                is_ready=count >= MIN_OBSERVATIONS,
                degrees=count - 1,
            )
        is_real, skewness = design.score == "real", 0.0
        if is_real:
            variance = found.squares / max(1, n - 1) / n
            skewness = found.cubes / n**3 / variance**1.5 if variance > 0 else 0.0
        else:  # one more pair that each model wins: a few pairs without any difference are no proof of certainty
            variance = (found.squares + 2 * design.spread**2) / (n + 1) / n
        if not is_real and design.score != "bounded":
            return Effect(found.mean, variance, n=n, planned=planned, is_ready=n >= MIN_OBSERVATIONS)
        is_ready = n >= MIN_OBSERVATIONS_OF_MEANS and abs(skewness) <= MAX_SKEWNESS
        return Effect(
            found.mean,
            variance,
            n=n,
            planned=planned,
            is_ready=is_ready,
            degrees=n - 1,
            skewness=skewness,
        )

    def look(self, design: Design, *, ends_block: bool = True) -> None:
        """Update the evidence; to be called after every sample.

        Args:
            ends_block: False for a sample that others follow at once. Where pairs decide, whose evidence is noted with
                every pair, the interval need not be updated in between.
        """
        if design.kind == "anytime":
            if ends_block or design.score == "real" or self.is_clustered or self.has_covariate:
                self._watch(design)
            return
        due = len(self.looks)
        if due < len(design.fractions) and self.size >= ceil(design.fractions[due] * (design.planned or 1) - 1e-9):
            found = self.effect(design)
            is_counted = design.score == "binary" and not isfinite(found.degrees)
            less = continuity(is_paired=self.is_paired) / self.size if is_counted else 0.0
            self.looks.append(Look.of(self.size, found, less))

    def _watch(self, design: Design) -> None:
        found = self.effect(design)
        if not found.is_ready or not found.variance > 0:
            return
        low, high = found.interval(confidence_sequences.limit(found.n, design.alpha, found.planned))
        self.low, self.high = max(self.low, low), min(self.high, high)
        log_e = confidence_sequences.mixture_log_e_value(found.score, 1.0, found.n, design.alpha, found.planned)
        if log_e > self.log_e:
            self.log_e, self.favours = log_e, 1 if found.estimate > 0 else -1

    def as_dict(self) -> StatisticsRecord:
        """The state as plain JSON values."""
        record = vars(self) | {
            "arms": {name: arm.as_dict() for name, arm in self.arms.items()},
            "by_id": self.by_id.as_dict(),
            "by_order": self.by_order.as_dict(),
            "pair_clusters": vars(self.pair_clusters),
            "low": None if self.low == -inf else self.low,
            "high": None if self.high == inf else self.high,
            "looks": [vars(look) for look in self.looks],
        }
        return cast("StatisticsRecord", record)

    @classmethod
    def of(cls, state: StatisticsRecord | None) -> Statistics:
        """A state as `as_dict` gave it; of nothing, the beginning."""
        if not state:
            return cls()
        low, high = state["low"], state["high"]
        return cls(
            arms={name: ArmSums.of(arm) for name, arm in state["arms"].items()},
            by_id=Pairs.of(state["by_id"]),
            by_order=Pairs.of(state["by_order"]),
            pair_clusters=Clusters(**state["pair_clusters"]),
            log_e=state["log_e"],
            favours=state["favours"],
            low=-inf if low is None else low,
            high=inf if high is None else high,
            looks=[Look(**look) for look in state["looks"]],
            next_look=state.get("next_look", 1),
        )


def continuity(*, is_paired: bool) -> float:
    """By how many answers less the difference of right ones counts at a planned look: half of the steps it changes in.

    Right answers come in whole numbers, and without this the error would be a little above alpha for some rates. Of
    pairs, those that one model alone got right change the difference by two (Edwards, "Note on the correction for
    continuity in testing the significance of the difference between correlated proportions", Psychometrika 13, 1948;
    Haber, "A comparison of some continuity corrections for the chi-squared test on 2 x 2 tables", JASA 75, 1980).
    """
    return 1.0 if is_paired else 0.5


def _variance(arm: ArmSums, design: Design) -> float:
    """Of one score; of binary ones with one more right and one more wrong answer: a few that are all right are no proof
    of certainty."""
    if design.score != "binary":
        return arm.scores.variance
    rate = (arm.scores.total + 1) / (arm.scores.count + 2)
    return rate * (1 - rate)


def _adjusted(a: ArmSums, b: ArmSums, slope: float) -> tuple[float, float]:
    """The difference adjusted for the covariate (CUPED), and its variance.

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
