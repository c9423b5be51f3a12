"""One recorded call of a model, whatever format it came in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fine_tuning.errors import DataError

Row = Mapping[str, Any]
Message = dict[str, Any]
# Of a captured example, in any format.
RECORD_KEYS = frozenset({"domain", "task_type", "rating", "metadata", "captured_at", "model", "model_used"})


@dataclass(frozen=True)
class Call:
    """What a model was asked and what it answered; None is unknown.

    Attributes:
        messages: the conversation in OpenAI's words, oldest first; the last one is the answer.
        tools: what the model could call.
        rejected: messages of another answer to the same question that somebody liked less.
        rating: 1 to 5 as the format has it; checked where it is stored.
        captured_at: ISO 8601, or seconds since 1970.
        metadata: what else the row said.
    """

    messages: list[Message]
    tools: list[dict[str, Any]] | None = None
    rejected: list[Message] | None = None
    domain: str | None = None
    task_type: str | None = None
    rating: Any = None
    model: str | None = None
    captured_at: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def asked(self) -> list[Message]:
        """The messages before the answer."""
        last = max((at for at, each in enumerate(self.messages) if each.get("role") != "assistant"), default=-1)
        return self.messages[: last + 1]


def record_facts(row: Row, known: Iterable[str]) -> dict[str, Any]:
    """What a row says beside its conversation, as arguments of `Call`; keys that are not `known` become metadata.

    Raises:
        DataError: metadata is not an object.
    """
    metadata = row.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise DataError(f"metadata must be an object, not {type(metadata).__name__}")
    left = {key: value for key, value in row.items() if key not in RECORD_KEYS and key not in known}
    return {
        "domain": row.get("domain"),
        "task_type": row.get("task_type"),
        "rating": row.get("rating"),
        "model": row.get("model_used") or row.get("model"),
        "captured_at": row.get("captured_at"),
        "metadata": {**left, **metadata},
    }


def as_messages(prompt: str, response: str, system_prompt: str | None = None) -> list[Message]:
    """A prompt and its response as chat messages."""
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, {"role": "user", "content": prompt}, {"role": "assistant", "content": response}]


def conversation_of(example: Row) -> list[Message]:
    """The messages of a captured example: its whole conversation where there is one, else prompt and response.

    Raises:
        DataError: prompt or response is missing or not text.
    """
    if example.get("messages"):
        return list(example["messages"])
    return as_messages(text_field(example, "prompt"), text_field(example, "response"))


def text_field(row: Row, key: str) -> str:
    """The text under a key.

    Raises:
        DataError: it is missing or not text.
    """
    if key not in row:
        raise DataError(f"{key} is missing")
    if not isinstance(row[key], str):
        raise DataError(f"{key} must be text, not {type(row[key]).__name__}")
    return str(row[key])


def list_of_objects(value: Any, label: str) -> list[dict[str, Any]]:
    """The value, if it is a list of objects.

    Raises:
        DataError: it is not.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DataError(f"{label} must be a list of objects")
    return value


def parsed(value: Any) -> Any:
    """The value of JSON that was stored as text, as CSV exports and log attributes have it; other text as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{", '"'}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def tools_of(value: Any) -> list[dict[str, Any]] | None:
    """Tools as a list, also where they are kept as JSON text; None where there are none.

    Raises:
        DataError: they are something else.
    """
    found = parsed(value)
    return list_of_objects(found, "tools") if found else None
