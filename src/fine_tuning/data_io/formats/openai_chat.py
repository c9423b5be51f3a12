"""OpenAI's training rows: {"messages": [...], "tools": [...]}, also with what this project records beside them."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.formats.call import Call, Row, list_of_objects, record_facts, tools_of

NAME = "openai"
_KNOWN = (
    "messages", "tools", "prompt", "response", "id", "curated", "sightings", "last_seen_at",
)  # fmt: skip


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return isinstance(row.get("messages"), list)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    messages = list_of_objects(row["messages"], "messages")
    yield Call(messages, tools_of(row.get("tools")), **record_facts(row, _KNOWN))
