"""A model as a judge of answers, corrected with what people said about some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fine_tuning import answering
from fine_tuning.answering import Question
from fine_tuning.evaluation import judge
from fine_tuning.evaluation.prediction_powered import Corrected, corrected_mean

REPLY_TOKENS = 256
Told = Callable[[int], None]


def grades(
    model: str,
    questions: Sequence[Question],
    predictions: Sequence[str | None],
    rubric: str = judge.RUBRIC,
    *,
    progress: Told = lambda _: None,
) -> list[float | None]:
    """A judge's grade of each answer, 0 to 1; None where there was no answer, or no grade in the reply.

    Replies are kept: the same answers are not judged again. They cost money; see the ledger.

    Args:
        model: as for `LLMService`.
        rubric: what a good answer is.

    Raises:
        NotFoundError, ConfigurationError, ProviderError: see `answering.answers`.
    """
    prompts = {
        place: judge.grading_prompt(question.text, question.reference, said, rubric)
        for place, (question, said) in enumerate(zip(questions, predictions, strict=True))
        if said is not None
    }
    replies = dict(zip(prompts, _ask(model, list(prompts.values()), progress), strict=True))
    return [judge.grade_of(replies[place] or "") if place in replies else None for place in range(len(questions))]


def preferences(
    model: str,
    questions: Sequence[Question],
    first: Sequence[str],
    second: Sequence[str],
    rubric: str = judge.RUBRIC,
    *,
    progress: Told = lambda _: None,
) -> list[int | None]:
    """Which of two answers a judge prefers, in both orders: -1 the first, 1 the second, 0 neither, None unknown."""
    sides = [(a, b) for pair in zip(first, second, strict=True) for a, b in (pair, pair[::-1])]
    asked = [question for question in questions for _ in range(2)]
    prompts = [judge.choosing_prompt(q.text, a, b, rubric) for q, (a, b) in zip(asked, sides, strict=True)]
    replies = [reply or "" for reply in _ask(model, prompts, progress)]
    return [judge.agreed(*pair) for pair in zip(replies[::2], replies[1::2], strict=True)]


def corrected(grades: Sequence[float | None], human: Sequence[float | None]) -> Corrected:
    """The mean grade as people would give it, from a judge's grades and people's of some of the same answers.

    Args:
        grades, human: of each answer, on the same scale; None where there is none.
    """
    both = [(h, g) for g, h in zip(grades, human, strict=True) if g is not None and h is not None]
    rest = [g for g, h in zip(grades, human, strict=True) if g is not None and h is None]
    return corrected_mean([h for h, _ in both], [g for _, g in both], rest)


def _ask(model: str, prompts: Sequence[str], progress: Told) -> list[str | None]:
    asked = [Question([{"role": "user", "content": prompt}], "") for prompt in prompts]
    if not asked:
        return []
    replies = answering.answers(model, asked, REPLY_TOKENS, progress=progress, purpose="judge")
    return [reply.text for reply in replies]
