"""ModelEvaluator: score predictions, compare models, keep the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning._util.files import write_json
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.evaluation import comparison, evaluation_result, exact_match, substring_match
from fine_tuning.evaluation.evaluate import Evaluation, evaluated
from fine_tuning.evaluation.evaluation_result import EvaluationResult
from fine_tuning.evaluation.intervals import wilson
from fine_tuning.evaluation.predictions import Answered
from fine_tuning.store import evaluations
from fine_tuning.store.database import Transaction, open_database

__all__ = ["Evaluation", "EvaluationResult", "ModelEvaluator"]

VALUE_OF_AVOIDED_ERROR = 10.0  # US dollars, unless the caller knows better


class ModelEvaluator:
    """Scores models on test sets; every evaluation and each example's result is kept in the workspace."""

    def __init__(self, path: str | Path | None = None) -> None:
        self._database = open_database(path)

    def evaluate_exact_match(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        model_name: str,
        model_type: str = "base",
        latencies_ms: Sequence[float] | None = None,
        cost_per_inference: float = 0.0,
        metadata: Mapping[str, Any] | None = None,
    ) -> EvaluationResult:
        """Score by equality after stripping; precision, recall and F1 are macro-averaged over the references' labels.

        Args:
            model_type: "base" or "fine_tuned".
            latencies_ms: one per prediction, in milliseconds.
            cost_per_inference: US dollars a call; nan where unknown.
            metadata: kept with the result; `version` links it to that version of a registered model.

        Raises:
            UsageError: the lists differ in length or hold something other than text.
        """
        arguments = (predictions, references, model_name, model_type, latencies_ms, cost_per_inference, metadata)
        return self._evaluate("exact_match", exact_match.matches, *arguments)

    def evaluate_substring_match(
        self,
        predictions: Sequence[str],
        references: Sequence[str],
        model_name: str,
        model_type: str = "base",
        latencies_ms: Sequence[float] | None = None,
        cost_per_inference: float = 0.0,
        metadata: Mapping[str, Any] | None = None,
    ) -> EvaluationResult:
        """Score by whether the prediction occurs in the reference, case aside; otherwise as `evaluate_exact_match`."""
        arguments = (predictions, references, model_name, model_type, latencies_ms, cost_per_inference, metadata)
        return self._evaluate("substring_match", substring_match.matches, *arguments)

    def _evaluate(
        self,
        metric: str,
        matches: Callable[[str, str], bool],
        predictions: Sequence[str],
        references: Sequence[str],
        model_name: str,
        model_type: str,
        latencies_ms: Sequence[float] | None,
        cost_per_inference: float,
        metadata: Mapping[str, Any] | None,
    ) -> EvaluationResult:
        scored, correct = evaluation_result.score(
            matches, predictions, references, model_name, model_type, latencies_ms, cost_per_inference, metadata
        )
        known = {key: _none_if_nan(value) for key, value in asdict(scored).items() if key not in _NOT_COLUMNS}
        latencies: Sequence[float | None] = latencies_ms or [None] * len(correct)
        rows = [
            {
                "prediction": prediction,
                "reference": reference,
                "score": float(hit),
                "latency_ms": latency,
                "scores": {metric: float(hit)},
            }
            for prediction, reference, hit, latency in zip(predictions, references, correct, latencies, strict=True)
        ]
        with self._database.write() as tx:
            evaluations.add(tx, {**known, "metric": metric}, rows)
        return scored

    def evaluate(
        self,
        predictions: Sequence[str | None],
        references: Sequence[str],
        model_name: str,
        model_type: str = "base",
        *,
        metrics: Sequence[str] = ("exact_match",),
        scores: Mapping[str, Sequence[float | None]] | None = None,
        errors: Sequence[str | None] | None = None,
        latencies_ms: Sequence[float | None] | None = None,
        costs: Sequence[float | None] | None = None,
        questions: Sequence[str] | None = None,
        slices: Sequence[Mapping[str, str]] | None = None,
        clusters: Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Evaluation:
        """Score answers by any metrics, each figure with its 95 % interval, and keep every example's result.

        Args:
            predictions: None where the call failed: an error, never a score.
            model_type: "base" or "fine_tuned".
            metrics: names of `evaluation.metrics`; the first is the accuracy.
            scores: further scores by metric, that were made elsewhere: "judge", see `judging.grades`.
            errors: why a call failed, for each example.
            latencies_ms, costs: of each call, in milliseconds and US dollars; None is unknown.
            questions: texts by which examples of two evaluations are matched.
            slices: fields of each example by which results are shown apart.
            clusters: examples that may be alike, such as the turns of one conversation: intervals become wider.
            metadata: kept with the result; `version` links it to that version of a registered model.

        Raises:
            UsageError: the lists differ in length, or a metric is unknown.
            MissingDependencyError: a metric needs the `evaluate` extra.
        """
        checks.name("model_name", model_name)
        checks.one_of("model type", model_type, evaluation_result.MODEL_TYPES)
        answered = Answered.of(
            predictions, references, errors=errors, latencies_ms=latencies_ms, costs=costs, questions=questions,
            slices=slices, clusters=clusters,
        )  # fmt: skip
        more = checks.mapping("metadata", metadata)
        found = evaluated(answered, model_name, model_type, metrics, scores or {}, more)
        with self._database.write() as tx:
            found.id = evaluations.add(tx, found.row(), found.rows)
        return found

    def compare_evaluations(self, first: str | int, second: str | int) -> dict[str, Any]:
        """How the second evaluation differs from the first, example by example.

        Args:
            first, second: ids of evaluations, or names of models, of which the latest is taken.

        Returns:
            first, second (what was compared); examples (in both); changes (of each metric that both have: first,
            second, difference, low, high, p_value, adjusted_p, test); slices (differences by field and value); rows
            (the examples whose score changed, the worst losses first).

        Raises:
            NotFoundError: there is no such evaluation.
            UsageError: they have no example, or no metric, in common.
        """
        with self._database.read() as tx:
            sides = [_evaluation(tx, each) for each in (first, second)]
            rows = [evaluations.results(tx, side["id"]) for side in sides]
        return comparison.compare(sides, rows)

    def compare_models(self, base_result: EvaluationResult, finetuned_result: EvaluationResult) -> dict[str, Any]:
        """Deltas of the fine-tuned model over its base; latency and cost deltas are base minus fine-tuned."""
        return evaluation_result.compare(base_result, finetuned_result)

    def calculate_roi(
        self,
        base_cost: float,
        finetuned_cost: float,
        accuracy_improvement: float,
        inference_count: int,
        value_per_avoided_error: float = VALUE_OF_AVOIDED_ERROR,
        training_cost: float | None = None,
    ) -> dict[str, float]:
        """What the fine-tuned model is worth over a number of calls, in US dollars.

        Args:
            base_cost, finetuned_cost: per call.
            accuracy_improvement: absolute, -1 to 1; each avoided error is worth `value_per_avoided_error`.
            training_cost: what the gain has to pay back; without it `payback_period_inferences` can only say that
                the whole period pays (`inference_count`) or does not (inf).

        Raises:
            UsageError: a negative count or cost, or an improvement outside -1 to 1.
        """
        checks.count("inference_count", inference_count, most=int(checks.LARGEST_AMOUNT))
        for label, value in (("base_cost", base_cost), ("finetuned_cost", finetuned_cost)):
            checks.amount(label, value)
        if not (isnan(accuracy_improvement) or -1 <= accuracy_improvement <= 1):
            raise UsageError(f"accuracy_improvement must be between -1 and 1, not {accuracy_improvement}")
        savings = (base_cost - finetuned_cost) * inference_count
        value = accuracy_improvement * inference_count * value_per_avoided_error
        gain = savings + value
        if isnan(gain):
            payback = nan
        elif gain <= 0:
            payback = inf
        else:
            payback = inference_count if training_cost is None else training_cost / (gain / inference_count)
        return {
            "inference_count": inference_count,
            "total_base_cost": base_cost * inference_count,
            "total_finetuned_cost": finetuned_cost * inference_count,
            "cost_savings": savings,
            "accuracy_improvement": accuracy_improvement,
            "value_from_improvement": value,
            "total_roi": gain - (training_cost or 0.0),
            "payback_period_inferences": payback,
        }

    def get_results_summary(self) -> dict[str, Any]:
        """How many evaluations there are, and each model's latest figures."""
        with self._database.read() as tx:
            stored = evaluations.all_evaluations(tx)
        summary: dict[str, Any] = {"total_evaluations": len(stored), "models": {}}
        for row in stored:  # oldest first, so that the latest wins
            earlier = summary["models"].get(row["model_name"], {"evaluation_count": 0})
            summary["models"][row["model_name"]] = {
                "model_type": row["model_type"],
                "latest_accuracy": _nan_if_none(row["accuracy"]),
                "latest_latency_ms": _nan_if_none(row["avg_latency_ms"]),
                "latest_cost": _nan_if_none(row["cost_per_inference"]),
                "evaluation_count": earlier["evaluation_count"] + 1,
                "timestamp": row["created_at"],
            }
        return summary

    def get_results(self) -> list[EvaluationResult]:
        """Every stored evaluation, oldest first."""
        with self._database.read() as tx:
            stored = evaluations.all_evaluations(tx)
        return [_from_row(row) for row in stored]

    def export_results(self, filepath: str | Path) -> str:
        """Write every stored evaluation as a JSON array; unknown figures are null. Returns the path."""
        rows = [
            {key: _none_if_nan(value) for key, value in asdict(evaluation).items()} for evaluation in self.get_results()
        ]
        write_json(Path(filepath), rows)
        return str(filepath)


_NOT_COLUMNS = {"timestamp", "accuracy_interval"}
_FIGURES = ("accuracy", "precision", "recall", "f1_score", "avg_latency_ms", "cost_per_inference")


def _from_row(row: Mapping[str, Any]) -> EvaluationResult:
    accuracy, size = _nan_if_none(row["accuracy"]), row["test_set_size"]
    return EvaluationResult(
        model_name=row["model_name"],
        model_type=row["model_type"],
        timestamp=row["created_at"],
        test_set_size=size,
        metadata=row["metadata"],
        accuracy_interval=(nan, nan) if isnan(accuracy) else wilson(round(accuracy * size), size),
        **{name: _nan_if_none(row[name]) for name in _FIGURES},
    )


def _evaluation(tx: Transaction, which: str | int) -> dict[str, Any]:
    """An evaluation by its id, or the latest of a model."""
    if isinstance(which, int):
        number: int | None = checks.count("evaluation", which)
    else:
        which = checks.name("evaluation", which)
        number = int(which) if which.isascii() and which.isdecimal() and int(which) <= checks.LARGEST_COUNT else None
    found = evaluations.get(tx, number) if number is not None else evaluations.latest(tx, str(which))
    if found is None:
        known = ", ".join(evaluations.names(tx)) or "none"
        raise NotFoundError(f"no evaluation of {which}; evaluated are: {known} (ft-cli evaluate-model)")
    return found


def _none_if_nan(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_none_if_nan(item) for item in value]
    return None if isinstance(value, float) and isnan(value) else value


def _nan_if_none(value: float | None) -> float:
    return nan if value is None else value
