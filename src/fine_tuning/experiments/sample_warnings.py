"""What a reader of a verdict should know of how its samples came, and of which of them it is."""

from __future__ import annotations

from math import sqrt

from fine_tuning.costs import priced_share
from fine_tuning.experiments.comparability import is_one_after_the_other
from fine_tuning.experiments.comparison import MAX_STRATA, OTHER
from fine_tuning.experiments.design import Design, difference_text
from fine_tuning.experiments.measures import COST
from fine_tuning.experiments.sufficient_statistics import Statistics

WITHIN = "within blocks of time and strata of equal shares"
MUCH = 0.25  # standard errors between the effect and the difference of the plain means


def of(statistics: Statistics, design: Design, names: tuple[str, str], effect: float | None) -> list[str]:
    """The warnings.

    Args:
        names: of the models; effect: the difference in score that the verdict is about; None where there is none.
    """
    scored, used = [each.count for each in statistics.scores], _used(statistics)
    found = [*_of_shares(statistics), *_of_used(scored, used, names), *_of_costs(statistics, names)]
    if effect is None:
        return found
    return [*found, *_of_difference(statistics, design, effect, is_part=used != scored)]


def _of_shares(statistics: Statistics) -> list[str]:
    """How the models' shares of the samples changed."""
    if OTHER in statistics.comparison.strata:
        return [f"samples of more than {MAX_STRATA} strata are not compared: give a stratum that few samples differ in"]
    if statistics.is_paired or not statistics.comparison.has_drift:
        return []
    if is_one_after_the_other(statistics):
        return [
            "all samples of one model came before those of the other: they are compared as if a linear trend went on; "
            "samples of the same time, or a sample_id of each question, tell more"
        ]
    compared = [each for each in statistics.comparison.cells() if min(each.counts) > 0]
    if not compared:
        return ["the models' shares of the samples change too often: samples of the same time cannot be told"]
    strata = "one stratum" if len(compared) == 1 else f"{len(compared)} strata"
    return [f"the models' shares of the samples drifted: they are compared within {strata} of equal share"]


def _of_used(scored: list[int], used: list[int], names: tuple[str, str]) -> list[str]:
    """That some samples are not compared: those of times in which the shares may change, or of one model alone."""
    if not min(scored) or used == scored or not any(used):  # that none is, the shares say
        return []
    parts = [f"{a:,} of {b:,} of {name}" for a, b, name in zip(used, scored, names, strict=True)]
    return [
        f"the comparison uses {' and '.join(parts)}: the other samples came while the models' shares of the samples "
        "may have changed, or are of a time or stratum with too few of one model"
    ]


def _of_costs(statistics: Statistics, names: tuple[str, str]) -> list[str]:
    """That the mean cost is one of some calls; of most unknown ones nothing follows."""
    found = list[str]()
    for sums, name in zip(statistics.arms.values(), names, strict=True):
        share = priced_share.text(name, priced := sums.measure(COST).count, sums.answered)
        if priced and share:
            found.append(share if sums.has_price else f"{share}: too few to compare costs")
    return found


def _used(statistics: Statistics) -> list[int]:
    """The scored samples of each model that are compared."""
    cells = [each.counts for each in statistics.comparison.cells() if min(each.counts) > 0]
    return [round(sum(counts[side] for counts in cells)) for side in (0, 1)]


def _of_difference(statistics: Statistics, design: Design, effect: float, *, is_part: bool) -> list[str]:
    """Why the effect is not the difference of the models' means that stand beside it.

    Args:
        is_part: whether a part of the samples is compared.
    """
    first, second = (each.average for each in statistics.scores)
    plain, how = second - first, _adjustments(statistics, design, is_part=is_part)
    shown, other = (difference_text(design.score, each) for each in (effect, plain))
    is_much = abs(effect - plain) > MUCH * sqrt(max(0.0, statistics.effect(design).variance))
    if not how or shown == other or not is_much:  # also where one is unknown
        return []
    why = ""
    if effect * plain < 0:
        why = ", the other way round: one model had more of its samples where both score higher or lower"
        why = why if WITHIN in how else ", the other way round without that"
    return [f"the effect of {shown} is {', '.join(how)}; the difference of the plain means is {other}{why}"]


def _adjustments(statistics: Statistics, design: Design, *, is_part: bool) -> list[str]:
    """By what the effect is not the plain difference."""
    comparison = statistics.comparison
    cells = comparison.cells()
    applies = {
        "of the planned look": design.kind != "anytime",
        WITHIN: is_part or len(cells) > 1,
        "adjusted for the covariate": any(each.has_covariate for each in cells),
        "without a trend over time": comparison.are_apart,
    }
    return [name for name, is_so in applies.items() if is_so]
