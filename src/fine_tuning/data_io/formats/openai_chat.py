"""OpenAI's training rows: {"messages": [...], "tools": [...]}, also with the fields of a captured example."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.formats.call import Call, call_from_row
from fine_tuning.data_io.json_values import Row
from fine_tuning.data_io.messages import as_messages, as_tools

NAME = "openai"
_KEYS = ("messages", "tools", "prompt", "response", "id", "curated", "sightings", "last_seen_at")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return isinstance(row.get("messages"), list)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    yield call_from_row(row, _KEYS, as_messages(row.get("messages"), "messages"), as_tools(row.get("tools")))
