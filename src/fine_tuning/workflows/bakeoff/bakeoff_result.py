"""What a bake-off finds about each candidate, and which is the cheapest that is not worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import NotRequired, TypedDict

import numpy as np

from fine_tuning.candidates.candidate import CandidateAnswer
from fine_tuning.evaluation import intervals, score_summary
from fine_tuning.evaluation.paired_non_inferiority import ALPHA, PairedScores, holm
from fine_tuning.evaluation.score_summary import Figure

INCUMBENT = "incumbent"
MIN_SLICE = 20  # rows of a slice that are compared


class Interval(TypedDict):
    """A figure with its interval; nan is unknown."""

    value: float
    low: float
    high: float


class CandidateResult(TypedDict):
    """A candidate on the test part.

    `quality` is the mean score; `difference` to the incumbent has the interval at the level at which Holm's procedure
    tested it, so that `not_worse` holds exactly where it lies above minus the margin. Milliseconds, US dollars.
    `break_even_calls`: after how many calls the investment is saved; inf where never, nan where unknown.
    """

    name: str
    quality: Interval
    difference: Interval
    p_value: float
    not_worse: bool
    validation_quality: float
    latency_p50: Interval
    latency_p95: float
    cost_per_call: Interval
    investment: float
    break_even_calls: float
    failures: int
    worse_slices: list[str]
    why_not: NotRequired[str]


class Measured(TypedDict):
    """The answers of a candidate and their scores, in the order of the test rows."""

    answers: Sequence[CandidateAnswer]
    scores: Sequence[float]
    validation_quality: float
    investment: float | None


def interval(figure: Figure) -> Interval:
    """Of a figure."""
    return {"value": figure.value, "low": figure.low, "high": figure.high}


UNKNOWN: Interval = {"value": nan, "low": nan, "high": nan}


def compare(
    measured: Mapping[str, Measured],
    incumbent: str,
    margin: float,
    kind: str,
    clusters: Sequence[int] | None,
    slices: Sequence[Mapping[str, str]],
) -> list[CandidateResult]:
    """Results in the order of `measured`, which has the incumbent among the candidates.

    Args:
        kind: of the scores, "binary" or "bounded".
        clusters: of the test rows; None where no two share a conversation.
    """
    own = measured[incumbent]
    others = [name for name in measured if name != incumbent]
    pairs = {name: PairedScores(own["scores"], measured[name]["scores"], clusters=clusters) for name in others}
    steps = dict(zip(others, holm([pairs[name].p_value(margin) for name in others]), strict=True))
    base_cost = _cost(own["answers"])
    found = []
    for name, each in measured.items():
        figure = score_summary.figure(each["scores"], kind, clusters, (0.0, 1.0))
        cost = _cost(each["answers"])
        latencies = [answer.latency_ms for answer in each["answers"] if answer.latency_ms is not None]
        result: CandidateResult = {
            "name": name,
            "quality": interval(figure),
            "difference": UNKNOWN,
            "p_value": nan,
            "not_worse": name == incumbent,
            "validation_quality": each["validation_quality"],
            "latency_p50": median(latencies),
            "latency_p95": float(np.quantile(latencies, 0.95)) if latencies else nan,
            "cost_per_call": cost,
            "investment": nan if each["investment"] is None else each["investment"],
            "break_even_calls": nan,
            "failures": sum(answer.text is None for answer in each["answers"]),
            "worse_slices": [],
        }
        if name != incumbent:
            step, pair = steps[name], pairs[name]
            result |= {
                "difference": {
                    "value": pair.estimate,
                    "low": pair.lower(step.alpha),
                    "high": pair.upper(step.alpha),
                },
                "p_value": pair.p_value(margin),
                "not_worse": step.is_rejected,
                "break_even_calls": break_even(result["investment"], base_cost["value"], cost["value"]),
                "worse_slices": _worse_slices(pair, slices),
            }
        found.append(result)
    return found


def cheapest_not_worse(results: Sequence[CandidateResult], incumbent: str) -> CandidateResult | None:
    """The candidate to choose: not worse, and of the lowest known cost per call; None where there is none."""
    base = next(each for each in results if each["name"] == incumbent)["cost_per_call"]["value"]
    found = [
        each
        for each in results
        if each["name"] != incumbent and each["not_worse"] and not isnan(each["cost_per_call"]["value"])
    ]
    cheaper = [each for each in found if isnan(base) or each["cost_per_call"]["value"] < base]
    return min(cheaper, key=lambda each: each["cost_per_call"]["value"], default=None)


def break_even(investment: float, incumbent_cost: float, cost: float) -> float:
    """After how many calls an investment is saved; inf where never, nan where a figure is unknown."""
    saved = incumbent_cost - cost
    if isnan(investment) or isnan(saved):
        return nan
    return investment / saved if saved > 0 else float("inf")


def median(values: Sequence[float]) -> Interval:
    """The median with its distribution-free 95 % interval, from the binomial order statistics."""
    if len(values) < 6:  # of fewer the range itself covers less
        return {"value": float(np.median(values)) if values else nan, "low": nan, "high": nan}
    ordered, n = sorted(values), len(values)
    from scipy.stats import binom

    low = int(binom.ppf(0.025, n, 0.5))
    return {"value": float(np.median(ordered)), "low": ordered[max(0, low - 1)], "high": ordered[min(n - 1, n - low)]}


def _cost(answers: Sequence[CandidateAnswer]) -> Interval:
    """The mean of all calls; unknown where one has no price."""
    costs = [answer.cost for answer in answers]
    if not costs or any(cost is None for cost in costs):
        return UNKNOWN
    known = [float(cost or 0.0) for cost in costs]
    low, high = intervals.mean(known)
    return {"value": float(np.mean(known)), "low": low, "high": high}


def _worse_slices(pair: PairedScores, slices: Sequence[Mapping[str, str]]) -> list[str]:
    """Slices in which the candidate scores lower, by an interval of 95 % of each by itself."""
    members: dict[tuple[str, str], list[int]] = {}
    for at, each in enumerate(slices):
        for item in each.items():
            members.setdefault(item, []).append(at)
    found = []
    for (name, value), places in sorted(members.items()):
        if MIN_SLICE <= len(places) < len(slices):
            clusters = None if pair.clusters is None else [pair.clusters[at] for at in places]
            part = PairedScores(
                [pair.incumbent[at] for at in places], [pair.candidate[at] for at in places], clusters=clusters
            )
            if part.upper(ALPHA) < 0:
                found.append(f"{name}={value} ({part.estimate:+.1%} of {len(places)})")
    return found
