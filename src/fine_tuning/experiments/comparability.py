"""Whether the samples of a test can be compared at all: if not, there is no verdict, whatever the scores are."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan, sqrt

from fine_tuning.evaluation import failed_calls
from fine_tuning.experiments import measures, sample_ratio
from fine_tuning.experiments.comparison import MAX_STRATA, MIN_UNITS, OTHER
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.neighbour_evidence import Claim
from fine_tuning.experiments.sufficient_statistics import A, B, Statistics

FAILURES = 0.01  # alpha with which one model fails more calls
OPEN = 2.6  # standard errors by which the shares of known outcomes differ at a look: a verdict on them can wait
AT_ONCE = 120.0  # seconds, in which all scores of a test are recorded that were made before
_TIMES = (
    "so that what changed in between cannot be told from the models; assign each unit at random while both answer, or "
    "give both models' answers to a question the same sample_id"
)


def ratio_p_value(design: Design, statistics: Statistics, *, is_last: bool = False) -> float:
    """The p-value of the sample ratio check; nan where it does not apply.

    Args:
        is_last: the test ends with this look.
    """
    if design.split is None or statistics.is_paired:
        return nan
    p_value = sample_ratio.last_p_value if is_last else sample_ratio.p_value
    return p_value(statistics.units(), design.shares(len(statistics.arms)))


def mismatch_reason(design: Design, statistics: Statistics, *, is_last: bool = False) -> str:
    """Why there is no verdict, where the sample ratio check fails; else empty. See `ratio_p_value`."""
    mismatch = ratio_p_value(design, statistics, is_last=is_last)
    if not mismatch <= sample_ratio.ALPHA:
        return ""
    units = statistics.units()
    unit = "samples" if units == [arm.samples for arm in statistics.arms.values()] else "units"
    got = joined([f"{count:,}" for count in units])
    planned = joined([f"{share:.0%}" for share in design.shares(len(units))])
    return (
        f"sample ratio mismatch (SRM, p = {mismatch:.1g}): the models got {got} {unit} where {planned} were planned; "
        "some are missing, so the scores cannot be compared"
    )


def joined(texts: Sequence[str]) -> str:
    """Texts in a sentence: a, b and c."""
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def incomparable_reason(design: Design, statistics: Statistics, claim: Claim) -> str:
    """Why the scores of two models cannot be compared although the models got their shares; else empty.

    Args:
        claim: what the scores speak for.
    """
    favours = int(claim.favours)
    return (
        _strata_reason(statistics)
        or _apart_reason(statistics)
        or _turns_reason(statistics)
        or _late_reason(statistics)
        or _shared_units_reason(statistics)
        or _failures_reason(design, statistics, favours)
        or _open_reason(statistics, favours)
        or _unmatched_reason(statistics, favours)
        or _neighbours_reason(statistics, claim)
    )


def _strata_reason(statistics: Statistics) -> str:
    """Strata that (nearly) each sample has of its own: more samples are of more strata."""
    if OTHER not in statistics.comparison.strata or statistics.comparison.cells():
        return ""
    return (
        f"the samples are of more than {MAX_STRATA} strata, none of which has {MIN_UNITS} of each model to compare; "
        "more samples alone do not help: start a test with a stratum that few samples differ in, or without one"
    )


def is_one_after_the_other(statistics: Statistics) -> bool:
    """Whether the models have no samples of the same time, nor of the same questions."""
    return not statistics.is_paired and statistics.comparison.are_apart


def _apart_reason(statistics: Statistics) -> str:
    """What changed from one time to another cannot be told from the models, where neither answered in both.

    Scores recorded at once were perhaps not made one after the other; there, a trend is taken away; see `time_trend`.
    """
    is_one_switch = statistics.comparison.trend.is_one_switch
    if statistics.is_paired or not (is_one_switch or statistics.comparison.are_apart):
        return ""
    if not is_one_switch:
        return f"the models' samples came in turns, in blocks of one model alone, {_TIMES}"
    began, ended = statistics.recorded or (0.0, inf)
    if ended - began <= AT_ONCE:
        return ""
    return (
        f"all samples of one model came before those of the other, over {(ended - began) / 3600:,.1f} hours, {_TIMES}"
    )


def _turns_reason(statistics: Statistics) -> str:
    """Units in an order that is not random, at any scale within a block of time: in turns, in cycles of the share that
    are shorter than a block, or several calls of a user that were not said to be of one.
    """
    if statistics.is_paired or not statistics.comparison.in_turns:
        return ""
    return (
        "the models' samples did not come in random order, but in turns of several of one model, so that what changes "
        "with the turns cannot be told from the models; give samples of one user the same cluster_id, both models' "
        "answers to a question the same sample_id, and assign each unit at random"
    )


def _neighbours_reason(statistics: Statistics, claim: Claim) -> str:
    """Cycles of the share that are shorter than a block of time, and weaker than turns."""
    if statistics.is_paired or not statistics.comparison.neighbours_contradict(claim):
        return ""
    return (
        "the models differ less among samples that came one right after the other, so that their shares of the samples "
        "went up and down along with the scores; assign each unit at random while the shares stay as they are, or name "
        "the times or groups of equal shares as `stratum`"
    )


def _late_reason(statistics: Statistics) -> str:
    """An earlier version did not store when samples came that were not scored at once."""
    if not statistics.late_outcomes or statistics.is_paired or not statistics.comparison.has_drift:
        return ""
    return (
        f"the models' shares of the samples changed, and of {statistics.late_outcomes:,} outcomes that came late an "
        "earlier version did not store when their samples were assigned; start a new test"
    )


def _shared_units_reason(statistics: Statistics) -> str:
    """A unit counts as of the time in which it began, but its samples are of other times too."""
    if not statistics.comparison.are_units_of_changing_shares:
        return ""
    return (
        "the models' shares of the samples changed while users (cluster_id) got answers of both models, so that the "
        "models' answers to a user are of other times; give a user one model (`assign`), or keep the shares as they are"
    )


def _open_reason(statistics: Statistics, favours: int) -> str:
    """Where right answers are known earlier than wrong ones, the model with more open outcomes looks better.

    Mantel and Haenszel's test within shares of the traffic.
    """
    found = [each for each in statistics.comparison.known_outcomes() if min(each[0]) > 0]
    apart = variance = 0.0
    for (a, b), (known_a, known_b) in found:
        both, known = a + b, known_a + known_b
        apart += known_b - b * known / both
        variance += a * b * known * (both - known) / (both**2 * (both - 1))
    if not favours or statistics.is_paired or not variance > 0 or abs(apart) <= OPEN * sqrt(variance):
        return ""
    shares = [sum(known[side] for _, known in found) / sum(all_[side] for all_, _ in found) for side in (0, 1)]
    return (
        f"the outcome is known of {shares[0]:.0%} of model_a's samples and of {shares[1]:.0%} of model_b's at the same "
        "time; which are known may depend on the answer, so that scores may be of easier questions: record the "
        "outcomes that are open, or as many of both"
    )


def _unmatched_reason(statistics: Statistics, favours: int) -> str:
    """Which answer of a pair is missing may depend on whether it is right."""
    if not favours or not statistics.is_paired or not statistics.comparison.lacks_answers:
        return ""
    first, second = statistics.comparison.unmatched
    return (
        f"{statistics.comparison.pairs:,} questions have a score of both models, {first:,} of model_a alone and "
        f"{second:,} of model_b alone; which are missing may depend on the answer: record those that are missing, or "
        "both models' answers to a question together"
    )


def _failures_reason(design: Design, statistics: Statistics, favours: int) -> str:
    """Failed calls have no score, so that a model that fails where it would be wrong looks better.

    Not where a guardrail says how many more are allowed.
    """
    if not favours or any(rail.measure == "errors" for rail in design.guardrails):
        return ""
    low, high = measures.difference(statistics, "errors", FAILURES).sequence(FAILURES)
    if not (low > 0 if favours > 0 else high < 0):
        return ""
    (failed_a, all_a), (failed_b, all_b) = (
        (round(found.total), found.count) for found in (statistics.arms[arm].measure("errors") for arm in (A, B))
    )
    found = failed_calls.reason((A, B), (failed_a, failed_b), (all_a, all_b))
    return f"{found}: score them 0, or set a guardrail on errors"
