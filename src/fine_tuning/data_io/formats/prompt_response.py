"""Rows of a prompt and its response: this project's own records, and {"prompt", "completion"} of older trainers."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.formats.call import Call, Row, as_messages, record_facts, text_field, tools_of

NAME = "prompt-response"
ANSWERS = ("response", "completion", "reference")
_KNOWN = (
    "prompt", *ANSWERS, "system_prompt", "messages", "tools", "id", "curated", "sightings", "last_seen_at",
)  # fmt: skip


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "prompt" in row and any(key in row for key in ANSWERS)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    answer = next((key for key in ANSWERS if key in row), ANSWERS[0])
    system = text_field(row, "system_prompt") if row.get("system_prompt") else None
    messages = as_messages(text_field(row, "prompt"), text_field(row, answer), system)
    yield Call(messages, tools_of(row.get("tools")), **record_facts(row, _KNOWN))
