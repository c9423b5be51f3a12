"""Evaluates the old and the new version of a relocation on the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fine_tuning._util.model_names import parse_version_name
from fine_tuning.model_evaluator import ModelEvaluator
from fine_tuning.store import evaluations
from fine_tuning.store.database import Database
from fine_tuning.workflows.evaluation_questions import Prediction, Question, clusters
from fine_tuning.workflows.predict import CallOptions, cached_predictions, predict
from fine_tuning.workflows.prediction_cache import kept_note
from fine_tuning.workflows.relocation.relocation_plan import Failures, Plan
from fine_tuning.workflows.relocation.relocation_run import NO_ANSWER, RelocationRun


def evaluate_version(run: RelocationRun, name: str, questions: Sequence[Question]) -> int:
    """The id of a version's evaluation; questions without a prediction from an earlier run are sent again.

    Args:
        name: `<name>-v<version>`.

    Raises:
        ProviderError, NotFoundError, ConfigurationError: the version does not answer.
    """
    step = evaluation_step(run.plan, name)
    before = run.steps.find(step)
    failed = None if before is None else failures_of(run.workspace.database, int(before))
    if before is not None and failed is None:
        return int(before)
    run.on_message(f"{len(questions)} questions for {name}")
    try:
        answers = _answers(run, name, questions)
    except NO_ANSWER:
        if before is None:
            raise
        return int(before)
    if before is not None and failed is not None and _count_failed(answers) >= failed.count:
        return int(before)
    return int(run.steps.repeat(step, partial(_evaluate, run, name, questions, answers)))


def evaluation_step(plan: Plan, name: str) -> str:
    """The name of the step that evaluates a version; recorded names must stay as they are, to resume relocations."""
    return f"{plan.metric} of {name}, {plan.max_answer_tokens} tokens"


def failures_of(database: Database, evaluation_id: int) -> Failures | None:
    """The questions without an answer; None where all have one."""
    with database.read() as tx:
        rows = evaluations.results(tx, evaluation_id)
    errors = [str(row["error"]) for row in rows if row["error"]]
    return Failures(len(errors), len(rows), errors[0]) if errors else None


def _answers(run: RelocationRun, name: str, questions: Sequence[Question]) -> list[Prediction]:
    """A version's answers; where the old version no longer answers, those of earlier runs."""
    longest = run.plan.max_answer_tokens
    try:
        found = predict(name, questions, CallOptions(longest), workspace=run.workspace)
    except NO_ANSWER as error:
        found = cached_predictions(name, questions, longest, str(error), workspace=run.workspace)
        if name != run.old_name or _count_failed(found) == len(found):
            raise
    if note := kept_note(found, f"answers of {name}"):
        run.on_message(note)
    return found


def _evaluate(run: RelocationRun, name: str, questions: Sequence[Question], answers: Sequence[Prediction]) -> int:
    parsed = parse_version_name(name)
    assert parsed is not None  # noqa: S101 - names of versions only
    found = ModelEvaluator(workspace=run.workspace).evaluate(
        [answer.text for answer in answers],
        [question.reference for question in questions],
        run.old["model_name"],
        "fine_tuned",
        metrics=[run.plan.metric],
        errors=[answer.error for answer in answers],
        latencies_ms=[answer.latency_ms for answer in answers],
        costs=[answer.cost for answer in answers],
        questions=[question.text for question in questions],
        clusters=clusters(questions),
        metadata={"version": parsed[1], "relocation": run.steps.relocation_id},
    )
    assert found.id is not None  # noqa: S101 - it was stored
    return found.id


def _count_failed(answers: Sequence[Prediction]) -> int:
    return sum(answer.error is not None for answer in answers)
