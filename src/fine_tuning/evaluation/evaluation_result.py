"""One evaluation of one model, and the difference between two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import nan
from typing import Any

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.evaluation.classification import macro_averages
from fine_tuning.evaluation.intervals import wilson

MODEL_TYPES = ("base", "fine_tuned")


@dataclass
class EvaluationResult:
    """Scores of one model on one test set; rates are 0 to 1, unknown is nan.

    `accuracy_interval` is the 95 % Wilson interval of the accuracy.
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
    metadata: dict[str, Any] = field(default_factory=dict)
    accuracy_interval: tuple[float, float] = (nan, nan)


def score(
    matches: Callable[[str, str], bool],
    predictions: Sequence[str],
    references: Sequence[str],
    model_name: str,
    model_type: str,
    latencies_ms: Sequence[float] | None,
    cost_per_inference: float,
    metadata: Mapping[str, Any] | None,
) -> tuple[EvaluationResult, list[bool]]:
    """Score predictions with a matching rule; also returns which examples were right.

    Raises:
        UsageError: the lists differ in length, hold something other than text, or have negative latencies;
            the cost is negative, or the model type is unknown.
    """
    _check(predictions, references, latencies_ms)
    checks.one_of("model type", model_type, MODEL_TYPES)
    cost = checks.amount("cost_per_inference", cost_per_inference)
    correct = [matches(p, r) for p, r in zip(predictions, references, strict=True)]
    # A prediction that matches stands for its reference's label, whatever its exact wording.
    labels = [r if hit else p for p, r, hit in zip(predictions, references, correct, strict=True)]
    averages = macro_averages([label.strip() for label in labels], [r.strip() for r in references])
    size = len(references)
    result = EvaluationResult(
        model_name=checks.name("model_name", model_name),
        model_type=model_type,
        accuracy=sum(correct) / size if size else nan,
        precision=averages.precision,
        recall=averages.recall,
        f1_score=averages.f1,
        avg_latency_ms=sum(latencies_ms) / len(latencies_ms) if latencies_ms else nan,
        cost_per_inference=nan if cost is None else cost,
        timestamp=datetime.now(UTC).isoformat(),
        test_set_size=size,
        metadata=checks.mapping("metadata", metadata),
        accuracy_interval=wilson(sum(correct), size),
    )
    return result, correct


def _check(predictions: Sequence[str], references: Sequence[str], latencies_ms: Sequence[float] | None) -> None:
    if len(predictions) != len(references):
        raise UsageError(f"{len(predictions)} predictions for {len(references)} references; they must be as many")
    if latencies_ms is not None and len(latencies_ms) != len(predictions):
        raise UsageError(f"{len(latencies_ms)} latencies for {len(predictions)} predictions; they must be as many")
    for latency in latencies_ms or ():
        checks.amount("latency_ms", latency)
    for position, text in enumerate([*predictions, *references]):
        if not isinstance(text, str):
            where = position % len(predictions) + 1
            raise UsageError(f"example {where}: predictions and references must be text, not {type(text).__name__}")


def compare(base: EvaluationResult, finetuned: EvaluationResult) -> dict[str, Any]:
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
        "base_metrics": asdict(base),
        "finetuned_metrics": asdict(finetuned),
    }


def _percent(delta: float, base: float) -> float:
    return delta / base * 100 if base > 0 else nan
