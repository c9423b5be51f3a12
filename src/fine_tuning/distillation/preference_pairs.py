"""Preference pairs: two responses to one prompt, of which one is better."""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning.data_io.messages import prompt_and_response_messages
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.distillation.ratings import CHOSEN_RATING, REJECTED_RATING
from fine_tuning.errors import UsageError
from fine_tuning.store import examples, preferences
from fine_tuning.store.database import Database
from fine_tuning.store.projects import DEFAULT_PROJECT


class Labels(NamedTuple):
    """What both calls of a pair have in common, beside the prompt."""

    domain: str
    task_type: str
    project: str = DEFAULT_PROJECT


def store_preference(
    database: Database, prompt: str, chosen: tuple[str, str], rejected: tuple[str, str], labels: Labels
) -> tuple[str, str]:
    """Store two responses as examples, rated 5 and 2, and as a preference pair.

    Args:
        chosen, rejected: the text of the response, and the model that gave it.

    Returns:
        The ids of the chosen and of the rejected example.

    Raises:
        UsageError: a text is empty, or both responses are the same.
    """
    if chosen[0] == rejected[0]:
        raise UsageError("both answers are the same: neither is better")
    better, worse = (
        example_record(
            prompt_and_response_messages(prompt, response),
            None,
            Facts(labels.domain, labels.task_type, rating=rating, model_used=model, project=labels.project),
        )
        for (response, model), rating in ((chosen, CHOSEN_RATING), (rejected, REJECTED_RATING))
    )
    with database.write() as tx:
        examples.capture(tx, [better, worse])
        for record in (better, worse):
            examples.rate(tx, record["id"], record["rating"])
        preferences.add(tx, worse=worse, better=better)
    return better["id"], worse["id"]
