"""Sufficient statistics of a test: the verdict at any time is computed from them, without its samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, cast

from fine_tuning.experiments import earlier_strata, former_statistics
from fine_tuning.experiments.comparison import Comparison, UnitGrowth
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.estimated_effects import Scores
from fine_tuning.experiments.former_statistics import FormerRecord
from fine_tuning.experiments.propensity_strata import ERRORS
from fine_tuning.experiments.running_sums import ArmSums
from fine_tuning.experiments.unit_sums import Columns, Figure
from fine_tuning.store.experiment_samples import Unit
from fine_tuning.store.records.experiment_json import Arm, StatisticsRecord
from fine_tuning.store.records.experiments import NewSample

MAX_PROVIDERS = 5  # of an arm that are kept; more than one are of no one model
LOOK_GROWTH = 1.01  # of the scores of an anytime test, from look to look
A: Arm = "model_a"
B: Arm = "model_b"
ARMS: list[Arm] = [A, B]  # of most tests
_NOTHING = (0.0, 0.0, 0.0)  # the columns of a model that has no score of a unit


class Score(NamedTuple):
    """A score, and the covariate of its sample (None where there is none)."""

    value: float
    covariate: float | None = None


@dataclass
class Statistics:
    """Running sums of the models, and the evidence so far.

    Attributes:
        arms: of each model alone.
        comparisons: of each further model with model_a.
        origin, covariate_origin: the first score (of any size) and covariate, from which they are counted, so that no
            digits are lost; origins: those of measures by name.
        looked_at: the number of scores at the last look of an anytime test.
        late_outcomes: scores of samples of which it is not known when they came, as earlier versions did not store it.
        providers: what answered for each model, where samples say so.
        recorded: when the first and the last sample or score was (seconds since 1970); empty where unknown.
    """

    arms: dict[Arm, ArmSums] = field(default_factory=lambda: {arm: ArmSums() for arm in ARMS})
    comparisons: dict[Arm, Comparison] = field(default_factory=lambda: {B: Comparison()})
    origin: float | None = None
    covariate_origin: float | None = None
    looked_at: int = 0
    late_outcomes: int = 0
    recorded: list[float] = field(default_factory=list)
    origins: dict[str, float] = field(default_factory=dict)
    providers: dict[Arm, list[str]] = field(default_factory=dict)

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

    @property
    def has_uneven_shares(self) -> bool:
        """Whether the models' shares of the samples differ between times or strata."""
        comparison = self.comparison
        is_uneven = comparison.has_uneven_shares or comparison.in_turns or comparison.are_apart
        return not self.is_paired and is_uneven

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

    def effect(self, design: Design) -> Effect:
        """The difference so far."""
        return self.comparison.effect(design, self.scores)

    def unit_of(self, sample: NewSample) -> Unit:
        """The unit that a sample is by itself, scored or not."""
        figures = (("latency", sample["latency_ms"]), ("cost", sample["cost"]), *(sample["measures"] or {}).items())
        measures = {name: (1, value) for name, value in figures if value is not None}
        measures[ERRORS] = 1, float(sample["error"] is not None)
        found = Unit(ordinal=sample["ordinal"] or 0, stratum=sample["stratum"] or "", measures=measures)
        if sample["score"] is not None:
            found.size, found.total, found.covariate = 1, sample["score"], self._covariate(sample["covariate"])
        return found

    def _covariate(self, value: float | None) -> float:
        """Counted from the first one; where there is none as that."""
        return 0.0 if value is None else value - (self.covariate_origin or 0.0)

    def arrive(self, arm: Arm, stratum: str, unit: dict[Arm, Unit], measures: Mapping[str, float] | None = None) -> int:
        """A sample comes, scored or not: it joins its unit, or begins one. Returns its number within the model.

        Args:
            measures: what is known of it beside its score; `ERRORS` is 0 where it is not told.
        """
        stratum = next((each.stratum for each in unit.values() if each.ordinal), stratum)
        for challenger in self._compared(arm):
            self.comparisons[challenger].arrive(int(arm != A), stratum, self._began(unit, challenger))
        number = self.arms[arm].samples = self.arms[arm].samples + 1
        sums = unit.setdefault(arm, Unit())
        if not sums.ordinal:
            sums.ordinal, sums.stratum = number, stratum
        figures = {ERRORS: 0.0, **(measures or {})}
        for name, value in figures.items():
            self.origins.setdefault(name, 0.0 if name == ERRORS else value)
        self._grow(arm, unit, [(name, value - self.origins[name], 0.0) for name, value in figures.items()])
        for name, value in figures.items():
            size, total = sums.measures.get(name, (0, 0.0))
            self.arms[arm].measure(name).add(value)
            self.arms[arm].measure_clusters(name).grow(size, total, value)
            sums.measures[name] = (size + 1, total + value)
        return number

    def add_score(
        self, design: Design, arm: Arm, score: Score, unit: dict[Arm, Unit], *, is_late: bool = False
    ) -> None:
        """Count a score of a sample that came, at once or long before (late), alone and with those of its unit."""
        if self.origin is None:
            self.origin = score.value if design.score == "real" else 0.0
        if self.covariate_origin is None:
            self.covariate_origin = score.covariate
        covariate = self._covariate(score.covariate)
        self._grow(arm, unit, [(None, score.value - self.origin, covariate)], is_late=is_late)
        self.arms[arm].scores.add(score.value)
        sums = unit[arm]
        sums.size += 1
        sums.total += score.value
        sums.covariate += covariate

    def _compared(self, arm: Arm) -> list[Arm]:
        """The models whose comparisons a sample of this one belongs to."""
        return [*self.comparisons] if arm == A else [arm]

    def _grow(
        self,
        arm: Arm,
        unit: Mapping[Arm, Unit],
        added: Sequence[tuple[str | None, float, float]],
        *,
        is_late: bool = False,
    ) -> None:
        """Count figures (measure, value, covariate) in the comparisons of a model, before its unit has them."""
        for challenger in self._compared(arm):
            figures = [Figure(*each, self._columns(unit, challenger, each[0]), is_late) for each in added]
            growth = UnitGrowth(unit[arm].stratum, self._began(unit, challenger), int(arm != A), figures)
            self.comparisons[challenger].grow(growth)

    @staticmethod
    def _began(unit: Mapping[Arm, Unit], challenger: Arm) -> list[tuple[int, int]]:
        """See `UnitGrowth`."""
        if not unit:
            return []
        sides = (A, challenger)
        return [(side, unit[arm].ordinal) for side, arm in enumerate(sides) if arm in unit and unit[arm].ordinal]

    def _columns(self, unit: Mapping[Arm, Unit], challenger: Arm, measure: str | None) -> Columns | None:
        """See `Figure.before`."""
        origin = (self.origin if measure is None else self.origins.get(measure)) or 0.0
        found: list[float] = []
        for arm in (A, challenger):
            if (sums := unit.get(arm)) is None:
                found += _NOTHING
            elif measure is None:
                found += (sums.size, sums.total - origin * sums.size, sums.covariate)
            else:
                size, total = sums.measures.get(measure, (0, 0.0))
                found += (size, total - origin * size, 0.0)
        return found if found[0] or found[3] else None

    def came(self, at: float) -> None:
        """Note that a sample or a score came (seconds since 1970)."""
        began, ended = self.recorded or (at, at)
        self.recorded = [min(began, at), max(ended, at)]  # clocks of several machines may differ

    def answered_by(self, arm: Arm, provider: str) -> None:
        """Note the provider of a sample."""
        known = self.providers.setdefault(arm, [])
        if provider not in known and len(known) < MAX_PROVIDERS:
            known.append(provider)

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
            "origins": self.origins,
            "providers": self.providers,
        }

    @classmethod
    def of(cls, state: StatisticsRecord | FormerRecord | None, arms: Sequence[Arm] = ARMS) -> Statistics:
        """A state as `as_dict` gave it, also by an earlier version; of nothing, the beginning with these arms."""
        if not state:
            return cls.beginning(arms)
        sums = {name: ArmSums.of(arm) for name, arm in state["arms"].items()}
        if "comparisons" not in state:
            return cls(sums, {B: former_statistics.comparison(state)}, 0.0, 0.0, origins=_from_zero(sums))
        now = cast("StatisticsRecord", state)
        of_now = {name: earlier_strata.as_now(each, (sums[A], sums[name])) for name, each in now["comparisons"].items()}
        return cls(
            sums,
            {name: Comparison.of(each) for name, each in of_now.items()},
            now["origin"],
            now["covariate_origin"],
            now["looked_at"],
            now.get("late_outcomes", 0),
            now.get("recorded", []),
            now.get("origins", _from_zero(sums)),
            now.get("providers", {}),
        )


def _from_zero(arms: Mapping[Arm, ArmSums]) -> dict[str, float]:
    """The origins of measures that earlier versions counted."""
    return {name: 0.0 for arm in arms.values() for name in arm.measures}
