"""The best of several answers to a prompt: the one that most agree on, or the one that a judge grades highest."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from fine_tuning.candidates.candidate import Request
from fine_tuning.data_io.messages import Message, compared_text, content_text, whole_text
from fine_tuning.evaluation import judge_prompts
from fine_tuning.workflows.labelling.recorded_calls import Bought


class Best(NamedTuple):
    """The place of the best answer, and by what: the share of answers that agree with it, or its grade (0 to 1)."""

    place: int
    agreement: float | None = None
    grade: float | None = None


def most_frequent(answers: Sequence[Bought]) -> Best:
    """The first of the answers that most agree on, by their JSON value where they are JSON, else by their words."""
    keys = [_key(answer.message) for answer in answers]
    ((key, count),) = Counter(keys).most_common(1)
    return Best(keys.index(key), agreement=count / len(keys))


def highest(grades: Sequence[float | None]) -> Best:
    """The first of the answers with the highest grade; the first answer where none has a grade."""
    known = [(grade, -place) for place, grade in enumerate(grades) if grade is not None]
    if not known:
        return Best(0)
    grade, place = max(known)
    return Best(-place, grade=grade)


def judge_request(request: Request, answer: Message) -> Request:
    """What a judge is asked about an answer, which has no reference."""
    question = "\n".join(f"{each['role']}: {whole_text(each)}" for each in request.messages)
    prompt = judge_prompts.grading_prompt(
        question, judge_prompts.NO_REFERENCE, whole_text(answer), judge_prompts.BARE_RUBRIC
    )
    return Request([{"role": "user", "content": prompt}])


def grade_of(reply: Bought) -> float | None:
    """The grade in a judge's reply, 0 to 1; None without one."""
    return judge_prompts.grade_of(content_text(reply.message.get("content")))


def _key(message: Message) -> str:
    text = compared_text(message)
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return " ".join(text.split()).casefold()
