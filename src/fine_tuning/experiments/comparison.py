"""The comparison of a test's second model (or a further one) with its first: sums, evidence and looks so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, nan, sqrt
from typing import NamedTuple

from fine_tuning.experiments import pair_sums
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect, Look
from fine_tuning.experiments.estimated_effects import Scores, effect_of_scores
from fine_tuning.experiments.neighbour_evidence import Claim, Evidence
from fine_tuning.experiments.neighbours import together
from fine_tuning.experiments.pair_sums import PairSums
from fine_tuning.experiments.planned_looks import continuity, planned_limits
from fine_tuning.experiments.propensity_strata import DRIFT, ERRORS, PropensityStrata, Starts
from fine_tuning.experiments.sample_shares import SampleShares
from fine_tuning.experiments.shares import equal_shares_p
from fine_tuning.experiments.time_trend import TimeTrend
from fine_tuning.experiments.unit_sums import Figure, UnitSums, summed
from fine_tuning.store.records.experiment_json import ComparisonRecord

MIN_SAMPLES_APART = 80  # of models one after the other, from which a trend over time is taken away
MIN_SHARED = 0.01  # products of a unit's samples of both models, relative to the squares of those of one
MAX_STRATA = 100  # further ones are not compared
MIN_UNITS = 2  # of each model in one of several strata: of one alone no variance is known
OTHER = "(others)"
MISSING = 0.01  # of the pairs; so many scores that are missing change a difference by a point at most
UNEVEN = 2.6  # standard errors by which the numbers of questions that one model alone answered differ
Strata = dict[str, PropensityStrata]  # by stratum of the samples; "" where they have none


class UnitGrowth(NamedTuple):
    """New figures of a unit: of a new sample, or of one whose score becomes known.

    Attributes:
        stratum: of its first sample.
        began: model (0 or 1) and number of its first sample, of each model that it has a sample of.
        side: the model that the figures are of.
    """

    stratum: str
    began: list[tuple[int, int]]
    side: int
    figures: list[Figure]


@dataclass
class Comparison:
    """Two models.

    Attributes:
        strata: the sums of all units; since: of those that began after `since_starts` (numbers of samples of each
            model), the last look that had the most evidence so far for a verdict, or the planned one that found it; in
            a fixed design after half of the planned samples.
        pairs: samples that both models answered, by sample id.
        peaks: the looks with the most evidence for each of both models, of the anytime design.
        looks: the planned ones so far.
        trend: of the scores over time, for models that never answered at the same time.
        samples: of each model; shares: of all of them over time.
        next_look: the size at which the interval is stored next, for the history.
    """

    strata: Strata = field(default_factory=dict)
    since: Strata = field(default_factory=dict)
    since_starts: Starts = (0, 0)
    pairs: int = 0
    peaks: list[Effect] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    next_look: int = 1
    trend: TimeTrend = field(default_factory=TimeTrend)
    samples: Starts = (0, 0)
    shares: SampleShares = field(default_factory=SampleShares)

    def arrive(self, side: int, stratum: str, began: Sequence[tuple[int, int]]) -> None:
        """A sample of a model (0 or 1) comes: of a unit that began already, or of a new one (of which nothing did)."""
        if not began:
            _stratum(self.strata, stratum).begin(side, self.samples)
            if any(self.since_starts):
                _stratum(self.since, stratum).begin(side, self.samples)
        self.shares.add(side)
        first, second = self.samples
        self.samples = (first + 1, second) if side == 0 else (first, second + 1)

    def grow(self, unit: UnitGrowth) -> None:
        """Count the new figures of a unit."""
        stratum, began, side, figures = unit
        _stratum(self.strata, stratum).grow(side, figures, began)
        if any(self.since_starts) and all(ordinal > self.since_starts[model] for model, ordinal in began):
            kept = [figure for figure in figures if figure.measure in (None, ERRORS)]
            _stratum(self.since, stratum).grow(side, kept, began)
        for figure in figures:
            if figure.measure is None:
                self.trend.add(side, figure.value)

    @property
    def has_drift(self) -> bool:
        """Whether the models' shares of the samples have changed over time."""
        return any(blocks.has_drift for blocks in self.strata.values())

    @property
    def has_uneven_shares(self) -> bool:
        """Whether they differ over time or between strata."""
        counts = [blocks.everything(ERRORS).counts for blocks in self.strata.values()]
        return self.has_drift or equal_shares_p(counts, len(counts) - 1) < DRIFT

    @property
    def are_apart(self) -> bool:
        """Whether the models' samples came in turns, never at the same time."""
        if self._are_pairs:
            return False
        if self.trend.is_one_switch and sum(self.samples) >= MIN_SAMPLES_APART:
            return True
        return bool(self.strata) and all(blocks.are_apart for blocks in self.strata.values())

    @property
    def in_turns(self) -> bool:
        """Whether the order of the models was not random within blocks of time, so that nothing tells which samples
        are of the same time.
        """
        if self._are_pairs or self.trend.is_one_switch:
            return False
        return any(blocks.in_turns for blocks in self.strata.values())

    @property
    def are_units_of_changing_shares(self) -> bool:
        """Whether users got answers of both models, whose shares changed: what a user got early and late is of one
        model more than of the other. Questions that both answered are the same ones, early or late.
        """
        if self._are_pairs or not self.shares.change:
            return False
        everything = summed([blocks.everything(ERRORS) for blocks in self.strata.values()])
        return everything.shared - self.pairs > MIN_SHARED * max(everything.squared_counts)

    def known_outcomes(self) -> list[tuple[Starts, Starts]]:
        """Of each share of the traffic in each stratum, the samples of both models, and how many of them have a score;
        failed ones, which have none, are left out.
        """
        return [each for blocks in self.strata.values() for each in blocks.known_outcomes()]

    @property
    def unmatched(self) -> Starts:
        """The questions that one model alone has a score of, where the other's call did not fail."""
        everything = summed([blocks.everything(ERRORS) for blocks in self.strata.values()])
        failed = everything.totals[4], everything.totals[1]  # of the other model
        first, second = (
            max(0, side.count - self.pairs - round(its)) for side, its in zip(self.trend.sides, failed, strict=True)
        )
        return first, second

    @property
    def lacks_answers(self) -> bool:
        """Whether of most questions both models' answers have a score, and of the others those of one model rather than
        of the other: which are missing may depend on the answer.
        """
        if not self._are_pairs:
            return False
        first, second = self.unmatched
        return abs(first - second) > max(MISSING * self.pairs, UNEVEN * sqrt(first + second))

    @property
    def _are_pairs(self) -> bool:
        """Whether most questions were answered by both models, whenever that was."""
        return 2 * self.pairs > min(side.count for side in self.trend.sides)

    def cells(self, measure: str | None = None) -> list[UnitSums]:
        """The sums of a measure (None: of the scores) within which the models are compared. Several strata are never
        compared with each other: one that has no two units of each model is left out, as long as that is so, and so are
        those beyond `MAX_STRATA`.
        """
        return cells(self.strata, measure, at_once=self.trend.is_one_switch)

    def pair_sums(self, measure: str | None = None) -> PairSums:
        """The figures (None: the scores) of both models' answers to a question."""
        return pair_sums.together(blocks.pairs(measure) for blocks in self.strata.values())

    def neighbours_contradict(self, claim: Claim, measure: str | None = None) -> bool:
        """Whether neighbours do not support a claim about a measure (None: the scores)."""
        return bool(claim.favours) and not self._are_pairs and self._evidence(measure).contradicts(claim)

    def excess_over_neighbours(self, measure: str | None = None) -> float:
        """How much more of a measure (None: of the scores) model_b has than among neighbours, as where the models'
        shares go up and down along with it; 0 where chance explains it.
        """
        return 0.0 if self._are_pairs else self._evidence(measure).excess

    def _evidence(self, measure: str | None) -> Evidence:
        known = [blocks for name, blocks in self.strata.items() if name != OTHER]
        near = together(blocks.neighbours(measure) for blocks in known)
        return Evidence(self.cells(measure), near, [blocks.autocorrelation(measure) for blocks in known])

    @property
    def effective_units(self) -> tuple[float, float]:
        """The number of units with scores of each model; see `UnitSums.effective_units`."""
        return summed([blocks.everything() for blocks in self.strata.values()]).effective_units

    def effect(self, design: Design, scores: Scores) -> Effect:
        """The difference so far, without a trend where it may be one; scores: of both models."""
        found = replace(effect_of_scores(self.cells(), design, scores, self.pair_sums()), size=sum(self.samples))
        return self.trend.taken_away(found) if self.are_apart else found

    def effect_since(self, design: Design, scores: Scores) -> Effect:
        """The difference in the units that began after the look with the most evidence; of models that never answered
        at the same time it is not known.
        """
        found = effect_of_scores(cells(self.since), design, scores, self.pair_sums())
        return replace(found, is_ready=found.is_ready and not self.are_apart)

    def watch(self, design: Design, scores: Scores) -> None:
        """Keep the look if its evidence is the most so far for one of the models; none of a time in which they were
        not compared at the same time.
        """
        if self.in_turns or self.are_apart:
            self.peaks = []
            return
        if self.lacks_answers:
            return
        found = self.effect(design, scores)
        if not found.is_ready or not found.score:
            return
        before, log_e = self._peak(found.estimate), found.log_e(design.alpha)
        if before is not None and log_e <= before.log_e(design.alpha):
            return
        if self.neighbours_contradict(Claim(found.estimate, found.limit(design.alpha))):
            return
        self.peaks = [*(each for each in self.peaks if each is not before), found]
        if log_e == max(each.log_e(design.alpha) for each in self.peaks):
            self.since, self.since_starts = {}, self.samples

    def _peak(self, estimate: float) -> Effect | None:
        """The look with the most evidence so far for the model that this estimate speaks for."""
        return next((each for each in self.peaks if (each.estimate > 0) == (estimate > 0)), None)

    def look(self, design: Design, scores: Scores) -> None:
        """Take the planned look that is due; a fixed design has one, whose later half tells of a changed effect."""
        due, size = len(self.looks), min(each.count for each in scores)
        if design.kind == "fixed" and not any(self.since_starts) and 2 * size >= (design.planned or 1):
            self.since, self.since_starts = {}, self.samples
        if due < len(design.fractions) and size >= ceil(design.fractions[due] * (design.planned or 1) - 1e-9):
            found = self.effect(design, scores)
            if design.kind != "fixed" and not self._has_crossed(design):
                self.since, self.since_starts = {}, self.samples
            limit = planned_limits(design, due + 1, design.alpha)[due]
            smooth = self._continuity(size) if design.score == "binary" else 0.0
            look = Look.of(size, found, smooth)
            is_of_cycles = abs(look.z) >= limit and self.neighbours_contradict(Claim(found.estimate, limit))
            if self.in_turns or self.lacks_answers or is_of_cycles:
                look = Look.of(size, replace(found, estimate=nan, variance=nan), smooth)
            self.looks.append(look)

    def _has_crossed(self, design: Design) -> bool:
        """Whether a planned look has found a difference."""
        limits = planned_limits(design, len(self.looks), design.alpha)
        return any(abs(look.z) >= limit for look, limit in zip(self.looks, limits, strict=False))

    def _continuity(self, size: int) -> float:
        """See `continuity`; of users who answer often, less: their differences change in smaller steps."""
        everything = summed(self.cells())
        alike = sum(everything.counts) / max(1.0, sum(everything.squared_counts))
        return continuity(min(1.0, self.pairs / size)) * alike / size

    def as_dict(self) -> ComparisonRecord:
        """The state as plain JSON values."""
        return {
            "strata": {name: each.as_dict() for name, each in self.strata.items()},
            "since": {name: each.as_dict() for name, each in self.since.items()},
            "since_starts": list(self.since_starts),
            "pairs": self.pairs,
            "peaks": [each.as_dict() for each in self.peaks],
            "looks": [each.as_dict() for each in self.looks],
            "next_look": self.next_look,
            "trend": self.trend.as_list(),
            "samples": list(self.samples),
            "shares": self.shares.as_dict(),
        }

    @classmethod
    def of(cls, state: ComparisonRecord) -> Comparison:
        """A state as `as_dict` gave it."""
        return cls(
            {name: PropensityStrata.of(each) for name, each in state["strata"].items()},
            {name: PropensityStrata.of(each) for name, each in state["since"].items()},
            (state["since_starts"][0], state["since_starts"][1]),
            state["pairs"],
            [Effect.of(each) for each in state["peaks"]],
            [Look.of_record(each) for each in state["looks"]],
            state["next_look"],
            TimeTrend.of(state.get("trend", [])),
            (state["samples"][0], state["samples"][1]),
            SampleShares(**state["shares"]) if "shares" in state else SampleShares(),
        )


def _stratum(strata: Strata, name: str) -> PropensityStrata:
    """The sums of a stratum, which may be a new one."""
    known = name if name in strata or len(strata) < MAX_STRATA else OTHER
    return strata.get(known) or strata.setdefault(known, PropensityStrata())


def cells(strata: Strata, measure: str | None = None, *, at_once: bool = False) -> list[UnitSums]:
    """See `Comparison.cells`.

    Args:
        at_once: whether all samples of a stratum count as of one time.
    """
    if len(strata) == 1:
        only = next(iter(strata.values()))
        return [only.everything(measure)] if at_once else only.cells(measure)
    known = [each for name, each in strata.items() if name != OTHER]
    of_one_time = [each for each in known if not each.are_apart] or known
    found = [cell for each in of_one_time for cell in ([each.everything(measure)] if at_once else each.cells(measure))]
    return [cell for cell in found if min(cell.effective_units) >= MIN_UNITS]
