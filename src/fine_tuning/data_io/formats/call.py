"""One recorded call of a model, in whatever format it was recorded."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from fine_tuning.data_io.json_values import JsonObject, Row
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.errors import DataError

RECORD_KEYS = frozenset({"domain", "task_type", "rating", "metadata", "captured_at", "model", "model_used"})
"""Fields of a captured example that a row of any format may have."""


@dataclass(frozen=True)
class Call:
    """A request to a model and its response; None is unknown.

    The facts beside the conversation are as the row has them; they are checked when the call is stored.

    Attributes:
        messages: the conversation, oldest first; the last message is the response.
        tools: the tools that the model could call.
        rejected: the messages of a response to the same request that was rated lower.
        rating: 1 to 5.
        captured_at: ISO 8601, or seconds since 1970.
        metadata: the other fields of the row.
    """

    messages: list[Message]
    tools: list[Tool] | None = None
    rejected: list[Message] | None = None
    domain: object = None
    task_type: object = None
    rating: object = None
    model: object = None
    captured_at: object = None
    metadata: JsonObject = field(default_factory=dict)

    def request_messages(self) -> list[Message]:
        """The messages before the response."""
        last = max((at for at, each in enumerate(self.messages) if each.get("role") != "assistant"), default=-1)
        return self.messages[: last + 1]


def call_from_row(
    row: Row,
    conversation_keys: Collection[str],
    messages: list[Message],
    tools: list[Tool] | None = None,
    rejected: list[Message] | None = None,
) -> Call:
    """A call with the facts that its row states in the fields of a captured example.

    Args:
        conversation_keys: fields that hold the conversation; those that are neither these nor `RECORD_KEYS` become
            metadata.

    Raises:
        DataError: metadata is not an object.
    """
    metadata = row.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise DataError(f"metadata must be an object, not {type(metadata).__name__}")
    others = {key: value for key, value in row.items() if key not in RECORD_KEYS and key not in conversation_keys}
    return Call(
        messages,
        tools,
        rejected,
        domain=row.get("domain"),
        task_type=row.get("task_type"),
        rating=row.get("rating"),
        model=row.get("model_used") or row.get("model"),
        captured_at=row.get("captured_at"),
        metadata={**others, **metadata},
    )
