"""Sufficient statistics of a test: the verdict at any time is computed from them, without its samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, cast

from fine_tuning.experiments import confidence_sequences, former_statistics
from fine_tuning.experiments.comparison import Comparison, Scores, UnitChange
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.former_statistics import FormerRecord
from fine_tuning.experiments.running_sums import ArmSums
from fine_tuning.experiments.unit_sums import Columns
from fine_tuning.store.experiment_samples import Unit
from fine_tuning.store.records.experiment_json import Arm, StatisticsRecord
from fine_tuning.store.records.experiments import NewSample

PLANNED_CLUSTERS = 500
LOOK_GROWTH = 1.01  # of the scores of an anytime test, from look to look
A: Arm = "model_a"
B: Arm = "model_b"
ARMS: list[Arm] = [A, B]  # of most tests
_NOTHING = (0.0, 0.0, 0.0)  # the columns of a model that has no score of a unit


class Score(NamedTuple):
    """A score, the covariate of its sample (None where there is none), and the stratum ("" where there is none)."""

    value: float
    covariate: float | None
    stratum: str


@dataclass
class Statistics:
    """Running sums of the models, and the evidence so far.

    Attributes:
        arms: of each model alone.
        comparisons: of each further model with model_a.
        origin, covariate_origin: the first score (of any size) and covariate, from which they are counted, so that no
            digits are lost.
        looked_at: the number of scores at the last look of an anytime test.
        late_outcomes: scores that came after their samples.
        recorded: when the first and the last score was (seconds since 1970); empty where unknown.
    """

    arms: dict[Arm, ArmSums] = field(default_factory=lambda: {arm: ArmSums() for arm in ARMS})
    comparisons: dict[Arm, Comparison] = field(default_factory=lambda: {B: Comparison()})
    origin: float | None = None
    covariate_origin: float | None = None
    looked_at: int = 0
    late_outcomes: int = 0
    recorded: list[float] = field(default_factory=list)

    @classmethod
    def beginning(cls, arms: Sequence[Arm] = ARMS) -> Statistics:
        """Without samples."""
        return cls({arm: ArmSums() for arm in arms}, {arm: Comparison() for arm in arms if arm != A})

    def against(self, arm: Arm) -> Statistics:
        """Those of model_a and one other model, as its model_b."""
        arms = {A: self.arms[A], B: self.arms[arm]}
        return replace(self, arms=arms, comparisons={B: self.comparisons[arm]})

    @property
    def comparison(self) -> Comparison:
        """Of model_b with model_a."""
        return self.comparisons[B]

    @property
    def scores(self) -> Scores:
        """Of both models."""
        return self.arms[A].scores, self.arms[B].scores

    @property
    def is_paired(self) -> bool:
        """Whether both models answered the same samples: most of those that the model with fewer scores answered."""
        return 2 * self.comparison.pairs > self.size

    @cached_property
    def has_uneven_shares(self) -> bool:
        """Whether the models' shares of the samples differ between times or strata: now, for all measures of a look."""
        return not self.is_paired and self.comparison.has_uneven_shares

    @property
    def size(self) -> int:
        """Scored samples of the model with fewer."""
        return min(each.count for each in self.scores)

    @property
    def scored(self) -> int:
        """Scored samples of all models."""
        return sum(arm.scores.count for arm in self.arms.values())

    def units(self) -> list[int]:
        """Number of units of each model where samples have a cluster; else of samples."""
        samples = [arm.samples for arm in self.arms.values()]
        clusters = [arm.measure_clusters("errors").count for arm in self.arms.values()]
        return clusters if min(clusters) > 0 and sum(clusters) < sum(samples) else samples

    def planned_for(self, measure: str) -> float:
        """The observations at which the confidence sequence of a measure is tightest."""
        apart = any(arm.measure_clusters(measure).count < arm.measure(measure).count for arm in self.arms.values())
        return PLANNED_CLUSTERS if apart else confidence_sequences.PLANNED_SAMPLES

    def effect(self, design: Design) -> Effect:
        """The difference so far."""
        return self.comparison.effect(design, self.scores)

    def unit_of(self, sample: NewSample) -> Unit:
        """The unit that a sample is by itself, scored or not."""
        if sample["score"] is None:
            return Unit(stratum=sample["stratum"] or "")
        covariate = self._covariate(sample["covariate"])
        return Unit(1, sample["score"], covariate, sample["ordinal"] or 0, sample["stratum"] or "")

    def _covariate(self, value: float | None) -> float:
        """Counted from the first one; where there is none as that."""
        return 0.0 if value is None else value - (self.covariate_origin or 0.0)

    def add_score(self, design: Design, arm: Arm, score: Score, unit: dict[Arm, Unit]) -> int:
        """Count a score, alone and with those of its unit, which it joins. Returns its number within the model."""
        if self.origin is None:
            self.origin = score.value if design.score == "real" else 0.0
        if self.covariate_origin is None:
            self.covariate_origin = score.covariate
        stratum = next((each.stratum for each in unit.values() if each.size), score.stratum)
        self.__dict__.pop("has_uneven_shares", None)
        count = self.arms[A].scores.count
        before = [
            (each, self._began(unit, each), (count, self.arms[each].scores.count), self._columns(unit, each))
            for each in ([*self.comparisons] if arm == A else [arm])
        ]
        self.arms[arm].scores.add(score.value)
        sums = unit.setdefault(arm, Unit())
        if not sums.size:
            sums.ordinal, sums.stratum = self.arms[arm].scores.count, stratum
        sums.size += 1
        sums.total += score.value
        sums.covariate += self._covariate(score.covariate)
        for challenger, began, counts, columns in before:
            change = UnitChange(stratum, began, counts, columns, self._columns(unit, challenger))
            self.comparisons[challenger].change(change)
        return self.arms[arm].scores.count

    @staticmethod
    def _began(unit: Mapping[Arm, Unit], challenger: Arm) -> list[tuple[int, int]]:
        """See `UnitChange`."""
        if not unit:
            return []
        sides = (A, challenger)
        return [(side, unit[arm].ordinal) for side, arm in enumerate(sides) if arm in unit and unit[arm].size]

    def _columns(self, unit: Mapping[Arm, Unit], challenger: Arm) -> Columns:
        """See `unit_sums.COLUMNS`."""
        origin = self.origin or 0.0
        found: list[float] = []
        for arm in (A, challenger):
            if (sums := unit.get(arm)) is None:
                found += _NOTHING
            else:
                found += (sums.size, sums.total - origin * sums.size, sums.covariate)
        return found

    def came(self, at: float) -> None:
        """Note that a score came (seconds since 1970)."""
        self.recorded = [*self.recorded[:1], at] if self.recorded else [at, at]

    def look(self, design: Design) -> None:
        """Update the evidence where it is time to look; to be called after every score.

        An anytime test looks when it has `LOOK_GROWTH` times the scores, whether they came one by one or at once.
        """
        if design.kind == "anytime":
            if self.scored < self.looked_at * LOOK_GROWTH:
                return
            self.looked_at = self.scored
        for arm, comparison in self.comparisons.items():
            scores = self.arms[A].scores, self.arms[arm].scores
            if design.kind == "anytime":
                comparison.watch(design, scores)
            else:
                comparison.look(design, scores)

    def as_dict(self) -> StatisticsRecord:
        """The state as plain JSON values."""
        return {
            "arms": {name: arm.as_dict() for name, arm in self.arms.items()},
            "comparisons": {name: each.as_dict() for name, each in self.comparisons.items()},
            "origin": self.origin,
            "covariate_origin": self.covariate_origin,
            "looked_at": self.looked_at,
            "late_outcomes": self.late_outcomes,
            "recorded": self.recorded,
        }

    @classmethod
    def of(cls, state: StatisticsRecord | FormerRecord | None, arms: Sequence[Arm] = ARMS) -> Statistics:
        """A state as `as_dict` gave it, also by an earlier version; of nothing, the beginning with these arms."""
        if not state:
            return cls.beginning(arms)
        sums = {name: ArmSums.of(arm) for name, arm in state["arms"].items()}
        if "comparisons" not in state:
            return cls(sums, {B: former_statistics.comparison(state)}, 0.0, 0.0)
        now = cast("StatisticsRecord", state)
        comparisons = {name: Comparison.of(each) for name, each in now["comparisons"].items()}
        late, recorded = now.get("late_outcomes", 0), now.get("recorded", [])
        return cls(sums, comparisons, now["origin"], now["covariate_origin"], now["looked_at"], late, recorded)
