"""A better answer to a captured call: an example of its own, and one half of a preference."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fine_tuning.data_io.formats.call import conversation_of
from fine_tuning.distillation import importer
from fine_tuning.errors import UsageError
from fine_tuning.store import examples
from fine_tuning.store.database import Transaction

CORRECTED_RATING = 2  # of the answer that had to be corrected, at most


def store_correction(tx: Transaction, example: Mapping[str, Any], response: str) -> str:
    """Store a better answer to a call, and the pair of the two. Returns its id.

    Raises:
        UsageError: it is empty or the same text.
    """
    if not isinstance(response, str) or not response.strip() or response == example["response"]:
        raise UsageError("a correction must be a different, non-empty answer")
    messages = conversation_of(example)
    row = importer.example_row(
        [*messages[:-1], {**messages[-1], "content": response}],
        example["tools"],
        example["domain"],
        example["task_type"],
        importer.CHOSEN_RATING,
        {**example["metadata"], "corrects": example["id"]},
        "human",
        datetime.now(UTC),
    )
    examples.capture(tx, [row])
    examples.rate(tx, row["id"], importer.CHOSEN_RATING)  # what a person wrote waits for nobody's judgement
    examples.add_preference(tx, example, row)
    return str(row["id"])
