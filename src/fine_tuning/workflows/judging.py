"""Grades of predictions by a model as judge, corrected by human scores of some of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence, Sized
from typing import NamedTuple

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import judge_prompts
from fine_tuning.evaluation.prediction_powered import Corrected, corrected_mean
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.evaluation_questions import Prediction, Question
from fine_tuning.workflows.predict import CallOptions, predict

OnProgress = Callable[[int], None]


class Grade(NamedTuple):
    """A judge's grade of a prediction, 0 to 1; None without a prediction, or for the reason `error`; and its reply."""

    value: float | None
    error: str | None = None
    reply: Prediction | None = None


def grades(
    model: str,
    questions: Sequence[Question],
    predictions: Sequence[str | None],
    rubric: str = judge_prompts.RUBRIC,
    *,
    about: str | None = None,
    workspace: Workspace,
    on_progress: OnProgress = lambda _: None,
) -> list[float | None]:
    """The values of `grade_predictions`."""
    found = grade_predictions(
        model, questions, predictions, rubric, about=about, workspace=workspace, on_progress=on_progress
    )
    return [grade.value for grade in found]


def grade_predictions(
    model: str,
    questions: Sequence[Question],
    predictions: Sequence[str | None],
    rubric: str = judge_prompts.RUBRIC,
    *,
    about: str | None = None,
    workspace: Workspace,
    on_progress: OnProgress = lambda _: None,
) -> list[Grade]:
    """Grade each prediction by a judge. Replies are kept: the same prediction is not judged, or paid for, twice.

    Args:
        model: the judge, as for `LLMService`; the cost ledger has its calls.
        rubric: describes a good answer.
        about: the name of the model that predicted, in the ledger: the calls are part of the investment in it.

    Raises:
        UsageError: there are not as many predictions as questions.
        NotFoundError, ConfigurationError, ProviderError: see `predict`.
    """
    _check_lengths(questions=questions, predictions=predictions)
    prompts = {
        position: judge_prompts.grading_prompt(question.text, question.reference, prediction, rubric)
        for position, (question, prediction) in enumerate(zip(questions, predictions, strict=True))
        if prediction is not None
    }
    replies = dict(zip(prompts, _replies(model, list(prompts.values()), about, workspace, on_progress), strict=True))
    return [_grade(replies.get(position)) for position in range(len(questions))]


def _grade(reply: Prediction | None) -> Grade:
    if reply is None:
        return Grade(None)
    if reply.error is not None:
        return Grade(None, reply.error, reply)
    value = judge_prompts.grade_of(reply.text or "")
    return Grade(value, None if value is not None else "its reply has no grade", reply)


def preferences(
    model: str,
    questions: Sequence[Question],
    first: Sequence[str],
    second: Sequence[str],
    rubric: str = judge_prompts.RUBRIC,
    *,
    workspace: Workspace,
    on_progress: OnProgress = lambda _: None,
) -> list[int | None]:
    """Which of two predictions a judge prefers, shown in both orders: -1 first, 1 second, 0 neither, None unknown.

    Raises:
        UsageError: there are not as many predictions of each as questions, or one is not text.
    """
    _check_lengths(questions=questions, first=first, second=second)
    if not all(isinstance(prediction, str) for prediction in (*first, *second)):
        raise UsageError("predictions to compare must be text; leave out the questions that one model did not answer")
    prompts = [
        judge_prompts.choosing_prompt(question.text, shown_first, shown_second, rubric)
        for question, a, b in zip(questions, first, second, strict=True)
        for shown_first, shown_second in ((a, b), (b, a))
    ]
    replies = [reply.text or "" for reply in _replies(model, prompts, None, workspace, on_progress)]
    return [judge_prompts.combined_choice(*pair) for pair in zip(replies[::2], replies[1::2], strict=True)]


def corrected(
    grades: Sequence[float | None],
    human: Sequence[float | None],
    clusters: Sequence[Hashable] | None = None,
    *,
    probabilities: Sequence[float | None] | None = None,
) -> Corrected:
    """Estimate the mean human score from a judge's grades and human scores of some of the same predictions.

    Args:
        grades, human: of each prediction, 0 to 1; None is unknown.
        clusters: predictions that may be correlated, such as those of a conversation.
        probabilities: with which each prediction was drawn for its human score, above 0 to 1; without any, all that
            have one were drawn alike.

    Raises:
        UsageError: the lists differ in length, a score is not between 0 and 1, or some human scores have a
            probability and others none.
    """
    further = {"clusters": clusters, "probabilities": probabilities}
    _check_lengths(grades=grades, human=human, **{name: each for name, each in further.items() if each is not None})
    for label, column in (("grade", grades), ("human score", human)):
        for each in column:
            if each is not None and checks.rate(label, each) is None:
                raise UsageError(f"a {label} must be between 0 and 1, not {each}")
    graded = [position for position, grade in enumerate(grades) if grade is not None]
    both = [position for position in graded if human[position] is not None]
    rest = [position for position in graded if human[position] is None]
    drawn = [None if probabilities is None else probabilities[position] for position in both]
    known = [each for each in drawn if each is not None]
    if known and len(known) < len(drawn):
        raise UsageError(f"{len(known)} of {len(drawn)} human scores have a probability; all of them or none must")
    return corrected_mean(
        [float(human[position] or 0) for position in both],
        [float(grades[position] or 0) for position in both],
        [float(grades[position] or 0) for position in rest],
        clusters=None if clusters is None else [clusters[position] for position in (*both, *rest)],
        probabilities=known or None,
    )


def _check_lengths(**columns: Sized) -> None:
    sizes = {label: len(column) for label, column in columns.items()}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{count} {label}" for label, count in sizes.items())
        raise UsageError(f"{shown}: their numbers must be equal")


def _replies(
    model: str, prompts: Sequence[str], about: str | None, workspace: Workspace, on_progress: OnProgress
) -> list[Prediction]:
    if not prompts:
        return []
    questions = [Question([{"role": "user", "content": prompt}], "") for prompt in prompts]
    options = CallOptions(judge_prompts.MAX_REPLY_TOKENS, purpose="judge", about=about)
    return predict(model, questions, options, workspace=workspace, on_progress=on_progress)
