"""One model on one test set, by any number of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any

from fine_tuning import checks
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import metrics, summary
from fine_tuning.evaluation.classification import macro_averages
from fine_tuning.evaluation.summary import Figure


@dataclass
class Evaluation:
    """Figures with their 95 % intervals; unknown is nan.

    Attributes:
        id: in the store.
        figures: by metric, the first is the accuracy.
        precision, recall, f1_score: macro-averages over the references' labels, of a binary metric; else nan.
        errors: the rate of failed calls; refusals: of answers that decline.
        latency_ms: mean, p50, p95, p99.
        cost: US dollars a call, over the calls whose cost is known.
        slices: by field and value the figure of each metric.
        rows: each example's result, as it is stored.
    """

    model_name: str
    model_type: str
    figures: dict[str, Figure]
    precision: float
    recall: float
    f1_score: float
    errors: Figure
    refusals: Figure
    latency_ms: dict[str, float]
    cost: Figure
    slices: dict[str, dict[str, dict[str, Figure]]]
    test_set_size: int
    metadata: dict[str, Any]
    rows: list[dict[str, Any]] = field(repr=False)
    id: int | None = None

    def row(self) -> dict[str, Any]:
        """As the store's table of evaluations has it."""
        metric, accuracy = next(iter(self.figures.items()))
        figures = {
            "accuracy": accuracy.value, "precision": self.precision, "recall": self.recall, "f1_score": self.f1_score,
            "avg_latency_ms": self.latency_ms["mean"], "cost_per_inference": self.cost.value,
        }  # fmt: skip
        return {
            "model_name": self.model_name, "model_type": self.model_type, "metric": metric,
            "test_set_size": self.test_set_size, "metadata": self.metadata,
            **{name: None if isnan(value) else value for name, value in figures.items()},
        }  # fmt: skip


def evaluated(
    predictions: Sequence[str | None],
    references: Sequence[str],
    model_name: str,
    model_type: str,
    names: Sequence[str],
    made: Mapping[str, Sequence[float | None]] | None,
    errors: Sequence[str | None] | None,
    latencies_ms: Sequence[float | None] | None,
    costs: Sequence[float | None] | None,
    questions: Sequence[str] | None,
    slices: Sequence[Any] | None,
    clusters: Sequence[str] | None,
    metadata: dict[str, Any],
) -> Evaluation:
    """Score answers; see `ModelEvaluator.evaluate`."""
    size = len(references)
    if errors is not None and len(errors) == len(predictions):  # a failed call has no answer
        predictions = [None if error else said for said, error in zip(predictions, errors, strict=True)]
    if not names:
        raise UsageError("name at least one metric")
    columns = {
        "predictions": predictions, "errors": errors, "latencies_ms": latencies_ms, "costs": costs,
        "questions": questions, "slices": slices, "clusters": clusters, **(made or {}),
    }  # fmt: skip
    _check(columns, references)
    latencies = [checks.amount("latency_ms", each) for each in latencies_ms or [None] * size]
    spent = [checks.amount("cost", each) for each in costs or [None] * size]
    why = [
        each or "no answer" if p is None else None for each, p in zip(errors or [None] * size, predictions, strict=True)
    ]
    scores = {name: summary.score_all(name, predictions, references) for name in names}
    scores |= {name: _checked(name, found) for name, found in (made or {}).items()}

    def figures_at(places: Sequence[int]) -> dict[str, Figure]:
        said, wanted = [predictions[at] for at in places], [references[at] for at in places]
        alike = None if clusters is None else [clusters[at] for at in places]
        return {
            name: summary.corpus_figure(name, said, wanted, alike)
            if (metric := metrics.find(name)).corpus
            else summary.figure([found[at] for at in places], metric.kind, alike, metric.bounds)
            for name, found in scores.items()
        }

    figures = figures_at(range(size))
    averages = _averages(predictions, references, scores[names[0]]) if metrics.find(names[0]).kind == "binary" else None
    apart = [checks.mapping("slices", each) for each in slices or [{}] * size]
    rows = [
        {
            "question": None if questions is None else questions[at], "prediction": predictions[at],
            "reference": references[at], "score": scores[names[0]][at],
            "scores": {name: found[at] for name, found in scores.items()}, "slices": dict(apart[at]) or None,
            "cluster": None if clusters is None else clusters[at],
            "error": why[at], "latency_ms": latencies[at], "cost": spent[at],
        }
        for at in range(size)
    ]  # fmt: skip
    return Evaluation(
        model_name=model_name,
        model_type=model_type,
        figures=figures,
        precision=averages[0] if averages else nan,
        recall=averages[1] if averages else nan,
        f1_score=averages[2] if averages else nan,
        errors=summary.rate([each is not None for each in why]),
        refusals=summary.refusals(predictions),
        latency_ms=summary.latency(latencies),
        cost=summary.figure(spent, "real"),
        slices=summary.by_slice(apart, figures_at),
        test_set_size=size,
        metadata=metadata,
        rows=rows,
    )


def _check(columns: Mapping[str, Any], references: Sequence[str]) -> None:
    """Raise UsageError unless all columns are as long as the references, and texts are texts."""
    size = len(references)
    for label, column in columns.items():
        if column is not None and len(column) != size:
            raise UsageError(f"{len(column)} {label} for {size} references; they must be as many")
    for place, (prediction, reference) in enumerate(zip(columns["predictions"], references, strict=True), 1):
        if not isinstance(prediction, str | None) or not isinstance(reference, str):
            raise UsageError(f"example {place}: prediction and reference must be text")


def _checked(name: str, scores: Sequence[float | None]) -> list[float | None]:
    """Scores that were made elsewhere, within the metric's bounds."""
    bounds = metrics.find(name).bounds
    found = [None if score is None else checks.number(f"score of {name}", score) for score in scores]
    if bounds is not None and any(score is not None and not bounds[0] <= score <= bounds[1] for score in found):
        raise UsageError(f"scores of {name} lie between {bounds[0]:g} and {bounds[1]:g}")
    return found


def _averages(
    predictions: Sequence[str | None], references: Sequence[str], scores: Sequence[float | None]
) -> tuple[float, float, float]:
    """Macro-averages over the answered examples; a right answer stands for its reference's label."""
    answered = [
        ((reference if score else prediction).strip(), reference.strip())
        for prediction, reference, score in zip(predictions, references, scores, strict=True)
        if prediction is not None
    ]
    found = macro_averages([label for label, _ in answered], [truth for _, truth in answered])
    return found.precision, found.recall, found.f1
