"""Whether a judge grades a route's later answers lower than its first ones: one judge, so that its bias cancels out."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fine_tuning.data_io.messages import Message, compared_text, length_of_request, messages_of_example
from fine_tuning.errors import FineTuningError
from fine_tuning.evaluation import judge_prompts
from fine_tuning.store.records.examples import Example
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows import judging
from fine_tuning.workflows.evaluation_questions import Question

_log = logging.getLogger(__name__)
Grades = list[tuple[float, float]]  # of an old and a new answer, 0 to 1


def graded_pairs(workspace: Workspace, judge: str, old: Sequence[Example], new: Sequence[Example]) -> Grades:
    """The judge's grades of answers, in the order in which they came; a pair of which one has no grade is left out.

    Grades are kept, so that no answer is paid for twice. A judge that cannot be asked is told of, and grades nothing:
    the other kinds of drift are looked for without it.
    """
    examples = [*old[: len(new)], *new[: len(old)]]
    questions = [Question(_request(each), judge_prompts.NO_REFERENCE) for each in examples]
    answers = [compared_text(messages_of_example(each)[-1]) for each in examples]
    try:
        found = judging.grades(judge, questions, answers, judge_prompts.BARE_RUBRIC, workspace=workspace)
    except FineTuningError as error:
        _log.warning("the judge %s cannot grade: %s", judge, error)
        return []
    pairs = zip(found[: len(found) // 2], found[len(found) // 2 :], strict=True)
    return [(before, after) for before, after in pairs if before is not None and after is not None]


def _request(example: Example) -> Sequence[Message]:
    messages = messages_of_example(example)
    return messages[: length_of_request(messages)]
