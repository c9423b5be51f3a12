"""Whether references are the incumbent's own answers: then a score is agreement with it, not accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fine_tuning.costs.roi_facts import Incumbent
from fine_tuning.data_io.messages import compared_text, messages_of_example
from fine_tuning.errors import DataError
from fine_tuning.evaluation.exact_match import matches
from fine_tuning.store import examples, experiment_samples
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.experiments import ExperimentOfVersion

SHARE = 0.5  # of references that are the incumbent's, from which a score is agreement with it
DISTINCT = 0.2  # share of different references from which they are no labels, which every model gives
MAX_SAMPLES = 2_000


class Asked(NamedTuple):
    """A question, with the messages before it, and its reference."""

    question: str
    reference: str


def are_references(tx: Transaction, incumbent: Incumbent, asked: Sequence[Asked]) -> bool:
    """Whether most references are what the incumbent, under any of its names, has answered to the same question."""
    names = _names(tx, incumbent)
    if not asked or not names:
        return False
    prompts = {prompt for each in asked for prompt in _prompts(each.question)}
    given: dict[str, set[str]] = {}
    for example in examples.answered_prompts(tx, names, sorted(prompts)):
        answers = given.setdefault(example["prompt"], set())
        answers.add(example["response"].strip())
        try:
            answers.add(compared_text(messages_of_example(example)[-1]).strip())
        except DataError:
            continue
    own = sum(
        any(each.reference.strip() in given.get(prompt, ()) for prompt in _prompts(each.question)) for each in asked
    )
    return own > SHARE * len(asked)


def are_references_without_questions(
    tx: Transaction, incumbent: Incumbent, references: Sequence[str], *, is_incumbent_right: bool, before: str | None
) -> bool:
    """As `are_references`, where the questions are unknown.

    Labels that the incumbent has given as well may be a person's: few different references are its own only where it
    scores as right in all of them.

    Args:
        before: the time (ISO 8601) of answers that count: later ones may have been graded by the references.
    """
    names, different = _names(tx, incumbent), sorted(set(references))
    if not references or not names:
        return False
    given = examples.responses_before(tx, names, different, before)
    if sum(each in given for each in references) <= SHARE * len(references):
        return False
    return is_incumbent_right or len(different) > DISTINCT * len(references)


def are_references_of_test(tx: Transaction, incumbent: Incumbent, test: ExperimentOfVersion) -> bool:
    """Whether the references of an A/B test are the incumbent's own answers."""
    samples = experiment_samples.with_reference(tx, test["id"], MAX_SAMPLES)
    models = test["pinned"] or {"model_a": test["model_a"], "model_b": test["model_b"]}
    own = [each for each in samples if incumbent.is_named(models.get(each.arm, ""))]
    is_right = bool(own) and all(
        each.prediction is not None and matches(each.prediction, each.reference) for each in own
    )
    references = [each.reference for each in samples]
    return are_references_without_questions(
        tx, incumbent, references, is_incumbent_right=is_right, before=test["started_at"]
    )


def _names(tx: Transaction, incumbent: Incumbent) -> list[str]:
    """The names under which the incumbent's calls are captured."""
    version = incumbent.version
    plain = set() if version is None else {version["model_name"]}
    return [
        name
        for name in examples.model_names(tx)
        if incumbent.is_named(name) or name in plain or name.rpartition("@")[0] in plain
    ]


def _prompts(question: str) -> set[str]:
    """What the last message of a user may be in a question; see `evaluation_questions.Question.text`."""
    last = question.rsplit("\nuser: ", 1)[-1].removeprefix("user: ")
    return {question, last, last.partition("\nassistant: ")[0]}
