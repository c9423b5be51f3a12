"""From the running sums of a test to its result."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache
from math import inf, isfinite, isnan, nan, sqrt
from typing import NamedTuple, cast

from scipy.special import ndtr

from fine_tuning.evaluation.intervals import wilson
from fine_tuning.experiments import (
    changed_effects,
    confidence_sequences,
    group_sequential,
    guardrails,
    measures,
    sample_warnings,
)
from fine_tuning.experiments.ab_test_result import ABTestResult, Interval
from fine_tuning.experiments.changed_effects import Found
from fine_tuning.experiments.comparability import incomparable_reason, mismatch_reason, ratio_p_value
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.effect import Effect
from fine_tuning.experiments.neighbour_evidence import Claim
from fine_tuning.experiments.planned_looks import planned_limits
from fine_tuning.experiments.sufficient_statistics import A, B, Statistics
from fine_tuning.store import experiments
from fine_tuning.store.experiments import NewLook
from fine_tuning.store.records.experiment_json import Arm, GuardrailStatus
from fine_tuning.store.records.experiments import Experiment

MIN_P_VALUE = 1e-12
SECONDARY = 0.2  # of alpha, for latency and for cost


class Decision(NamedTuple):
    """What the scores decide: as in `ABTestResult`, with the difference at the look that decided."""

    favours: int
    p_value: float
    low: float
    high: float
    is_over: bool = False
    estimate: float = nan
    changed: str = ""
    withheld: str = ""


def judge(
    experiment: Experiment,
    alpha: float | None = None,
    statistics: Statistics | None = None,
    *,
    is_last: bool = False,
) -> ABTestResult:
    """The verdict so far, from the running sums alone.

    Of several models each is compared with model_a at its part of alpha (Bonferroni), so that all intervals hold
    together; p-values are multiplied accordingly.

    Args:
        alpha: instead of the design's.
        statistics: instead of the stored ones.
        is_last: the test ends with this verdict.
    """
    design = Design.of(**experiment["design"])
    statistics = statistics or Statistics.of(experiment["statistics"], [*experiments.models(experiment)])
    alpha = design.alpha if alpha is None else alpha
    results = [_compared(experiment, statistics, arm, alpha, is_last=is_last) for arm in statistics.comparisons]
    first, *others = results
    return replace(first, others=others, total_samples=sum(arm.samples for arm in statistics.arms.values()))


def _compared(experiment: Experiment, every: Statistics, arm: Arm, alpha: float, *, is_last: bool) -> ABTestResult:
    """One model with model_a."""
    design, models = Design.of(**experiment["design"]), experiments.models(experiment)
    comparisons = len(every.comparisons)
    statistics, part = every.against(arm), alpha / comparisons
    a, b = statistics.arms[A], statistics.arms[B]
    effect = statistics.effect(design)
    decided = decide(design, statistics, effect, part, mismatch_reason(design, every, is_last=is_last))
    shown = effect.estimate if isnan(decided.estimate) else decided.estimate
    names = models[A], models[arm]
    means = {name: (a.measure(name).average, b.measure(name).average) for name in ("latency", "cost")}
    # Latency and cost may decide where scores do not: with a part of alpha, so that three chances do not add up.
    intervals = {name: _lower(statistics, name, part * SECONDARY) for name in means}
    return ABTestResult(
        test_id=experiment["id"],
        model_a=models[A],
        model_b=models[arm],
        arm=arm,
        status=experiment["status"],
        total_samples=a.samples + b.samples,
        model_a_accuracy=a.scores.average,
        model_b_accuracy=b.scores.average,
        accuracy_improvement=b.scores.average - a.scores.average,
        model_a_avg_latency=means["latency"][0],
        model_b_avg_latency=means["latency"][1],
        latency_improvement=means["latency"][0] - means["latency"][1],
        model_a_cost_per_inference=means["cost"][0],
        model_b_cost_per_inference=means["cost"][1],
        cost_improvement=means["cost"][0] - means["cost"][1],
        statistical_significance=decided.favours != 0,
        confidence_level=1 - alpha,
        started_at=experiment["started_at"],
        completed_at=experiment["completed_at"],
        metadata=experiment["metadata"],
        p_value=min(comparisons * decided.p_value, 1.0),  # nan stays
        model_a_samples=a.samples,
        model_b_samples=b.samples,
        intervals={"accuracy": (decided.low, decided.high), **intervals, **_of_shares(design, statistics)},
        design=design.kind,
        effect=shown,
        favours=decided.favours,
        samples_needed=nan if decided.withheld else _needed(design, statistics, effect, part, decided.favours),
        is_over=decided.is_over,
        guardrails=[
            cast("GuardrailStatus", asdict(guardrails.judge(rail, statistics, part))) for rail in design.guardrails
        ],
        ratio_mismatch_p=ratio_p_value(design, every, is_last=is_last),
        withheld=decided.withheld,
        score=design.score,
        margin=design.margin,
        is_paired=statistics.is_paired,
        late_samples=experiment["late"],
        model_a_open=a.open_samples,
        model_b_open=b.open_samples,
        changed=decided.changed,
        warnings=sample_warnings.of(statistics, design, names, None if decided.withheld else shown),
    )


def _of_shares(design: Design, statistics: Statistics) -> dict[str, Interval]:
    """The 95 % intervals of both models' shares of right answers, at this one look: Wilson's, at the number of units,
    as if all answers of a unit were alike. None of other scores.
    """
    if design.score != "binary":
        return {}
    shares = zip(statistics.scores, statistics.comparison.effective_units, strict=True)
    low_high = (wilson(scores.mean * units, units) for scores, units in shares)
    return dict(zip(("model_a_accuracy", "model_b_accuracy"), low_high, strict=True))


def decide(design: Design, statistics: Statistics, effect: Effect, alpha: float, mismatch: str = "") -> Decision:
    """What the scores of two models decide; of scores that cannot be compared there is neither p-value nor interval.

    Args:
        effect: so far, of these statistics.
        mismatch: see `comparability.mismatch_reason`.
    """
    decided = _decide(design, statistics, effect, alpha)
    withheld = mismatch or incomparable_reason(design, statistics, _claim(decided, design, effect, alpha))
    if not withheld:
        return decided
    return Decision(0, nan, *_clipped((-inf, inf), design), is_over=decided.is_over, withheld=withheld)


def _claim(decided: Decision, design: Design, effect: Effect, alpha: float) -> Claim:
    """That a model is better, or no more than the margin worse, so that it may win by its cost."""
    limit = effect.limit(alpha, design.alpha)
    if design.kind != "anytime":
        limit = planned_limits(design, len(design.fractions), alpha)[-1]
    if decided.favours:
        return Claim(decided.favours, limit)
    favours = 1 if decided.low >= -design.margin else -1 if decided.high <= design.margin else 0
    return Claim(favours, limit, -design.margin)


def look(design: Design, statistics: Statistics) -> NewLook | None:
    """The effect of model_b so far, its interval and its p-value, for the history; None before there is an effect."""
    effect, comparisons = statistics.effect(design), len(statistics.comparisons)
    if not isfinite(effect.estimate):
        return None
    decided = _decide(design, statistics, effect, design.alpha / comparisons)
    found = decided.low, decided.high, min(comparisons * decided.p_value, 1.0)
    low, high, p_value = (value if isfinite(value) else None for value in found)
    estimate = effect.estimate if isnan(decided.estimate) else decided.estimate
    return {"size": statistics.size, "effect": estimate, "low": low, "high": high, "p_value": p_value}


def _decide(design: Design, statistics: Statistics, effect: Effect, alpha: float) -> Decision:
    if design.kind == "anytime":
        return _anytime(design, statistics, effect, alpha)
    return _planned(design, statistics, alpha)


def _anytime(design: Design, statistics: Statistics, effect: Effect, alpha: float) -> Decision:
    """The look with the most evidence decides, as long as no later samples contradict it.

    The interval is that of all samples; where they alone would not show the difference any more, that of the look.
    """
    looks = [*statistics.comparison.peaks, effect] if effect.is_ready else statistics.comparison.peaks
    if not looks:  # of too few to tell, there is no evidence
        return Decision(0, 1.0 if isfinite(effect.estimate) else nan, *_clipped((-inf, inf), design))
    peak, now = max(looks, key=lambda each: each.log_e(design.alpha)), effect
    p_value = confidence_sequences.always_valid_p(peak.log_e(design.alpha))
    found, latest = (_found(each, design, alpha) for each in (peak, now))
    if p_value > alpha:
        return Decision(0, p_value, *_clipped(latest.interval, design), estimate=now.estimate)
    since = _found(statistics.comparison.effect_since(design, statistics.scores), design, alpha)
    others = [_found(each, design, alpha) for each in looks]
    apart = [each for each in [*others, since] if each.is_apart(found)]
    decided = latest if latest.interval[0] > 0 or latest.interval[1] < 0 else found
    interval = changed_effects.hull([found, *apart]) if apart else decided.interval
    if not apart or interval[0] > 0 or interval[1] < 0:  # perhaps it changed, but not which is better
        favours = 1 if peak.estimate > 0 else -1
        return Decision(favours, p_value, *_clipped(interval, design), estimate=decided.effect.estimate)
    began = sum(statistics.comparison.since_starts)
    changed = changed_effects.contradiction(design, found, (began, since), others)
    return Decision(0, nan, *_clipped(interval, design), estimate=now.estimate, changed=changed)


def _found(effect: Effect, design: Design, alpha: float) -> Found:
    return Found(effect, effect.sequence(alpha, design.alpha))


def _clipped(interval: Interval, design: Design) -> Interval:
    spread = design.spread if design.score != "real" else inf
    return max(interval[0], -spread), min(interval[1], spread)


def _planned(design: Design, statistics: Statistics, alpha: float) -> Decision:
    """Of the looks so far the first that crosses its boundary decides."""
    looks = statistics.comparison.looks
    if not looks:
        return Decision(0, nan, -inf, inf)
    limits = planned_limits(design, len(looks), alpha)
    crossed = next((at for at, look in enumerate(looks) if abs(look.z) >= limits[at]), None)
    last = looks[-1 if crossed is None else crossed]
    low, high = last.interval(limits[-1 if crossed is None else crossed]) if last.variance > 0 else (-inf, inf)
    favours = 0 if crossed is None else 1 if last.z > 0 else -1
    is_over = crossed is not None or len(looks) == len(design.fractions)
    if not last.variance > 0:
        return Decision(0, nan, *_clipped((low, high), design), is_over, last.estimate)
    since = statistics.comparison.effect_since(design, statistics.scores)
    latest = since.sequence(alpha, design.alpha)
    hull = min(low, latest[0]), max(high, latest[1])
    if favours and (latest[0] > high or latest[1] < low) and hull[0] <= 0 <= hull[1]:
        began = sum(statistics.comparison.since_starts) if design.kind == "fixed" else 2 * last.size
        earlier = "in the planned samples" if design.kind == "fixed" else "until then"
        changed = changed_effects.text(design, (began, last.estimate), since.estimate, earlier=earlier)
        return Decision(0, nan, *_clipped(hull, design), is_over=True, estimate=since.estimate, changed=changed)
    p_value = _p_of(design, tuple(abs(look.z) for look in looks), alpha)
    return Decision(favours, p_value, *_clipped((low, high), design), is_over, last.estimate)


@lru_cache(maxsize=1024)
def _p_of(design: Design, zs: tuple[float, ...], alpha: float) -> float:
    """The smallest alpha at which the design would have found a difference by now; at most `alpha` where it does."""
    if design.kind == "fixed":
        return float(2 * ndtr(-zs[0]))
    low, high, middle = MIN_P_VALUE, 1.0, alpha
    for _ in range(16):  # to about 5 % of itself
        limits = group_sequential.boundaries(design.fractions[: len(zs)], middle, design.spending)
        if any(z >= limit for z, limit in zip(zs, limits, strict=True)):
            high = middle
        else:
            low = middle
        middle = sqrt(low * high)
    return high


def _lower(statistics: Statistics, name: str, alpha: float) -> Interval:
    """The confidence sequence of how much lower model_b's mean of a measure is."""
    found = measures.difference(statistics, name, alpha)
    low, high = found.sequence(alpha)
    return -high, -low


def _needed(design: Design, statistics: Statistics, effect: Effect, alpha: float, favours: int) -> float:
    """How many more samples of each model (or pairs) until the interval excludes 0, or all beyond the margin: none
    after a verdict; nan where this approximation would have known by now.
    """
    if design.kind != "anytime":
        return max(0, (design.planned or 0) - statistics.size)
    if favours:
        return 0.0
    target = max(abs(effect.estimate), design.margin - abs(effect.estimate))
    if not effect.is_ready or isnan(target) or not target > 0 or not effect.variance > 0:
        return nan
    per_observation, n = effect.variance * effect.n, float(effect.n)
    while confidence_sequences.half_width(per_observation / n, n, alpha, effect.planned) > target and n < 1e12:
        n *= 1.05
    more = round((n / effect.n - 1) * statistics.size)
    return more if more > 0 else nan
