"""ModelEvaluator: score predictions, compare models, keep the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fine_tuning._util import checks
from fine_tuning._util.files import write_json
from fine_tuning.data_io.answers import AnswerLike
from fine_tuning.evaluation import (
    comparison,
    evaluation_result,
    return_on_accuracy,
    stored_evaluations,
)
from fine_tuning.evaluation.comparison import Comparison
from fine_tuning.evaluation.evaluation_result import EvaluationResult, ModelComparison, PredictionRun
from fine_tuning.evaluation.predictions import Predictions
from fine_tuning.evaluation.return_on_accuracy import VALUE_PER_AVOIDED_ERROR, CallCosts, ReturnOnAccuracy
from fine_tuning.evaluation.score_predictions import Evaluation, score_predictions
from fine_tuning.evaluation.stored_evaluations import ResultsSummary
from fine_tuning.store import evaluations
from fine_tuning.store.workspace import Workspace, open_workspace

__all__ = ["Evaluation", "EvaluationResult", "ModelEvaluator"]


class ModelEvaluator:
    """Scores models on test sets; every evaluation and the result of each example is kept in the workspace.

    Args:
        path: path or URL of another database than the workspace's.
        workspace: where evaluations are kept; by default the one that the environment names.
    """

    def __init__(self, path: str | Path | None = None, *, workspace: Workspace | None = None) -> None:
        self._database = (workspace or open_workspace(path)).database

    def evaluate_exact_match(
        self,
        predictions: Sequence[AnswerLike],
        references: Sequence[AnswerLike],
        model_name: str,
        model_type: str = "base",
        latencies_ms: Sequence[float] | None = None,
        cost_per_inference: float = 0.0,
        metadata: Mapping[str, object] | None = None,
        *,
        questions: Sequence[str] | None = None,
    ) -> EvaluationResult:
        """Score by equality after stripping; precision, recall and F1 are macro-averaged over the references' labels.

        Args:
            model_type: "base" or "fine_tuned".
            latencies_ms: one per prediction, in milliseconds.
            cost_per_inference: US dollars per call; nan where unknown.
            metadata: kept with the result; `version` links it to that version of a registered model.
            questions: texts by which the examples of two evaluations are matched.

        Raises:
            UsageError: the lists differ in length or hold something other than text.
            NotFoundError: the model is registered, and has no such version or alias.
        """
        run = PredictionRun(
            predictions, references, model_name, model_type, latencies_ms, cost_per_inference, metadata, questions
        )
        return self._evaluate(run, "exact_match")

    def evaluate_substring_match(
        self,
        predictions: Sequence[AnswerLike],
        references: Sequence[AnswerLike],
        model_name: str,
        model_type: str = "base",
        latencies_ms: Sequence[float] | None = None,
        cost_per_inference: float = 0.0,
        metadata: Mapping[str, object] | None = None,
    ) -> EvaluationResult:
        """Score by whether the prediction occurs in the reference, ignoring case; see `evaluate_exact_match`."""
        run = PredictionRun(predictions, references, model_name, model_type, latencies_ms, cost_per_inference, metadata)
        return self._evaluate(run, "substring_match")

    def _evaluate(self, run: PredictionRun, metric: str) -> EvaluationResult:
        result, rows = evaluation_result.score_by_metric(run, metric)
        with self._database.write() as tx:
            evaluations.add(tx, result.row(metric), rows)
        return result

    def evaluate(
        self,
        predictions: Sequence[AnswerLike | None],
        references: Sequence[AnswerLike],
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
        metadata: Mapping[str, object] | None = None,
    ) -> Evaluation:
        """Score predictions by any metrics, each figure with its 95 % interval, and keep every example's result.

        Args:
            predictions: None where the call failed, which counts as an error, not as a score. A prediction or a
                reference that is a message, or a list of tool calls, is compared by its calls.
            model_type: "base" or "fine_tuned".
            metrics: names of `evaluation.metrics`; the first is the accuracy.
            scores: scores by metric that were computed elsewhere, such as "judge"; see `judging.grades`.
            errors: the reason a call failed, for each example.
            latencies_ms, costs: of each call, in milliseconds and US dollars; None is unknown.
            questions: texts by which the examples of two evaluations are matched.
            slices: fields of each example by which results are grouped.
            clusters: examples that may be correlated, such as the turns of a conversation: intervals become wider.
            metadata: kept with the result; `version` links it to that version of a registered model.

        Raises:
            UsageError: the lists differ in length, or a metric is unknown.
            NotFoundError: the model is registered, and has no such version or alias.
            MissingDependencyError: a metric needs the `evaluate` extra.
        """
        checks.name("model_name", model_name)
        checks.one_of("model type", model_type, evaluation_result.MODEL_TYPES)
        columns = Predictions.of(
            predictions,
            references,
            errors=errors,
            latencies_ms=latencies_ms,
            costs=costs,
            questions=questions,
            slices=slices,
            clusters=clusters,
        )
        found = score_predictions(
            columns,
            metrics,
            scores or {},
            model_name=model_name,
            model_type=model_type,
            metadata=checks.mapping("metadata", metadata),
        )
        with self._database.write() as tx:
            found.id = evaluations.add(tx, found.row(), found.rows)
        return found

    def compare_evaluations(self, first: str | int, second: str | int) -> Comparison:
        """Compare the second evaluation with the first, example by example.

        Args:
            first, second: ids of evaluations, or names of models, of which the latest is taken.

        Returns:
            first, second (the evaluations); examples (in both); changes (of each metric that both have: first, second,
            difference, low, high, p_value, adjusted_p, test); slices (differences by field and value); rows (the
            examples whose score changed, the worst losses first).

        Raises:
            NotFoundError: there is no such evaluation.
            UsageError: they are the same one, or have no example, or no metric, in common.
        """
        with self._database.read() as tx:
            one, other = stored_evaluations.find(tx, first), stored_evaluations.find(tx, second)
            rows, other_rows = evaluations.results(tx, one["id"]), evaluations.results(tx, other["id"])
        return comparison.compare(one, other, rows, other_rows)

    def compare_models(self, base_result: EvaluationResult, finetuned_result: EvaluationResult) -> ModelComparison:
        """Deltas of the fine-tuned model over its base; latency and cost deltas are base minus fine-tuned."""
        return evaluation_result.compare(base_result, finetuned_result)

    def calculate_roi(
        self,
        base_cost: float,
        finetuned_cost: float,
        accuracy_improvement: float,
        inference_count: int,
        value_per_avoided_error: float = VALUE_PER_AVOIDED_ERROR,
        training_cost: float | None = None,
    ) -> ReturnOnAccuracy:
        """Calculate what the fine-tuned model is worth over a number of calls, in US dollars.

        Args:
            base_cost, finetuned_cost: per call.
            accuracy_improvement: absolute, -1 to 1; each avoided error is worth `value_per_avoided_error`.
            training_cost: what the gain has to pay back; without it `payback_period_inferences` is `inference_count`
                if the period pays, else inf.

        Raises:
            UsageError: a negative count or cost, or an improvement outside -1 to 1.
        """
        costs = CallCosts(base_cost, finetuned_cost)
        return return_on_accuracy.calculate(
            costs, accuracy_improvement, inference_count, value_per_avoided_error, training_cost
        )

    def get_results_summary(self) -> ResultsSummary:
        """The number of evaluations, and the latest figures of each model."""
        with self._database.read() as tx:
            return stored_evaluations.summarize(evaluations.all_evaluations(tx))

    def get_results(self) -> list[EvaluationResult]:
        """Every stored evaluation, oldest first."""
        with self._database.read() as tx:
            return [EvaluationResult.from_record(row) for row in evaluations.all_evaluations(tx)]

    def export_results(self, filepath: str | Path) -> str:
        """Write every stored evaluation as a JSON array; unknown figures are null. Returns the path."""
        write_json(Path(filepath), [result.as_json() for result in self.get_results()])
        return str(filepath)
