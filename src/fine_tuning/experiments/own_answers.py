"""Whether references are the incumbent's own answers: then a score is agreement with it, not accuracy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from fine_tuning._util.same_model import is_same
from fine_tuning.costs import hosted_model
from fine_tuning.costs.roi_facts import Incumbent
from fine_tuning.data_io.equal_answers import NOT_JSON, normal_form, parse
from fine_tuning.data_io.messages import compared_text, messages_of_example
from fine_tuning.errors import DataError
from fine_tuning.evaluation.exact_match import matches
from fine_tuning.experiments.incumbent import of_arm
from fine_tuning.store import examples, experiment_samples, experiments
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.experiments import ExperimentOfVersion

SHARE = 0.5  # of references that are the incumbent's, from which a score is agreement with it
DISTINCT = 0.2  # share of different references from which they are no labels, which every model gives
AGAIN = 0.9  # share of its own earlier answers that a model gives again, at least
FEWEST = 10  # answers that equal their references, from which this is no chance
MAX_SAMPLES = 2_000


class Answered(NamedTuple):
    """The incumbent's prediction (None of a failed call), and the reference of the same question."""

    prediction: str | None
    reference: str


class Question(NamedTuple):
    """A question, with the messages before it, and its reference."""

    question: str
    reference: str


def are_references(tx: Transaction, incumbent: Incumbent, questions: Sequence[Question]) -> bool:
    """Whether most references are what the incumbent, under any of its names, has answered to the same question."""
    names = _names(tx, incumbent)
    if not questions or not names:
        return False
    prompts = {prompt for each in questions for prompt in _prompts(each.question)}
    ids = [example for example, prompt in examples.prompts_of(tx, names) if _normal(prompt) in prompts]
    given: dict[str, set[str]] = {}
    for example in examples.of_ids(tx, ids):
        answers = given.setdefault(_normal(example["prompt"]), set())
        answers.add(_value(example["response"]))
        try:
            answers.add(_value(compared_text(messages_of_example(example)[-1])))
        except DataError:
            continue
    own = sum(
        any(_value(each.reference) in given.get(prompt, ()) for prompt in _prompts(each.question)) for each in questions
    )
    return own > SHARE * len(questions)


def are_references_without_questions(
    tx: Transaction, incumbent: Incumbent, references: Sequence[str], *, right: float, before: str | None
) -> bool | None:
    """As `are_references`, where the questions are unknown; None where it cannot be told.

    Labels that the incumbent has given as well may be a person's: few different references are its own where it scores
    as right in all, and perhaps where it does in nearly all, since a model may answer otherwise when asked again.

    Args:
        right: share of the references (0 to 1) that the incumbent answers as they are.
        before: the time (ISO 8601) of answers that count: later ones may have been graded by the references.
    """
    names, values = _names(tx, incumbent), [_value(each) for each in references]
    if not references or not names:
        return False
    different = set(values)
    given = different.intersection(map(_value, examples.responses_of(tx, names, before)))
    if sum(each in given for each in values) <= SHARE * len(references):
        return False
    if right == 1 or len(different) > DISTINCT * len(references):
        return True
    return None if right >= AGAIN else False


def are_predictions(answered: Sequence[Answered]) -> bool:
    """Whether references are the incumbent's predictions of the same run: it equals all, and they are mostly different.

    So it is by construction where what it answers is stored as the reference, whether it was captured or not; a model
    that is only right gives some answer in other words. Few labels may be anybody's.
    """
    known = [(_value(each.prediction), _value(each.reference)) for each in answered if each.prediction is not None]
    different = {reference for _, reference in known}
    return (
        len(known) >= FEWEST
        and len(different) > DISTINCT * len(known)
        and all(prediction == reference for prediction, reference in known)
    )


def are_labels(references: Sequence[str]) -> bool:
    """Whether references are few values, so that those of other questions may be equal, all in the same order."""
    different = len(set(map(_value, references)))
    return different <= DISTINCT * len(references) or (different < FEWEST and different <= SHARE * len(references))


def are_references_of_test(tx: Transaction, incumbent: Incumbent, test: ExperimentOfVersion) -> bool | None:
    """Whether the references of an A/B test are the incumbent's own answers; None where it cannot be told."""
    samples = experiment_samples.with_reference(tx, test["id"], MAX_SAMPLES)
    arms = {arm for arm in experiments.models(test) if incumbent.is_same(of_arm(tx, test, arm))}
    own = [each for each in samples if each.arm in arms]
    if are_predictions([Answered(each.prediction, each.reference) for each in own]):
        return True
    hits = sum(each.prediction is not None and matches(each.prediction, each.reference) for each in own)
    references = [each.reference for each in samples]
    return are_references_without_questions(
        tx, incumbent, references, right=hits / len(own) if own else 0.0, before=test["started_at"]
    )


def _names(tx: Transaction, incumbent: Incumbent) -> list[str]:
    """The names under which the incumbent's calls may be captured, at whatever host."""
    version, model = incumbent.version, hosted_model.read(incumbent.name).model
    plain = {model} if version is None else {version["model_name"]}
    return [
        name
        for name in examples.model_names(tx)
        if incumbent.is_named(name)
        or name in plain
        or (version is None and is_same(hosted_model.read(name).model, model))
        or name.rpartition("@")[0] in plain
    ]


def _prompts(question: str) -> set[str]:
    """What the last message of a user may be in a question, normalised; see `evaluation_questions.Question.text`."""
    last = question.rsplit("\nuser: ", 1)[-1].removeprefix("user: ")
    return {_normal(each) for each in (question, last, last.partition("\nassistant: ")[0])}


def _normal(text: str) -> str:
    """A text without what changes when it is stored or passed on: case, white space, the form of its accents."""
    return " ".join(normal_form(text).casefold().split())


def _value(answer: str) -> str:
    """What an answer is recognised by: its JSON value, however it is written, else its normalised text."""
    value = parse(answer)
    return _normal(answer if value is NOT_JSON else json.dumps(value, sort_keys=True))
