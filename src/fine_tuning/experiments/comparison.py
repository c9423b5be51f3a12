"""The comparison of a test's second model (or a further one) with its first: sums, evidence and looks so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, inf, nan, sqrt
from typing import NamedTuple

from scipy.special import ndtri

from fine_tuning.experiments import confidence_sequences, group_sequential, small_sample_corrections
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect, Look
from fine_tuning.experiments.propensity_strata import DRIFT, PropensityStrata, Starts, equal_shares_p
from fine_tuning.experiments.running_sums import Moments
from fine_tuning.experiments.time_trend import TimeTrend
from fine_tuning.experiments.unit_sums import Columns, Difference, UnitSums, difference, summed
from fine_tuning.store.records.experiment_json import ComparisonRecord

MIN_OBSERVATIONS = 10  # answers right or wrong, or units, of each model before an asymptotic statement is made
MIN_OBSERVATIONS_OF_MEANS = 30  # of figures of any size, whose spread and skewness must be guessed too
MAX_SKEWNESS = 0.2  # skewness of an estimate: beyond it, normal approximations fail
CLEAR = 8.0  # standard errors of a difference of rates that no skewness explains: of answers that nearly all differ
MAX_STRATA = 100  # further ones are not compared
MIN_UNITS = 2  # of each model in one of several strata: of one alone no variance is known
OTHER = "(others)"
Scores = tuple[Moments, Moments]  # of both models
Strata = dict[str, PropensityStrata]  # by stratum of the samples; "" where they have none


class UnitChange(NamedTuple):
    """A unit with a new score.

    Attributes:
        stratum: of its first sample.
        began: model (0 or 1) and number of its first score, of each model that it had a score of; none of a new unit.
        scores: number of each model, before.
        before, after: its columns, see `unit_sums.COLUMNS`.
    """

    stratum: str
    began: list[tuple[int, int]]
    scores: Starts
    before: Columns
    after: Columns


@dataclass
class Comparison:
    """Two models.

    Attributes:
        strata: the sums of all units; since: of those that began after `since_starts` (numbers of scores of each
            model), the last look that had the most evidence so far for a verdict, or the planned one that found it.
        pairs: samples that both models answered, by sample id.
        peaks: the looks with the most evidence for each of both models, of the anytime design.
        looks: the planned ones so far.
        trend: of the scores over time, for models that never answered at the same time.
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

    def change(self, unit: UnitChange) -> None:
        """Put a unit's sums in place of those it had before."""
        _change(self.strata, unit)
        if any(self.since_starts) and all(ordinal > self.since_starts[side] for side, ordinal in unit.began):
            _change(self.since, unit)
        side = 0 if unit.after[0] > unit.before[0] else 1
        self.trend.add(side, sum(unit.scores), unit.after[3 * side + 1] - unit.before[3 * side + 1])

    @property
    def has_drift(self) -> bool:
        """Whether the models' shares of the samples have changed over time."""
        return any(blocks.has_drift for blocks in self.strata.values())

    @property
    def has_uneven_shares(self) -> bool:
        """Whether they differ over time or between strata."""
        counts = [blocks.everything().counts for blocks in self.strata.values()]
        return self.has_drift or equal_shares_p(counts, len(counts) - 1) < DRIFT

    @property
    def are_apart(self) -> bool:
        """Whether the models' samples came in turns, never at the same time."""
        return bool(self.strata) and all(blocks.are_apart for blocks in self.strata.values())

    def effect(self, design: Design, scores: Scores) -> Effect:
        """The difference so far, without a trend where it may be one; scores: of both models."""
        found = _effect(cells(self.strata), design, scores)
        return self.trend.taken_away(found) if self.are_apart else found

    def effect_since(self, design: Design, scores: Scores) -> Effect:
        """The difference in the units that began after the look with the most evidence; of models that never answered
        at the same time it is not known.
        """
        found = _effect(cells(self.since), design, scores)
        return replace(found, is_ready=found.is_ready and not self.are_apart)

    def watch(self, design: Design, scores: Scores) -> None:
        """Keep the look if its evidence is the most so far for one of the models."""
        found = self.effect(design, scores)
        if not found.is_ready or not found.score:
            return
        before, log_e = self._peak(found.estimate), found.log_e(design.alpha)
        if before is not None and log_e <= before.log_e(design.alpha):
            return
        self.peaks = [*(each for each in self.peaks if each is not before), found]
        if log_e == max(each.log_e(design.alpha) for each in self.peaks):
            self.since, self.since_starts = {}, (scores[0].count, scores[1].count)

    def _peak(self, estimate: float) -> Effect | None:
        """The look with the most evidence so far for the model that this estimate speaks for."""
        return next((each for each in self.peaks if (each.estimate > 0) == (estimate > 0)), None)

    def look(self, design: Design, scores: Scores) -> None:
        """Take the planned look that is due."""
        due, size = len(self.looks), min(each.count for each in scores)
        if due < len(design.fractions) and size >= ceil(design.fractions[due] * (design.planned or 1) - 1e-9):
            found = self.effect(design, scores)
            if not self._has_crossed(design):
                self.since, self.since_starts = {}, (scores[0].count, scores[1].count)
            self.looks.append(Look.of(size, found, self._continuity(size) if design.score == "binary" else 0.0))

    def _has_crossed(self, design: Design) -> bool:
        """Whether a planned look has found a difference."""
        limits = planned_limits(design, len(self.looks), design.alpha)
        return any(abs(look.z) >= limit for look, limit in zip(self.looks, limits, strict=False))

    def _continuity(self, size: int) -> float:
        """See `continuity`; of users who answer often, less: their differences change in smaller steps."""
        everything = summed(cells(self.strata))
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
        )


def _change(strata: Strata, unit: UnitChange) -> None:
    name = unit.stratum if unit.stratum in strata or len(strata) < MAX_STRATA else OTHER
    found = strata.get(name)
    if found is None:
        found = strata[name] = PropensityStrata()
    sums = found.of_unit(unit.began) if unit.began else found.of_new_unit(unit.scores)
    sums.change(unit.before, unit.after)


def planned_limits(design: Design, looks: int, alpha: float) -> tuple[float, ...]:
    """The |z| at which each of the first planned looks finds a difference."""
    if design.kind == "fixed":
        return (float(ndtri(1 - alpha / 2)),)
    return group_sequential.boundaries(design.fractions[:looks], alpha, design.spending)


def cells(strata: Strata) -> list[UnitSums]:
    """The sums to compare within. Several strata are never compared with each other: one that has no two units of each
    model is left out, as long as that is so, and so are those beyond `MAX_STRATA`.
    """
    if len(strata) == 1:
        return next(iter(strata.values())).cells()
    known = [each for name, each in strata.items() if name != OTHER]
    of_one_time = [each for each in known if not each.are_apart]
    found = [cell for each in of_one_time or known for cell in each.cells()]
    return [cell for cell in found if min(cell.effective_units) >= MIN_UNITS]


def _effect(cells: Sequence[UnitSums], design: Design, scores: Scores) -> Effect:
    found = difference(cells)
    planned = 2 * design.planned if design.planned else confidence_sequences.PLANNED_SAMPLES
    n = round(sum(found.scores)) if found else 0
    if found is None:
        return Effect(nan, nan, n=n, planned=planned, is_ready=False)
    if design.score != "real":
        found = _smoothed(found, design.ends)
        scores = _with_ends(scores[0], design.ends), _with_ends(scores[1], design.ends)
    variance = found.variance
    skewness = float(small_sample_corrections.skewness(scores, found.variances[:2], found.units, variance))
    is_binary = design.score == "binary"
    least = MIN_OBSERVATIONS if is_binary else MIN_OBSERVATIONS_OF_MEANS
    is_clear = design.score != "real" and abs(found.estimate) >= CLEAR * sqrt(variance)
    return Effect(
        found.estimate,
        variance,
        n=n,
        planned=planned,
        is_ready=variance > 0 and min(found.units) >= least and (is_clear or abs(skewness) <= MAX_SKEWNESS),
        degrees=_degrees(found, is_binary=is_binary),
        skewness=0.0 if is_binary else skewness,
    )


def continuity(pairs: float) -> float:
    """By how many answers less the difference of right ones counts at a planned look: half of the steps it changes in.

    Right answers come in whole numbers, and without this the error would be a little above alpha for some rates. Of
    pairs, those that one model alone got right change the difference by two (Edwards, "Note on the correction for
    continuity in testing the significance of the difference between correlated proportions", Psychometrika 13, 1948;
    Haber, "A comparison of some continuity corrections for the chi-squared test on 2 x 2 tables", JASA 75, 1980).

    Args:
        pairs: the share of the samples that both models answered.
    """
    return 0.5 + 0.5 * pairs


def _smoothed(found: Difference, ends: tuple[float, float]) -> Difference:
    """With one more score of each model at each end of the scale: a few that are all alike are no proof of certainty.

    Of right and wrong answers, each a unit, the variance of a rate is then p (1 - p) / n with p = (k + 1) / (n + 2).
    """
    factors, added = [], []
    for n, mean in zip(found.scores, found.means, strict=True):
        middle = (n * mean + sum(ends)) / (n + 2)
        factors.append((n - 1) / (n + 2))
        added.append((n * (mean - middle) ** 2 + sum((end - middle) ** 2 for end in ends)) / (n * (n + 2)))
    first, second, common = found.variances
    first, second = factors[0] * first + added[0], factors[1] * second + added[1]
    return found._replace(variances=(first, second, sqrt(factors[0] * factors[1]) * common))


def _with_ends(scores: Moments, ends: tuple[float, float]) -> Moments:
    found = replace(scores)
    for end in ends:
        found.add(end)
    return found


def _degrees(found: Difference, *, is_binary: bool) -> float:
    """Degrees of freedom of the variance: Satterthwaite, Biometrics Bulletin 2 (1946).

    The variance of a rate of independent answers follows from the rate; what units add to it must be estimated.
    """
    first, second, _ = found.variances
    of_units = [max(0.0, units - found.cells) for units in found.units]
    if not min(of_units) > 0:
        return 0.0
    variance = found.variance
    shared = found.shared / max(1e-12, 1 - found.shared * found.cells)
    spread = first**2 / of_units[0] + second**2 / of_units[1] + shared * (variance**2 - first**2 - second**2)
    degrees = variance**2 / max(spread, variance**2 / sum(of_units)) if variance > 0 else min(of_units)
    if not is_binary:
        return degrees
    estimated = 1 - sum(found.units) / sum(found.scores)
    return degrees / estimated if estimated > 1e-12 else inf
