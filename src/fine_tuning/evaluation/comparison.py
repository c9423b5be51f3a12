"""Two evaluations of the same test set, example by example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import nan
from typing import Any

import numpy as np

from fine_tuning.errors import UsageError
from fine_tuning.evaluation import metrics, paired_tests, translation_metrics

Row = Mapping[str, Any]


@dataclass
class Change:
    """How a metric differs.

    Attributes:
        first, second: the figures over the examples that both have scores of.
        difference: second - first, with its 95 % interval low to high.
        p_value: McNemar's exact test for rates, a paired t-test for means and clustered examples, a paired bootstrap
            for corpus metrics; nan where there is no test.
        adjusted_p: for the number of metrics that are compared (Benjamini and Hochberg).
        test: what the interval and the p-value come from.
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
    adjusted_p: float = nan


def compare(sides: Sequence[Row], rows: Sequence[Sequence[Row]]) -> dict[str, Any]:
    """What `ModelEvaluator.compare_evaluations` returns; `sides` as the store has them, with their `rows`.

    Raises:
        UsageError: they have no example, or no metric, in common.
    """
    pairs = matched(*rows)
    of_first, of_second = ({name for row in side for name in row["scores"] or {}} for side in rows)
    names = sorted(of_first & of_second)
    if not names:
        raise UsageError("the two evaluations have no metric in common")
    names.sort(key=lambda name: name != sides[0]["metric"])
    shown = ("id", "model_name", "model_type", "metric", "test_set_size", "created_at")
    return {
        "first": {name: sides[0][name] for name in shown},
        "second": {name: sides[1][name] for name in shown},
        "examples": len(pairs),
        "changes": [asdict(change) for change in changes(pairs, names)],
        "slices": [
            {"field": name, "value": value, **asdict(_change(names[0], here))} for name, value, here in _sliced(pairs)
        ],
        "rows": changed_rows(pairs, names[0]),
    }


def _sliced(pairs: Sequence[tuple[Row, Row]]) -> list[tuple[str, str, list[tuple[Row, Row]]]]:
    found: dict[tuple[str, str], list[tuple[Row, Row]]] = {}
    for pair in pairs:
        for name, value in (pair[0]["slices"] or {}).items():
            found.setdefault((name, value), []).append(pair)
    return [(name, value, here) for (name, value), here in sorted(found.items())]


def matched(first: Sequence[Row], second: Sequence[Row]) -> list[tuple[Row, Row]]:
    """The rows of both evaluations that belong to the same question and reference.

    Raises:
        UsageError: they have none in common.
    """
    if any(row["question"] in (None, "") for side in (first, second) for row in side):
        return _in_order(first, second)
    known: dict[tuple[Any, Any], list[Row]] = {}
    for row in first:
        known.setdefault((row["question"], row["reference"]), []).append(row)
    pairs = [(found.pop(0), row) for row in second if (found := known.get((row["question"], row["reference"])))]
    if not pairs:
        raise UsageError("the two evaluations have no example in common; evaluate both models on the same file")
    return pairs


def _in_order(first: Sequence[Row], second: Sequence[Row]) -> list[tuple[Row, Row]]:
    """Rows without questions belong together where both files have the same references in the same order."""
    if [row["reference"] for row in first] != [row["reference"] for row in second]:
        raise UsageError(
            "the evaluations hold no questions to match their examples by, and their references differ; "
            "evaluate files with prompts, in which each example can be found again"
        )
    return list(zip(first, second, strict=True))


def changes(pairs: Sequence[tuple[Row, Row]], names: Sequence[str]) -> list[Change]:
    """How each metric differs, over the examples that both have."""
    found = [_change(name, pairs) for name in names]
    tested = [change for change in found if change.p_value == change.p_value]
    for change, adjusted in zip(tested, paired_tests.benjamini_hochberg([c.p_value for c in tested]), strict=True):
        change.adjusted_p = adjusted
    return found


def _change(name: str, pairs: Sequence[tuple[Row, Row]]) -> Change:
    metric = metrics.find(name)
    scored = [(a, b) for a, b in pairs if _score(a, name) is not None and _score(b, name) is not None]
    if not scored:
        return Change(name, 0, nan, nan, nan, nan, nan, nan, "no example has both scores")
    first, second = ([float(_score(row, name) or 0) for row in side] for side in zip(*scored, strict=True))
    count = len(scored)
    if metric.corpus is not None:
        return _corpus(name, metric.corpus, scored)
    means = float(np.mean(first)), float(np.mean(second))
    if (clusters := _clusters(scored)) is not None:
        interval, p_value = paired_tests.clustered_difference(first, second, clusters, metric.bounds)
        test = "paired t, clustered"
    elif metric.kind == "binary":
        only_first = sum(a > b for a, b in zip(first, second, strict=True))
        only_second = sum(b > a for a, b in zip(first, second, strict=True))
        both = sum(a == b == 1 for a, b in zip(first, second, strict=True))
        interval = paired_tests.rate_difference(both, only_first, only_second, count - both - only_first - only_second)
        p_value, test = paired_tests.mcnemar(only_first, only_second), "McNemar, exact"
    else:
        interval = paired_tests.mean_difference(first, second, bounds=metric.bounds)
        p_value, test = paired_tests.mean_test(first, second), "paired t"
    return Change(name, count, *means, means[1] - means[0], *interval, p_value, test)


def _clusters(pairs: Sequence[tuple[Row, Row]]) -> list[Any] | None:
    """The cluster of each pair, one without any by itself; None where no two pairs share one."""
    found = [a["cluster"] or b["cluster"] or at for at, (a, b) in enumerate(pairs)]
    return found if len(set(found)) < len(found) else None


def _corpus(name: str, kind: str, scored: Sequence[tuple[Row, Row]]) -> Change:
    wanted = [a["reference"] for a, _ in scored]
    sides = [
        translation_metrics.resampled_score([pair[at]["prediction"] for pair in scored], wanted, kind) for at in (0, 1)
    ]
    first, second = (score(range(len(scored))) for score in sides)
    clusters = _clusters(scored)
    interval, p_value = paired_tests.bootstrap_test(
        lambda at: sides[1](at) - sides[0](at), len(scored), clusters=clusters
    )
    test = "paired bootstrap" if clusters is None else "paired bootstrap, clustered"
    return Change(name, len(scored), first, second, second - first, *interval, p_value, test)


def _score(row: Row, name: str) -> float | None:
    found: float | None = (row["scores"] or {}).get(name)
    return found


def changed_rows(pairs: Sequence[tuple[Row, Row]], name: str) -> list[dict[str, Any]]:
    """The examples whose score changed, or whose call failed on one side only: the worst losses first."""
    found = []
    for a, b in pairs:
        before, after = _score(a, name), _score(b, name)
        if before == after and a["error"] == b["error"]:
            continue
        found.append(
            {
                "question": a["question"], "reference": a["reference"], "first": a["prediction"],
                "second": b["prediction"], "first_score": before, "second_score": after,
                "first_error": a["error"], "second_error": b["error"],
            }
        )  # fmt: skip
    better = 1 if metrics.find(name).higher_is_better else -1
    return sorted(found, key=lambda row: better * ((row["second_score"] or 0) - (row["first_score"] or 0)))
