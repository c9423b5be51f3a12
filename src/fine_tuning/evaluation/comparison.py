"""Compare two evaluations of the same test set example by example."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from typing import TypedDict

import numpy as np

from fine_tuning.errors import UsageError
from fine_tuning.evaluation import bleu_chrf_ter, label_averages, metrics, paired_tests
from fine_tuning.evaluation.intervals import Interval
from fine_tuning.evaluation.paired_tests import CorpusScore
from fine_tuning.store.records.evaluations import Evaluation, EvaluationRow

Pair = tuple[EvaluationRow, EvaluationRow]


class MetricChange(TypedDict):
    """How a metric differs.

    `first` and `second` are the figures over the examples for which both have scores; `difference` is second - first
    with its 95 % interval `low` to `high`. `p_value` is from McNemar's exact test for rates, a paired t-test for means
    and clustered examples, or a paired bootstrap for corpus metrics and macro-averages, as `test` says; nan where there
    is no test.
    `adjusted_p` is corrected for the number of metrics compared (Benjamini and Hochberg); macro-averages, which see the
    same answers as the main metric, are corrected among themselves.
    """

    metric: str
    examples: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    test: str
    adjusted_p: float


class SliceChange(MetricChange):
    """How the main metric differs among the examples whose `field` is `value`."""

    field: str
    value: str


class ChangedExample(TypedDict):
    """An example whose score changed, or whose call failed on one side only."""

    question: str | None
    reference: str
    first: str | None
    second: str | None
    first_score: float | None
    second_score: float | None
    first_error: str | None
    second_error: str | None


class ComparedEvaluation(TypedDict):
    """One of the two evaluations."""

    id: int
    model_name: str
    model_type: str
    metric: str
    test_set_size: int
    created_at: str


class Comparison(TypedDict):
    """What `ModelEvaluator.compare_evaluations` returns."""

    first: ComparedEvaluation
    second: ComparedEvaluation
    examples: int
    changes: list[MetricChange]
    slices: list[SliceChange]
    rows: list[ChangedExample]


def compare(
    first: Evaluation, second: Evaluation, first_rows: Sequence[EvaluationRow], second_rows: Sequence[EvaluationRow]
) -> Comparison:
    """Compare two stored evaluations by their rows.

    Raises:
        UsageError: they are one, or have no example, or no metric, in common.
    """
    if first["id"] == second["id"]:
        raise UsageError(
            f"both are evaluation {first['id']} of {first['model_name']}; name two, by id where a model has several"
        )
    pairs = matched(first_rows, second_rows)
    names = sorted(_metrics_of(first_rows) & _metrics_of(second_rows))
    if not names:
        raise UsageError("the two evaluations have no metric in common")
    names.sort(key=lambda name: name != first["metric"])
    return {
        "first": _compared(first),
        "second": _compared(second),
        "examples": len(pairs),
        "changes": [*changes(pairs, names), *_adjusted(_label_changes(names[0], pairs))],
        "slices": [
            {"field": field, "value": value, **_change(names[0], members)} for field, value, members in _sliced(pairs)
        ],
        "rows": changed_rows(pairs, names[0]),
    }


def _metrics_of(rows: Sequence[EvaluationRow]) -> set[str]:
    return {name for row in rows for name in row["scores"] or {}}


def _compared(evaluation: Evaluation) -> ComparedEvaluation:
    return {
        "id": evaluation["id"],
        "model_name": evaluation["model_name"],
        "model_type": evaluation["model_type"],
        "metric": evaluation["metric"],
        "test_set_size": evaluation["test_set_size"],
        "created_at": evaluation["created_at"],
    }


def _sliced(pairs: Sequence[Pair]) -> list[tuple[str, str, list[Pair]]]:
    """The pairs of each slice, by field and value."""
    found: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        for name, value in (pair[0]["slices"] or {}).items():
            found.setdefault((name, value), []).append(pair)
    return [(name, value, members) for (name, value), members in sorted(found.items())]


def matched(first: Sequence[EvaluationRow], second: Sequence[EvaluationRow]) -> list[Pair]:
    """Pair the rows of both evaluations with the same question and reference.

    Raises:
        UsageError: they have none in common.
    """
    if any(row["question"] in (None, "") for side in (first, second) for row in side):
        return _in_order(first, second)
    known: dict[tuple[str | None, str], list[EvaluationRow]] = {}
    for row in first:
        known.setdefault((row["question"], row["reference"]), []).append(row)
    pairs = [(found.pop(0), row) for row in second if (found := known.get((row["question"], row["reference"])))]
    if not pairs:
        raise UsageError("the two evaluations have no example in common; evaluate both models on the same file")
    return pairs


def _in_order(first: Sequence[EvaluationRow], second: Sequence[EvaluationRow]) -> list[Pair]:
    """Pair rows without questions by position, if both files have the same references in the same order."""
    if [row["reference"] for row in first] != [row["reference"] for row in second]:
        raise UsageError(
            "the evaluations have no questions to match their examples by, and their references differ; "
            "evaluate files with prompts, in which each example can be found again"
        )
    return list(zip(first, second, strict=True))


def changes(pairs: Sequence[Pair], names: Sequence[str]) -> list[MetricChange]:
    """How each metric differs, over the examples of both evaluations."""
    return _adjusted([_change(name, pairs) for name in names])


def _adjusted(found: list[MetricChange]) -> list[MetricChange]:
    """Changes with p-values that are corrected for their number; averages of labels are a family of their own."""
    tested = [change for change in found if not isnan(change["p_value"])]
    adjusted = paired_tests.benjamini_hochberg([change["p_value"] for change in tested])
    for change, p_value in zip(tested, adjusted, strict=True):
        change["adjusted_p"] = p_value
    return found


def _change(name: str, pairs: Sequence[Pair]) -> MetricChange:
    metric = metrics.find(name)
    scored = [(a, b) for a, b in pairs if _score(a, name) is not None and _score(b, name) is not None]
    if not scored:
        return _metric_change(name, 0, (nan, nan), ((nan, nan), nan), "no example has both scores")
    first, second = ([float(_score(row, name) or 0) for row in side] for side in zip(*scored, strict=True))
    if metric.corpus is not None:
        return _corpus_change(name, metric.corpus, scored)
    means = float(np.mean(first)), float(np.mean(second))
    if (clusters := _clusters(scored)) is not None:
        tested = paired_tests.clustered_difference(first, second, clusters, metric.bounds)
        return _metric_change(name, len(scored), means, tested, "paired t, clustered")
    if metric.kind == "binary":
        return _metric_change(name, len(scored), means, _test_rates(first, second), "McNemar, exact")
    tested = paired_tests.mean_difference(first, second, bounds=metric.bounds), paired_tests.mean_test(first, second)
    return _metric_change(name, len(scored), means, tested, "paired t")


def _metric_change(
    name: str,
    examples: int,
    figures: tuple[float, float],
    tested: tuple[Interval, float],
    test: str,
) -> MetricChange:
    """A change from both figures and the tested difference: its interval and p-value."""
    (low, high), p_value = tested
    return {
        "metric": name,
        "examples": examples,
        "first": figures[0],
        "second": figures[1],
        "difference": figures[1] - figures[0],
        "low": low,
        "high": high,
        "p_value": p_value,
        "test": test,
        "adjusted_p": nan,
    }


def _test_rates(first: Sequence[float], second: Sequence[float]) -> tuple[Interval, float]:
    """The interval of the difference of two rates over the same examples, and its p-value."""
    only_first = sum(a > b for a, b in zip(first, second, strict=True))
    only_second = sum(b > a for a, b in zip(first, second, strict=True))
    both = sum(a == b == 1 for a, b in zip(first, second, strict=True))
    neither = len(first) - both - only_first - only_second
    interval = paired_tests.rate_difference(both, only_first, only_second, neither)
    return interval, paired_tests.mcnemar(only_first, only_second)


def _clusters(pairs: Sequence[Pair]) -> list[str | int] | None:
    """The cluster of each pair; a pair without one is its own. None where no two pairs share a cluster."""
    found = [a["cluster"] or b["cluster"] or at for at, (a, b) in enumerate(pairs)]
    return found if len(set(found)) < len(found) else None


def _corpus_change(name: str, kind: str, scored: Sequence[Pair]) -> MetricChange:
    references = [a["reference"] for a, _ in scored]
    first, second = (
        bleu_chrf_ter.resampled_score([pair[side]["prediction"] or "" for pair in scored], references, kind)
        for side in (0, 1)
    )
    return _resampled_change(name, (first, second), scored)


def _label_changes(name: str, pairs: Sequence[Pair]) -> list[MetricChange]:
    """Of the macro-averages where a metric is right or wrong and references are labels, of which one occurs again."""
    scored = [pair for pair in pairs if all(_score(row, name) is not None for row in pair)]
    if metrics.find(name).kind != "binary" or len({a["reference"] for a, _ in scored}) == len(scored):
        return []
    first, second = (
        label_averages.resampled_averages([_labels(pair[side], name) for pair in scored]) for side in (0, 1)
    )

    def of(averages: label_averages.Averages, at: int) -> CorpusScore:
        return lambda positions: float(averages(positions)[at])

    return [
        _resampled_change(each, (of(first, at), of(second, at)), scored) for at, each in enumerate(label_averages.NAMES)
    ]


def _labels(row: EvaluationRow, name: str) -> tuple[str, str]:
    return label_averages.label_pair(row["prediction"] or "", row["reference"], is_right=bool(_score(row, name)))


def _resampled_change(name: str, scores: tuple[CorpusScore, CorpusScore], scored: Sequence[Pair]) -> MetricChange:
    """Of figures of all examples together, by both models' functions of the positions."""
    first, second = scores
    clusters = _clusters(scored)
    tested = paired_tests.bootstrap_test(
        lambda positions: second(positions) - first(positions), len(scored), clusters=clusters
    )
    figures = first(range(len(scored))), second(range(len(scored)))
    test = "paired bootstrap" if clusters is None else "paired bootstrap, clustered"
    return _metric_change(name, len(scored), figures, tested, test)


def _score(row: EvaluationRow, name: str) -> float | None:
    return (row["scores"] or {}).get(name)


def changed_rows(pairs: Sequence[Pair], name: str) -> list[ChangedExample]:
    """The examples whose score changed, or whose call failed on one side only: the worst losses first."""
    found: list[ChangedExample] = []
    for a, b in pairs:
        before, after = _score(a, name), _score(b, name)
        if before == after and a["error"] == b["error"]:
            continue
        found.append(
            {
                "question": a["question"],
                "reference": a["reference"],
                "first": a["prediction"],
                "second": b["prediction"],
                "first_score": before,
                "second_score": after,
                "first_error": a["error"],
                "second_error": b["error"],
            }
        )
    better = 1 if metrics.find(name).higher_is_better else -1
    return sorted(found, key=lambda row: better * ((row["second_score"] or 0) - (row["first_score"] or 0)))
