"""From a result to the better model, or to the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite, isnan
from typing import Literal

from fine_tuning.experiments import sample_ratio
from fine_tuning.experiments.ab_test_result import ABTestResult, Interval
from fine_tuning.experiments.design import difference_text
from fine_tuning.experiments.field_intervals import UNKNOWN, interval_of
from fine_tuning.experiments.guardrails import BROKEN, HOLDS
from fine_tuning.experiments.sufficient_statistics import A
from fine_tuning.store.records.experiment_json import Arm

WEIGHTS = {"latency": 0.2, "cost": 0.2}  # accuracy has the other 0.6, and decides alone where it differs


class Reason(StrEnum):
    """Why a model is recommended, or none."""

    BETTER_SCORE = "better_score"
    FASTER_OR_CHEAPER = "faster_or_cheaper"  # and its score is shown to be no more than the margin lower
    GUARDRAIL_BROKEN = "guardrail_broken"  # model_a wins, or a better model_b does not
    GUARDRAIL_OPEN = "guardrail_open"
    NO_SAMPLES = "no_samples"
    EFFECT_CHANGED = "effect_changed"
    SAMPLE_RATIO_MISMATCH = "sample_ratio_mismatch"
    NOT_COMPARABLE = "not_comparable"  # failed calls or late outcomes
    EQUIVALENT = "equivalent"
    BEFORE_FIRST_LOOK = "before_first_look"
    NO_DIFFERENCE = "no_difference"  # in all planned samples
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Recommendation:
    """What a result recommends. Decide by `winner` and `reason`: a model may be called like a text.

    Attributes:
        kind: winner or tie.
        winner: the arm to use; None for a tie.
        reason: why, as a code.
        text: why there is no winner, for people; empty where there is one.
    """

    kind: Literal["winner", "tie"]
    winner: Arm | None
    reason: Reason
    text: str = ""

    def as_text(self, result: ABTestResult) -> str:
        """The winning model's name, or the reason for none after "TIE: "."""
        if self.winner is None:
            return f"TIE: {self.text}"
        return result.model_a if self.winner == A else result.of(self.winner).model_b

    def shown(self, result: ABTestResult) -> str:
        """As `as_text`, with the version that won where its name stands for another by now."""
        text, version = self.as_text(result), None if self.winner is None else result.versions.get(self.winner)
        return text if version is None else f"{text} ({version} at the time of the test)"


def recommend(result: ABTestResult) -> Recommendation:
    """The best model, or why there is none; from the fields of the result alone.

    Of several models the one with the largest improvement among those that are better than model_a; only where each is
    worse, model_a.
    """
    if not result.others:
        return recommend_of_two(result)
    found = [(each, recommend_of_two(each)) for each in result.comparisons]
    better = [(each, advice) for each, advice in found if advice.winner == each.arm]
    if better:  # in its scores before cost and latency
        return max(better, key=lambda both: (both[1].reason == Reason.BETTER_SCORE, both[0].effect))[1]
    if all(advice.winner == A for _, advice in found):
        return found[0][1]
    return _tie(next(advice.reason for _, advice in found if advice.winner is None), against_each(result))


def against_each(result: ABTestResult) -> str:
    """Why none of several models replaces model_a, by model."""
    return "; ".join(f"{each.model_b}: {_why_not(each)}" for each in result.comparisons)


def _why_not(result: ABTestResult) -> str:
    """Why a model does not replace model_a."""
    advice = recommend_of_two(result)
    if advice.winner is None:
        return advice.text
    if advice.reason == Reason.GUARDRAIL_BROKEN:
        return f"breaks the guardrail {', '.join(broken_guardrails(result))}"
    if advice.reason == Reason.FASTER_OR_CHEAPER:
        return f"{result.model_a} is faster or cheaper, and scores at most {_margin(result)} lower"
    return f"{result.model_a} scores better"


def recommend_of_two(result: ABTestResult) -> Recommendation:
    """The better one of model_a and the model that is called model_b here, whatever further models there are.

    A verdict on the scores decides, if model_b keeps its guardrails. Otherwise the model whose latency and cost are
    better wins (weights 0.2 and 0.2, each counted only where its interval excludes 0), if its score is shown to be no
    more than the margin lower. Intervals that a result does not have are estimated from its other fields; see
    `field_intervals`.
    """
    is_mismatch = bool(result.withheld) and result.ratio_mismatch_p <= sample_ratio.ALPHA
    if result.without_samples is not None and not is_mismatch:
        text = f"no samples for {result.without_samples} yet"
        more = "" if _is_concluded(result) else "; aim for 100 or more per model"
        return _tie(Reason.NO_SAMPLES, text + more)
    if result.withheld:
        reason = Reason.SAMPLE_RATIO_MISMATCH if is_mismatch else Reason.NOT_COMPARABLE
        return _tie(reason, f"no verdict: {result.withheld}")
    if result.changed:
        return _tie(Reason.EFFECT_CHANGED, result.changed)
    if result.statistical_significance and (direction := _direction(result)):
        better = _winner(A if direction < 0 else result.arm, Reason.BETTER_SCORE)
        return better if better.winner == A else _guardrail_tie(result) or better
    if broken_guardrails(result):
        return _winner(A, Reason.GUARDRAIL_BROKEN)
    gain = sum(weight * _relative_gain(result, measure) for measure, weight in WEIGHTS.items())
    low, high = interval_of(result, "accuracy")
    if gain > 0 and low >= -result.margin:
        return _guardrail_tie(result) or _winner(result.arm, Reason.FASTER_OR_CHEAPER)
    if gain < 0 and high <= result.margin:
        return _winner(A, Reason.FASTER_OR_CHEAPER)
    if -result.margin <= low and high <= result.margin:
        between = " to ".join(difference_text(result.score, end) for end in (low, high))
        text = f"equivalent: {between} is within {_margin(result)}"
        return _tie(Reason.EQUIVALENT, text)
    return _undecided(result, (low, high))


def broken_guardrails(result: ABTestResult) -> list[str]:
    """The names of the guardrails that model_b breaks."""
    return [rail["name"] for rail in result.guardrails if rail["status"] == BROKEN]


def _winner(arm: Arm, reason: Reason) -> Recommendation:
    return Recommendation("winner", arm, reason)


def _tie(reason: Reason, text: str) -> Recommendation:
    return Recommendation("tie", None, reason, text)


def _direction(result: ABTestResult) -> float:
    """Above 0 where the scores of model_b are better, below 0 where those of model_a are."""
    if result.favours:
        return result.favours
    difference = result.model_b_accuracy - result.model_a_accuracy
    return result.accuracy_improvement if isnan(difference) else difference


def _guardrail_tie(result: ABTestResult) -> Recommendation | None:
    """Why model_b does not replace model_a although it is better; None where all guardrails hold."""
    if broken := broken_guardrails(result):
        text = f"{result.model_b} scores no worse, but breaks the guardrail {', '.join(broken)}"
        return _tie(Reason.GUARDRAIL_BROKEN, text)
    if left := [rail["name"] for rail in result.guardrails if rail["status"] != HOLDS]:
        text = f"{result.model_b} scores no worse; still open: the guardrail {', '.join(left)}"
        return _tie(Reason.GUARDRAIL_OPEN, text)
    return None


def _is_concluded(result: ABTestResult) -> bool:
    """Whether no more samples are recorded, so that none are asked for."""
    return result.status == "completed"


def _failed(result: ABTestResult) -> str:
    """The models without a scored answer whose calls failed; empty where there is none."""
    arms = (
        (result.model_a, result.model_a_samples, result.model_a_open, result.model_a_accuracy),
        (result.model_b, result.model_b_samples, result.model_b_open, result.model_b_accuracy),
    )
    found = [
        f"all {samples:,} calls of {model} failed"
        if not still_open
        else f"{samples - still_open:,} of {samples:,} calls of {model} failed, and the outcome of the others is open"
        for model, samples, still_open, accuracy in arms
        if isnan(accuracy) and samples > still_open
    ]
    return "; ".join(found)


def _undecided(result: ABTestResult, accuracy: Interval) -> Recommendation:
    if failed := _failed(result):
        return _tie(Reason.UNDECIDED, f"no verdict: {failed}")
    if result.design != "anytime" and isnan(result.p_value) and not result.is_over:
        text = f"no verdict before the next planned look of this {result.design} test"
        if not _is_concluded(result) and not isnan(result.samples_needed):
            text = (
                f"no verdict before the next planned look; {result.samples_needed:,.0f} more samples per model "
                f"complete this {result.design} test"
            )
        return _tie(Reason.BEFORE_FIRST_LOOK, text)
    if result.is_over and isnan(result.p_value):
        text = (
            "no verdict: the spread of the scores is unknown, since they do not vary, one unit gave all of a model, or "
            "the samples did not come in random order"
        )
        return _tie(Reason.UNDECIDED, text)
    if result.is_over:
        return _tie(Reason.NO_DIFFERENCE, f"no difference found in the planned samples (p = {result.p_value:.2g})")
    more = f"about {result.samples_needed:,.0f} more" if result.samples_needed > 0 else "more"
    unit = "pairs" if result.is_paired else "samples per model"
    advice = "the test is concluded" if _is_concluded(result) else f"record {more} {unit}"
    effect = result.accuracy_improvement if isnan(result.effect) else result.effect
    level, measured = 1 - result.confidence_level, "accuracy" if result.score == "binary" else "score"
    p_value = "" if isnan(result.p_value) else f" (p = {result.p_value:.2g}, needs {level:.2g})"
    text = (
        f"undecided after {_size(result)}: the {measured} of {result.model_b} is "
        f"{difference_text(result.score, effect)} against {result.model_a}{p_value}; "
        f"{_excluded(result, accuracy)}{advice}"
    )
    return _tie(Reason.UNDECIDED, text)


def _size(result: ABTestResult) -> str:
    """How many samples there are of each model, and of how many the outcome is still open."""
    a, b, open_a, open_b = result.model_a_samples, result.model_b_samples, result.model_a_open, result.model_b_open
    if not (a and b):
        return f"{result.total_samples} samples"
    if not (open_a or open_b):
        return f"{a} and {b} samples"
    return f"{a - open_a} and {b - open_b} samples with an outcome, {open_a} and {open_b} open"


def _excluded(result: ABTestResult, accuracy: Interval) -> str:
    """The differences that the interval excludes; of rates, whole scales exclude nothing."""
    bound = 1.0 if result.score == "binary" else inf
    low, high = accuracy
    parts = [
        f"{side} {difference_text(result.score, end)}"
        for side, end, says_something in (("below", low, low > -bound), ("above", high, high < bound))
        if isfinite(end) and says_something
    ]
    return f"{' and '.join(parts)} is excluded; " if parts else ""


def _margin(result: ABTestResult) -> str:
    return f"{result.margin * 100:g} points" if result.score == "binary" else f"{result.margin:g}"


def _relative_gain(result: ABTestResult, measure: str) -> float:
    """Improvement of model_b relative to the worse model, -1 to 1; 0 where it may be noise or is unknown.

    The middle of the interval, not the difference of the means: where shares of traffic change, the means are of
    different times, and may say the opposite.
    """
    low, high = interval_of(result, measure)
    if (low, high) == UNKNOWN or low <= 0 <= high:
        return 0.0
    a, b = (
        (result.model_a_avg_latency, result.model_b_avg_latency)
        if measure == "latency"
        else (result.model_a_cost_per_inference, result.model_b_cost_per_inference)
    )
    return max(-1.0, min(1.0, (low + high) / 2 / max(a, b)))
