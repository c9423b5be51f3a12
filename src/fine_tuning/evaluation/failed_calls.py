"""Calls that failed have no score: what the figures would be if they had scored as low or as high as they can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fine_tuning.evaluation import comparison, metrics
from fine_tuning.evaluation.comparison import MetricChange, Pair
from fine_tuning.store.records.evaluations import EvaluationRow


class Bounds(NamedTuple):
    """How a metric differs if failed calls count against the second model, and if they count for it."""

    against: MetricChange
    in_favour: MetricChange


def bounds(pairs: Sequence[Pair], name: str) -> Bounds:
    """The change of a metric over all pairs, failed calls included, at both extremes.

    Args:
        name: a metric with bounds whose score of a test set is the mean of its examples' scores.
    """
    low, high = metrics.find(name).bounds or (0.0, 1.0)
    against, in_favour = (
        [(_filled(a, name, first), _filled(b, name, second)) for a, b in pairs]
        for first, second in ((high, low), (low, high))
    )
    return Bounds(comparison.changes(against, [name])[0], comparison.changes(in_favour, [name])[0])


def lowest(rows: Sequence[EvaluationRow], accuracy: float) -> float:
    """An accuracy (0 to 1, over the answered calls) with each failed call counted as a wrong answer."""
    return accuracy * (1 - count(rows) / len(rows)) if rows else accuracy


def count(rows: Sequence[EvaluationRow]) -> int:
    """How many calls have no score."""
    return sum(row["score"] is None for row in rows)


def reason(models: tuple[str, str], failed: tuple[int, int], of: tuple[int, int]) -> str:
    """Why a comparison of two models that failed in some calls decides nothing."""
    return (
        f"{models[0]} failed in {failed[0]:,} of {of[0]:,} calls and {models[1]} in {failed[1]:,} of {of[1]:,}; "
        "failed calls have no score, so that better scores may be of easier questions"
    )


def reason_of_pairs(models: tuple[str, str], pairs: Sequence[Pair]) -> str:
    """As `reason`, of two evaluations over the same questions."""
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    return reason(models, (count(first), count(second)), (len(pairs), len(pairs)))


def _filled(row: EvaluationRow, name: str, score: float) -> EvaluationRow:
    """The row with a score in place of one that is unknown."""
    scores = row["scores"] or {}
    return row if scores.get(name) is not None else {**row, "scores": {**scores, name: score}}
