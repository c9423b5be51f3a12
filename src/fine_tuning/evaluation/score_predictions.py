"""Score one model on one test set by any number of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isnan, nan

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import label_averages, metrics, score_summary
from fine_tuning.evaluation.predictions import Predictions, check_lengths
from fine_tuning.evaluation.score_summary import Figure, LatencySummary, Scores
from fine_tuning.store.records.evaluations import NewEvaluation, ScoredExample
from fine_tuning.store.records.rows import JsonColumn


@dataclass
class Evaluation:
    """Figures with their 95 % intervals; unknown is nan.

    Attributes:
        id: in the store.
        figures: by metric; the first is the accuracy.
        precision, recall, f1_score: macro-averages over the references' labels, of a binary metric; else nan.
        errors: the rate of failed calls.
        refusals: the rate of predictions that decline.
        latency_ms: mean, p50, p95 and p99.
        cost: US dollars per call, over the calls whose cost is known.
        slices: by field and value the figure of each metric.
        rows: the result of each example, as stored.
    """

    model_name: str
    model_type: str
    figures: dict[str, Figure]
    precision: float
    recall: float
    f1_score: float
    averages: dict[str, Figure]
    errors: Figure
    refusals: Figure
    latency_ms: LatencySummary
    cost: Figure
    slices: dict[str, dict[str, dict[str, Figure]]]
    test_set_size: int
    metadata: JsonColumn
    rows: list[ScoredExample] = field(repr=False)
    id: int | None = None

    def row(self) -> NewEvaluation:
        """The evaluation as the store keeps it."""
        metric, accuracy = next(iter(self.figures.items()))
        return {
            "model_name": self.model_name,
            "model_type": self.model_type,
            "metric": metric,
            "accuracy": _none_if_nan(accuracy.value),
            "precision": _none_if_nan(self.precision),
            "recall": _none_if_nan(self.recall),
            "f1_score": _none_if_nan(self.f1_score),
            "avg_latency_ms": _none_if_nan(self.latency_ms["mean"]),
            "cost_per_inference": _none_if_nan(self.cost.value),
            "test_set_size": self.test_set_size,
            "metadata": self.metadata,
        }


def _none_if_nan(value: float) -> float | None:
    return None if isnan(value) else value


def score_predictions(
    predictions: Predictions,
    metric_names: Sequence[str],
    given_scores: Mapping[str, Scores],
    *,
    model_name: str,
    model_type: str,
    metadata: JsonColumn,
) -> Evaluation:
    """Score predictions; see `ModelEvaluator.evaluate`.

    Args:
        given_scores: scores by metric that were computed elsewhere, such as a judge's.
    """
    if not metric_names:
        raise UsageError("name at least one metric")
    check_lengths(given_scores, len(predictions))
    scores: dict[str, Scores] = {
        name: score_summary.score_all(name, predictions.predictions, predictions.references) for name in metric_names
    }
    scores |= {name: _checked(name, given) for name, given in given_scores.items()}
    figures_at = partial(_figures, predictions, scores)
    main = metric_names[0]
    averages = _averages(predictions, scores[main]) if metrics.find(main).kind == "binary" else {}
    precision, recall, f1_score = (averages[name].value if averages else nan for name in label_averages.NAMES)
    return Evaluation(
        model_name=model_name,
        model_type=model_type,
        figures=figures_at(range(len(predictions))),
        precision=precision,
        recall=recall,
        f1_score=f1_score,
        averages=averages,
        errors=score_summary.rate([each is not None for each in predictions.errors]),
        refusals=score_summary.refusals(predictions.predictions),
        latency_ms=score_summary.latency(predictions.latencies_ms),
        cost=score_summary.figure(predictions.costs, "real"),
        slices=score_summary.by_slice(predictions.slices, figures_at),
        test_set_size=len(predictions),
        metadata=metadata,
        rows=[predictions.row(at, {name: each[at] for name, each in scores.items()}) for at in range(len(predictions))],
    )


def _figures(predictions: Predictions, scores: Mapping[str, Scores], positions: Sequence[int]) -> dict[str, Figure]:
    """The figure of each metric over the examples at some positions."""
    clusters = predictions.clusters_at(positions)
    found = {}
    for name, each in scores.items():
        metric = metrics.find(name)
        if metric.corpus:
            found[name] = score_summary.corpus_figure(name, *predictions.texts(positions), clusters)
        else:
            found[name] = score_summary.figure([each[at] for at in positions], metric.kind, clusters, metric.bounds)
    return found


def _checked(name: str, scores: Scores) -> list[float | None]:
    """Check that given scores lie within the metric's bounds, and are not of texts that are scored together."""
    metric = metrics.find(name)
    if metric.corpus:
        raise UsageError(f"{name} is computed from all texts together; name it in metrics, and give no scores of it")
    bounds = metric.bounds
    found = [None if score is None else checks.number(f"score of {name}", score) for score in scores]
    if bounds is not None and any(score is not None and not bounds[0] <= score <= bounds[1] for score in found):
        raise UsageError(f"scores of {name} lie between {bounds[0]:g} and {bounds[1]:g}")
    return found


def _averages(predictions: Predictions, scores: Scores) -> dict[str, Figure]:
    """Macro-averages over the examples with a prediction; a correct prediction counts as its reference's label."""
    known = [at for at, prediction in enumerate(predictions.predictions) if prediction is not None]
    pairs = [
        label_averages.label_pair(
            predictions.predictions[at] or "", predictions.references[at], is_right=bool(scores[at])
        )
        for at in known
    ]
    return label_averages.figures(pairs, predictions.clusters_at(known))
