"""The result of one evaluation of one model, and the difference between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import isnan, nan
from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning.data_io.answers import AnswerLike
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import metrics
from fine_tuning.evaluation.intervals import wilson
from fine_tuning.evaluation.precision_recall_f1 import macro_averages
from fine_tuning.evaluation.predictions import Predictions, texts_of
from fine_tuning.store.records.evaluations import Evaluation, NewEvaluation, ScoredExample
from fine_tuning.store.records.rows import JsonColumn, record

MODEL_TYPES = ("base", "fine_tuned")


@dataclass
class EvaluationResult:
    """Scores of one model on one test set; rates are 0 to 1, unknown is nan.

    `accuracy_interval` is the 95 % Wilson interval of the accuracy where answers are right or wrong, else nan.
    """

    model_name: str
    model_type: str
    accuracy: float
    precision: float
    recall: float
    f1_score: float
    avg_latency_ms: float
    cost_per_inference: float
    timestamp: str
    test_set_size: int
    metadata: JsonColumn = field(default_factory=dict)
    accuracy_interval: tuple[float, float] = (nan, nan)

    @classmethod
    def from_record(cls, row: Evaluation) -> EvaluationResult:
        """A stored evaluation."""
        accuracy, size = _nan_if_none(row["accuracy"]), row["test_set_size"]
        is_rate = metrics.find(row["metric"]).kind == "binary" and not isnan(accuracy)
        return cls(
            model_name=row["model_name"],
            model_type=row["model_type"],
            accuracy=accuracy,
            precision=_nan_if_none(row["precision"]),
            recall=_nan_if_none(row["recall"]),
            f1_score=_nan_if_none(row["f1_score"]),
            avg_latency_ms=_nan_if_none(row["avg_latency_ms"]),
            cost_per_inference=_nan_if_none(row["cost_per_inference"]),
            timestamp=row["created_at"],
            test_set_size=size,
            metadata=row["metadata"],
            accuracy_interval=wilson(round(accuracy * size), size) if is_rate else (nan, nan),
        )

    def row(self, metric: str) -> NewEvaluation:
        """The evaluation as the store keeps it."""
        return {
            "model_name": self.model_name,
            "model_type": self.model_type,
            "metric": metric,
            "accuracy": _none_if_nan(self.accuracy),
            "precision": _none_if_nan(self.precision),
            "recall": _none_if_nan(self.recall),
            "f1_score": _none_if_nan(self.f1_score),
            "avg_latency_ms": _none_if_nan(self.avg_latency_ms),
            "cost_per_inference": _none_if_nan(self.cost_per_inference),
            "test_set_size": self.test_set_size,
            "metadata": self.metadata,
        }

    def as_json(self) -> dict[str, object]:
        """The fields for a JSON file; unknown figures are None."""
        low, high = self.accuracy_interval
        known = {
            name: _none_if_nan(value) if isinstance(value, float) else value for name, value in asdict(self).items()
        }
        return known | {"accuracy_interval": [_none_if_nan(low), _none_if_nan(high)]}


def _none_if_nan(value: float) -> float | None:
    return None if isnan(value) else value


def _nan_if_none(value: float | None) -> float:
    return nan if value is None else value


@dataclass(frozen=True)
class PredictionRun:
    """The arguments of `ModelEvaluator.evaluate_exact_match`, which describes them."""

    predictions: Sequence[AnswerLike]
    references: Sequence[AnswerLike]
    model_name: str
    model_type: str
    latencies_ms: Sequence[float] | None
    cost_per_inference: float
    metadata: Mapping[str, object] | None
    questions: Sequence[str] | None = None


def score_by_metric(run: PredictionRun, metric: str) -> tuple[EvaluationResult, list[ScoredExample]]:
    """Score predictions with a binary metric; also returns the result of each example.

    Raises:
        UsageError: the lists differ in length, hold something other than text, or have negative latencies;
            the cost is negative, or the model type is unknown.
    """
    predictions, references = _checked(run)
    cost = checks.amount("cost_per_inference", run.cost_per_inference)
    score = metrics.find(metric).score
    correct = [bool(score(p, r)) for p, r in zip(predictions, references, strict=True)]
    # A prediction that matches stands for its reference's label, whatever its exact wording.
    labels = [r if hit else p for p, r, hit in zip(predictions, references, correct, strict=True)]
    averages = macro_averages([label.strip() for label in labels], [r.strip() for r in references])
    size, latencies = len(references), run.latencies_ms
    result = EvaluationResult(
        model_name=checks.name("model_name", run.model_name),
        model_type=run.model_type,
        accuracy=sum(correct) / size if size else nan,
        precision=averages.precision,
        recall=averages.recall,
        f1_score=averages.f1,
        avg_latency_ms=sum(latencies) / len(latencies) if latencies else nan,
        cost_per_inference=nan if cost is None else cost,
        timestamp=datetime.now(UTC).isoformat(),
        test_set_size=size,
        metadata=checks.mapping("metadata", run.metadata),
        accuracy_interval=wilson(sum(correct), size),
    )
    columns = Predictions.of(predictions, references, latencies_ms=latencies, questions=run.questions)
    return result, [columns.row(at, {metric: float(hit)}) for at, hit in enumerate(correct)]


def _checked(run: PredictionRun) -> tuple[list[str], list[str]]:
    """Predictions and references as texts."""
    predictions, references, latencies = run.predictions, run.references, run.latencies_ms
    if len(predictions) != len(references):
        raise UsageError(
            f"{len(predictions)} predictions for {len(references)} references; their numbers must be equal"
        )
    if latencies is not None and len(latencies) != len(predictions):
        raise UsageError(f"{len(latencies)} latencies for {len(predictions)} predictions; their numbers must be equal")
    for latency in latencies or ():
        checks.amount("latency_ms", latency)
    checks.one_of("model type", run.model_type, MODEL_TYPES)
    texts, expected = texts_of(predictions, references)
    known = [text for text in texts if text is not None]
    if len(known) < len(texts):
        where = texts.index(None) + 1
        raise UsageError(f"example {where}: predictions and references must be text, not NoneType")
    return known, expected


class ComparedMetrics(TypedDict):
    """The fields of an `EvaluationResult`."""

    model_name: str
    model_type: str
    accuracy: float
    precision: float
    recall: float
    f1_score: float
    avg_latency_ms: float
    cost_per_inference: float
    timestamp: str
    test_set_size: int
    metadata: JsonColumn
    accuracy_interval: tuple[float, float]


class ModelComparison(TypedDict):
    """What `ModelEvaluator.compare_models` returns; see there."""

    base_model: str
    finetuned_model: str
    accuracy_delta: float
    accuracy_improvement_pct: float
    latency_delta_ms: float
    latency_improvement_pct: float
    cost_delta: float
    cost_improvement_pct: float
    base_metrics: ComparedMetrics
    finetuned_metrics: ComparedMetrics


def compare(base: EvaluationResult, finetuned: EvaluationResult) -> ModelComparison:
    """Deltas and relative improvements of a fine-tuned model over its base; positive is better, unknown is nan."""
    accuracy = finetuned.accuracy - base.accuracy
    latency = base.avg_latency_ms - finetuned.avg_latency_ms
    cost = base.cost_per_inference - finetuned.cost_per_inference
    return {
        "base_model": base.model_name,
        "finetuned_model": finetuned.model_name,
        "accuracy_delta": accuracy,
        "accuracy_improvement_pct": _percent(accuracy, base.accuracy),
        "latency_delta_ms": latency,
        "latency_improvement_pct": _percent(latency, base.avg_latency_ms),
        "cost_delta": cost,
        "cost_improvement_pct": _percent(cost, base.cost_per_inference),
        "base_metrics": record(ComparedMetrics, asdict(base)),
        "finetuned_metrics": record(ComparedMetrics, asdict(finetuned)),
    }


def _percent(delta: float, base: float) -> float:
    return delta / base * 100 if base > 0 else nan
