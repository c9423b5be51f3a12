"""From an experiment's running sums to a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from math import exp, inf, isfinite, isnan, log, nan
from typing import Any, NamedTuple

from scipy.special import ndtr, ndtri

from fine_tuning.experiments import confidence_sequences, group_sequential, guardrails, measures, sample_ratio
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.sufficient_statistics import A, B, Effect, Statistics

LEAST_P = 1e-12
SECONDARY = 0.2  # of alpha, for latency and for cost


@dataclass
class ABTestResult:
    """The state of a test; improvements are positive where model_b is better, unknown is nan.

    Accuracy is the mean score: the share of right answers where scores are binary.

    Attributes:
        accuracy_improvement, latency_improvement, cost_improvement: differences of the plain means.
        statistical_significance: whether the design shows that the scores differ, at `1 - confidence_level`.
        p_value: valid at every look (anytime), at the planned looks (group_sequential), at the end (fixed).
        intervals: of the improvements in accuracy, and (at alpha / 5) latency and cost, as (low, high), infinite while
            unknown.
        late_samples: those that came after the end.
        effect: the difference in score that the verdict is about: of pairs where answers are paired, adjusted where
            there is a covariate.
        favours: 1 where the verdict is for model_b, -1 for model_a, 0 while there is none.
        samples_needed: about how many more of each model (or pairs) until a verdict; nan where unknown.
        is_over: whether no further sample can change the verdict (planned designs after their last look).
        guardrails: how each stands; see `guardrails.Kept`.
        ratio_mismatch_p: of the counts against the planned split; nan where none is planned.
        withheld: why there is no verdict whatever the scores say; empty where there may be one.
        score, margin, is_paired: of the design; see there.
    """

    test_id: str
    model_a: str
    model_b: str
    status: str
    total_samples: int
    model_a_accuracy: float
    model_b_accuracy: float
    accuracy_improvement: float
    model_a_avg_latency: float
    model_b_avg_latency: float
    latency_improvement: float
    model_a_cost_per_inference: float
    model_b_cost_per_inference: float
    cost_improvement: float
    statistical_significance: bool
    confidence_level: float
    started_at: str
    completed_at: str | None
    metadata: dict[str, Any] = field(default_factory=dict)
    p_value: float = nan
    model_a_samples: int = 0
    model_b_samples: int = 0
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    design: str = "anytime"
    effect: float = nan
    favours: int = 0
    samples_needed: float = nan
    is_over: bool = False
    guardrails: list[dict[str, Any]] = field(default_factory=list)
    ratio_mismatch_p: float = nan
    withheld: str = ""
    score: str = "binary"
    margin: float = 0.05
    is_paired: bool = False
    late_samples: int = 0

    @property
    def without_samples(self) -> str | None:
        """The model (the first, if both) of which no sample is recorded; None where both have some."""
        if self.model_a_samples and self.model_b_samples:
            return None
        return self.model_b if self.model_a_samples else self.model_a


class _Decision(NamedTuple):
    """favours, p_value, low, high, is_over: as in `ABTestResult`; estimate: of the effect at the deciding look."""

    favours: int
    p_value: float
    low: float
    high: float
    is_over: bool = False
    estimate: float = nan


def judge(experiment: Mapping[str, Any], alpha: float | None = None) -> ABTestResult:
    """The verdict so far, from the stored sums alone.

    Args:
        alpha: instead of the design's.
    """
    design, statistics = Design.of(**experiment["design"]), Statistics.of(experiment["statistics"])
    alpha = design.alpha if alpha is None else alpha
    a, b = statistics.arms[A], statistics.arms[B]
    effect = statistics.effect(design)
    decided = _decide(design, statistics, effect, alpha)
    kept_back = withheld(design, statistics)
    means = {name: (a.measure(name).average, b.measure(name).average) for name in ("latency", "cost")}
    # Latency and cost may decide where scores do not: with a part of alpha, so that three chances do not add up.
    intervals = {name: _lower(statistics, name, alpha * SECONDARY) for name in means}
    return ABTestResult(
        test_id=experiment["id"],
        model_a=experiment["model_a"],
        model_b=experiment["model_b"],
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
        statistical_significance=decided.favours != 0 and not kept_back,
        confidence_level=1 - alpha,
        started_at=experiment["started_at"],
        completed_at=experiment["completed_at"],
        metadata=experiment["metadata"],
        p_value=decided.p_value,
        model_a_samples=a.samples,
        model_b_samples=b.samples,
        intervals={"accuracy": (decided.low, decided.high), **intervals},
        design=design.kind,
        effect=effect.estimate if design.kind == "anytime" or not statistics.looks else decided.estimate,
        favours=0 if kept_back else decided.favours,
        samples_needed=_needed(design, statistics, effect, alpha),
        is_over=decided.is_over,
        guardrails=[asdict(guardrails.judge(rail, statistics, alpha)) for rail in design.guardrails],
        ratio_mismatch_p=_mismatch(design, statistics),
        withheld=kept_back,
        score=design.score,
        margin=design.margin,
        is_paired=statistics.is_paired,
        late_samples=experiment.get("late", 0),
    )


def shown(design: Design, statistics: Statistics) -> dict[str, float | None]:
    """The effect so far, its interval and its p-value, for looking back later; None where there is none yet."""
    effect = statistics.effect(design)
    decided = _decide(design, statistics, effect, design.alpha)
    found = {"effect": effect.estimate, "low": decided.low, "high": decided.high, "p_value": decided.p_value}
    return {name: value if isfinite(value) else None for name, value in found.items()}


def _mismatch(design: Design, statistics: Statistics) -> float:
    if design.split is None or statistics.is_paired:
        return nan
    return sample_ratio.p_value(statistics.mismatch)


def withheld(design: Design, statistics: Statistics) -> str:
    """Why there is no verdict whatever the scores say; empty where there may be one."""
    mismatch = _mismatch(design, statistics)
    if not mismatch <= sample_ratio.ALPHA:
        return ""
    a, b = statistics.units()
    what = "samples" if (a, b) == tuple(statistics.arms[arm].samples for arm in (A, B)) else "units"
    return (
        f"the models got {a:,} and {b:,} {what} where {1 - (design.split or 0):.0%} and {design.split:.0%} were "
        f"planned (p = {mismatch:.1g}); something keeps some of one of them away, so that they cannot be compared"
    )


def _decide(design: Design, statistics: Statistics, effect: Effect, alpha: float) -> _Decision:
    if design.kind == "anytime":
        return _anytime(design, statistics, effect, alpha)
    return _planned(design, statistics, alpha)


def _anytime(design: Design, statistics: Statistics, effect: Effect, alpha: float) -> _Decision:
    spread = design.spread if design.score != "real" else inf
    is_plain = not statistics.is_clustered and not statistics.has_covariate
    low, high = statistics.low, statistics.high
    if alpha != design.alpha and effect.is_ready:
        low, high = _now(effect, alpha)
    pairs = statistics.pairs
    if low > high:  # what the samples say has changed in between: no effect fits all looks
        low, high = _now(effect, alpha)
    if design.score == "bounded" and is_plain and pairs.wealth is not None:
        low, high = ((2 * end - 1) * spread for end in pairs.wealth.interval(alpha))
        log_e, favours = pairs.wealth.log_e_value(0.5), pairs.bets_favour
    elif design.score == "binary" and is_plain:
        log_e, favours = pairs.log_e, pairs.favours
    else:
        log_e, favours = statistics.log_e, statistics.favours
    p_value = confidence_sequences.always_valid_p(log_e)
    return _Decision(favours if p_value <= alpha else 0, p_value, max(low, -spread), min(high, spread))


def _now(effect: Effect, alpha: float) -> tuple[float, float]:
    """The confidence sequence of the effect at this look."""
    return effect.interval(confidence_sequences.limit(effect.n, alpha, effect.planned))


def _planned(design: Design, statistics: Statistics, alpha: float) -> _Decision:
    """Of the looks so far the first that crosses its boundary decides."""
    looks = statistics.looks
    if not looks:
        return _Decision(0, nan, -inf, inf)
    limits = _limits(design, len(looks), alpha)
    crossed = next((at for at, look in enumerate(looks) if abs(look.z) >= limits[at]), None)
    last = looks[-1 if crossed is None else crossed]
    low, high = last.interval(limits[-1 if crossed is None else crossed]) if last.variance > 0 else (-inf, inf)
    favours = 0 if crossed is None else 1 if last.z > 0 else -1
    is_over = crossed is not None or len(looks) == len(design.fractions)
    p_value = _p_of(design, tuple(abs(look.z) for look in looks))
    return _Decision(favours, p_value, low, high, is_over, last.estimate)


def _limits(design: Design, looks: int, alpha: float) -> tuple[float, ...]:
    if design.kind == "fixed":
        return (float(ndtri(1 - alpha / 2)),)
    return group_sequential.boundaries(design.fractions[:looks], alpha, design.spending)


@lru_cache(maxsize=1024)
def _p_of(design: Design, zs: tuple[float, ...]) -> float:
    """The least alpha at which the design would have found a difference by now."""
    if design.kind == "fixed":
        return float(2 * ndtr(-zs[0]))
    low, high = log(LEAST_P), 0.0
    for _ in range(16):  # to about 5 % of itself
        middle = (low + high) / 2
        limits = group_sequential.boundaries(design.fractions[: len(zs)], exp(middle), design.spending)
        if any(z >= limit for z, limit in zip(zs, limits, strict=True)):
            high = middle
        else:
            low = middle
    return exp(high)


def _lower(statistics: Statistics, name: str, alpha: float) -> tuple[float, float]:
    """The confidence sequence of how much lower model_b's mean of a measure is."""
    found = measures.difference(statistics, name, alpha)
    if not found.is_ready:
        return -inf, inf
    low, high = found.interval(confidence_sequences.limit(found.n, alpha, found.planned))
    return -high, -low


def _needed(design: Design, statistics: Statistics, effect: Effect, alpha: float) -> float:
    """How many more samples of each model (or pairs) until the interval excludes 0, or all beyond the margin."""
    if design.kind != "anytime":
        return max(0, (design.planned or 0) - statistics.size)
    target = max(abs(effect.estimate), design.margin - abs(effect.estimate))
    if not effect.is_ready or isnan(target) or not target > 0 or not effect.variance > 0:
        return nan
    per_observation, n = effect.variance * effect.n, float(effect.n)
    while confidence_sequences.half_width(per_observation / n, n, alpha, effect.planned) > target and n < 1e12:
        n *= 1.05
    return max(0, round((n / effect.n - 1) * statistics.size))
