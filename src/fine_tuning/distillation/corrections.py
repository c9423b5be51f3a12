"""Corrections: a better response to a captured call becomes a new example and half of a preference pair."""

from __future__ import annotations

from fine_tuning.data_io.messages import Message, messages_of_example
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.distillation.ratings import CHOSEN_RATING, MAX_CORRECTED_RATING
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.store import examples, preferences
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.examples import Example


def correct_example(database: Database, example_id: str, response: str, project: str | None = None) -> str:
    """Store a correction and lower the rating of the corrected example. Returns the id of the new example.

    Args:
        project: of the example; by default any.

    Raises:
        NotFoundError: there is no such example.
        UsageError: the correction is empty or equal to the response.
    """
    with database.write() as tx:
        example = examples.get(tx, example_id)
        if example is None or not examples.is_of(tx, example_id, project):
            raise NotFoundError(f"no captured example {example_id}")
        return apply_correction(tx, example, response)


def apply_correction(tx: Transaction, example: Example, response: str, rating: int | None = None) -> str:
    """Store a correction and lower the rating of the corrected example. Returns the id of the new example.

    Args:
        rating: that a person gave the corrected one; its own by default.

    Raises:
        UsageError: the correction is empty or equal to the response.
    """
    corrected_id = store_correction(tx, example, response)
    examples.rate(tx, example["id"], min(MAX_CORRECTED_RATING, example["rating"] if rating is None else rating))
    return corrected_id


def store_correction(tx: Transaction, example: Example, response: str) -> str:
    """Store a better response to a call, and the pair of the two. Returns the id of the new example.

    Raises:
        UsageError: the correction is empty or equal to the response.
    """
    if not isinstance(response, str) or not response.strip() or response == example["response"]:
        raise UsageError("a correction must be a different, non-empty answer")
    messages = messages_of_example(example)
    corrected: Message = {**messages[-1], "content": response}
    facts = Facts(
        domain=example["domain"],
        task_type=example["task_type"],
        rating=CHOSEN_RATING,
        metadata={**example["metadata"], "corrects": example["id"]},
        model_used="human",
        project=examples.project_of(tx, example["id"]) or DEFAULT_PROJECT,
    )
    better = example_record([*messages[:-1], corrected], example["tools"], facts)
    examples.capture(tx, [better])
    examples.rate(tx, better["id"], CHOSEN_RATING)  # a response that a person wrote needs no review
    preferences.add(tx, worse=example, better=better)
    return better["id"]
