"""Summarize the scores of examples as figures with intervals. A failed call is an error, never a score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import TypedDict

import numpy as np

from fine_tuning.evaluation import bleu_chrf_ter, intervals, metrics, paired_tests, refusal

Scores = Sequence[float | None]


@dataclass(frozen=True)
class Figure:
    """A mean, rate or corpus score with its 95 % interval and the number of examples; nan is unknown."""

    value: float
    low: float
    high: float
    examples: int


class LatencySummary(TypedDict):
    """Milliseconds; nan is unknown."""

    mean: float
    p50: float
    p95: float
    p99: float


def score_all(metric: str, predictions: Sequence[str | None], references: Sequence[str]) -> list[float | None]:
    """The score of each prediction; None where the call failed."""
    score = metrics.find(metric).score
    return [None if p is None else score(p, r) for p, r in zip(predictions, references, strict=True)]


def figure(
    scores: Scores,
    kind: str,
    clusters: Sequence[Hashable] | None = None,
    bounds: tuple[float, float] | None = None,
) -> Figure:
    """A mean with its interval: Wilson's for rates, Student's t for means, clustered where examples are correlated.

    Args:
        kind, bounds: of the scores; see `metrics.Metric`.
        clusters: of each example.
    """
    known = [score for score in scores if score is not None]
    if not known:
        return Figure(nan, nan, nan, 0)
    value = float(np.mean(known))
    if clusters is not None:
        of_known = [cluster for cluster, score in zip(clusters, scores, strict=True) if score is not None]
        clustered = intervals.clustered_rate if kind == "binary" else intervals.clustered_mean
        return Figure(value, *_within(clustered(known, of_known), bounds), len(known))
    if kind == "binary":
        return Figure(value, *intervals.wilson(round(sum(known)), len(known)), len(known))
    if bounds is not None and min(known) == max(known):
        return Figure(value, *_of_equal(value, len(known), bounds), len(known))
    return Figure(value, *_within(intervals.mean(known), bounds), len(known))


def _of_equal(value: float, count: int, bounds: tuple[float, float]) -> intervals.Interval:
    """Equal scores say nothing about their spread; it is at most that of a rate between the bounds."""
    low, width = bounds[0], bounds[1] - bounds[0]
    ends = intervals.wilson((value - low) / width * count, count)
    return low + ends[0] * width, low + ends[1] * width


def _within(interval: intervals.Interval, bounds: tuple[float, float] | None) -> intervals.Interval:
    if bounds is None or isnan(interval[0]):
        return interval
    return max(bounds[0], interval[0]), min(bounds[1], interval[1])


def corpus_figure(
    metric: str,
    predictions: Sequence[str | None],
    references: Sequence[str],
    clusters: Sequence[Hashable] | None = None,
) -> Figure:
    """The corpus score by BLEU, chrF or TER with a bootstrap interval; see `paired_tests.bootstrap`."""
    kind = metrics.find(metric).corpus or metric
    known = [at for at, prediction in enumerate(predictions) if prediction is not None]
    if not known:
        return Figure(nan, nan, nan, 0)
    score = bleu_chrf_ter.resampled_score(
        [predictions[at] or "" for at in known], [references[at] for at in known], kind
    )
    known_clusters = None if clusters is None else [clusters[at] for at in known]
    low, high = paired_tests.bootstrap(score, len(known), clusters=known_clusters)
    return Figure(score(range(len(known))), low, high, len(known))


def rate(hits: Sequence[bool]) -> Figure:
    """A rate with Wilson's interval."""
    return figure([float(hit) for hit in hits], "binary")


def refusals(predictions: Sequence[str | None]) -> Figure:
    """The rate of refusals among the predictions."""
    return rate([refusal.is_refusal(text) for text in predictions if text is not None])


def latency(milliseconds: Sequence[float | None]) -> LatencySummary:
    """Mean, p50, p95 and p99 of the known latencies; nan without any."""
    known = [each for each in milliseconds if each is not None]
    if not known:
        return {"mean": nan, "p50": nan, "p95": nan, "p99": nan}
    p50, p95, p99 = np.quantile(known, [0.5, 0.95, 0.99]).tolist()
    return {"mean": float(np.mean(known)), "p50": p50, "p95": p95, "p99": p99}


def by_slice(
    slices: Sequence[Mapping[str, str]], figures_at: Callable[[Sequence[int]], dict[str, Figure]]
) -> dict[str, dict[str, dict[str, Figure]]]:
    """The figures of each slice, by field and value."""
    positions: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for position, each in enumerate(slices):
        for field, value in each.items():
            positions[field][value].append(position)
    return {
        field: {value: figures_at(members) for value, members in sorted(values.items())}
        for field, values in positions.items()
    }
