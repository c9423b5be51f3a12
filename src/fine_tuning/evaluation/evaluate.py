"""One model on one test set, by any number of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isnan, nan
from typing import Any

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import metrics, score_summary
from fine_tuning.evaluation.classification import MacroAverages, macro_averages
from fine_tuning.evaluation.predictions import Answered, check_lengths
from fine_tuning.evaluation.score_summary import Figure


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
    answered: Answered,
    model_name: str,
    model_type: str,
    names: Sequence[str],
    made: Mapping[str, Sequence[float | None]],
    metadata: dict[str, Any],
) -> Evaluation:
    """Score answers; see `ModelEvaluator.evaluate`.

    Args:
        names: metrics; made: scores by metrics that were made elsewhere.
    """
    if not names:
        raise UsageError("name at least one metric")
    check_lengths(made, len(answered))
    scores = {name: score_summary.score_all(name, answered.predictions, answered.references) for name in names}
    scores |= {name: _checked(name, found) for name, found in made.items()}
    figures_at = partial(_figures, answered, scores)
    averages = _averages(answered, scores[names[0]]) if metrics.find(names[0]).kind == "binary" else None
    return Evaluation(
        model_name=model_name,
        model_type=model_type,
        figures=figures_at(range(len(answered))),
        precision=averages.precision if averages else nan,
        recall=averages.recall if averages else nan,
        f1_score=averages.f1 if averages else nan,
        errors=score_summary.rate([each is not None for each in answered.errors]),
        refusals=score_summary.refusals(answered.predictions),
        latency_ms=score_summary.latency(answered.latencies_ms),
        cost=score_summary.figure(answered.costs, "real"),
        slices=score_summary.by_slice(answered.slices, figures_at),
        test_set_size=len(answered),
        metadata=metadata,
        rows=[
            {
                **answered.row(at),
                "score": scores[names[0]][at],
                "scores": {name: each[at] for name, each in scores.items()},
            }
            for at in range(len(answered))
        ],
    )


def _figures(
    answered: Answered, scores: Mapping[str, Sequence[float | None]], places: Sequence[int]
) -> dict[str, Figure]:
    """By metric the figure of the examples at some places."""
    alike = answered.clusters_at(places)
    found = {}
    for name, each in scores.items():
        metric = metrics.find(name)
        if metric.corpus:
            found[name] = score_summary.corpus_figure(name, *answered.texts(places), alike)
        else:
            found[name] = score_summary.figure([each[at] for at in places], metric.kind, alike, metric.bounds)
    return found


def _checked(name: str, scores: Sequence[float | None]) -> list[float | None]:
    """Scores that were made elsewhere, within the metric's bounds."""
    bounds = metrics.find(name).bounds
    found = [None if score is None else checks.number(f"score of {name}", score) for score in scores]
    if bounds is not None and any(score is not None and not bounds[0] <= score <= bounds[1] for score in found):
        raise UsageError(f"scores of {name} lie between {bounds[0]:g} and {bounds[1]:g}")
    return found


def _averages(answered: Answered, scores: Sequence[float | None]) -> MacroAverages:
    """Over the examples that have an answer; a right answer stands for its reference's label."""
    pairs = [
        ((reference if score else prediction).strip(), reference.strip())
        for prediction, reference, score in zip(answered.predictions, answered.references, scores, strict=True)
        if prediction is not None
    ]
    return macro_averages([label for label, _ in pairs], [truth for _, truth in pairs])
