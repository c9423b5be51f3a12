"""A model as a judge of answers, corrected with what people said about some of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import judge_prompts
from fine_tuning.evaluation.prediction_powered import Corrected, corrected_mean
from fine_tuning.workflows import answering
from fine_tuning.workflows.answering import Answer, Question

REPLY_TOKENS = 256
Told = Callable[[int], None]


class Judged(NamedTuple):
    """A judge's grade of an answer, 0 to 1; None where there was no answer, or `error` says why there is no grade."""

    grade: float | None
    error: str | None = None


def grades(
    model: str,
    questions: Sequence[Question],
    predictions: Sequence[str | None],
    rubric: str = judge_prompts.RUBRIC,
    *,
    progress: Told = lambda _: None,
) -> list[float | None]:
    """As `judged`, the grades alone."""
    return [each.grade for each in judged(model, questions, predictions, rubric, progress=progress)]


def judged(
    model: str,
    questions: Sequence[Question],
    predictions: Sequence[str | None],
    rubric: str = judge_prompts.RUBRIC,
    *,
    progress: Told = lambda _: None,
) -> list[Judged]:
    """A judge's grade of each answer. Replies are kept: the same answers are not judged again. They cost money; see
    the ledger.

    Args:
        model: as for `LLMService`.
        rubric: what a good answer is.

    Raises:
        UsageError: not as many answers as questions.
        NotFoundError, ConfigurationError, ProviderError: see `answering.answers`.
    """
    _check_as_many(questions=questions, predictions=predictions)
    prompts = {
        place: judge_prompts.grading_prompt(question.text, question.reference, said, rubric)
        for place, (question, said) in enumerate(zip(questions, predictions, strict=True))
        if said is not None
    }
    replies = dict(zip(prompts, _ask(model, list(prompts.values()), progress), strict=True))
    return [_grade(replies.get(place)) for place in range(len(questions))]


def _grade(reply: Answer | None) -> Judged:
    if reply is None:
        return Judged(None)
    if reply.error is not None:
        return Judged(None, reply.error)
    grade = judge_prompts.grade_of(reply.text or "")
    return Judged(grade, None if grade is not None else "its reply has no grade")


def preferences(
    model: str,
    questions: Sequence[Question],
    first: Sequence[str],
    second: Sequence[str],
    rubric: str = judge_prompts.RUBRIC,
    *,
    progress: Told = lambda _: None,
) -> list[int | None]:
    """Which of two answers a judge prefers, in both orders: -1 the first, 1 the second, 0 neither, None unknown.

    Raises:
        UsageError: not as many answers of each as questions, or one is no text.
    """
    _check_as_many(questions=questions, first=first, second=second)
    if not all(isinstance(answer, str) for answer in (*first, *second)):
        raise UsageError("answers to be compared must be text; leave out the questions that one model did not answer")
    sides = [(a, b) for pair in zip(first, second, strict=True) for a, b in (pair, pair[::-1])]
    asked = [question for question in questions for _ in range(2)]
    prompts = [judge_prompts.choosing_prompt(q.text, a, b, rubric) for q, (a, b) in zip(asked, sides, strict=True)]
    replies = [reply.text or "" for reply in _ask(model, prompts, progress)]
    return [judge_prompts.combined_choice(*pair) for pair in zip(replies[::2], replies[1::2], strict=True)]


def corrected(
    grades: Sequence[float | None], human: Sequence[float | None], clusters: Sequence[Hashable] | None = None
) -> Corrected:
    """The mean grade as people would give it, from a judge's grades and people's of some of the same answers.

    Args:
        grades, human: of each answer, 0 to 1; None where there is none.
        clusters: answers that may be alike, such as those of a conversation.

    Raises:
        UsageError: they are not as many, or one is not from 0 to 1.
    """
    _check_as_many(grades=grades, human=human, **({} if clusters is None else {"clusters": clusters}))
    for label, column in (("grade", grades), ("grade of people", human)):
        for each in column:
            if each is not None and checks.rate(label, each) is None:
                raise UsageError(f"a {label} must be between 0 and 1, not {each}")
    known = [place for place, grade in enumerate(grades) if grade is not None]
    both = [place for place in known if human[place] is not None]
    rest = [place for place in known if human[place] is None]
    return corrected_mean(
        [float(human[place] or 0) for place in both],
        [float(grades[place] or 0) for place in both],
        [float(grades[place] or 0) for place in rest],
        clusters=None if clusters is None else [clusters[place] for place in (*both, *rest)],
    )


def _check_as_many(**columns: Sequence[Any]) -> None:
    sizes = {label: len(column) for label, column in columns.items()}
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{count} {label}" for label, count in sizes.items())
        raise UsageError(f"{shown}: they must be as many")


def _ask(model: str, prompts: Sequence[str], progress: Told) -> list[Answer]:
    asked = [Question([{"role": "user", "content": prompt}], "") for prompt in prompts]
    return answering.answers(model, asked, REPLY_TOKENS, progress=progress, purpose="judge") if asked else []
