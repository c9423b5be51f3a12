"""OpenAI's training rows: {"messages": [...], "tools": [...]}, also with the fields of a captured example."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.json_values import Row, is_list, parse_embedded_json

NAME = "openai"
_RECORD = ("prompt", "response", "id", "curated", "sightings", "last_seen_at")
_KEYS = ("messages", "tools")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return is_list(parse_embedded_json(row.get("messages")))


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; the functions of OpenAI's earlier training rows are tools.

    Raises:
        DataError: it is malformed.
    """
    is_record = "captured_at" in row or "curated" in row  # of this project: its prompt and response repeat messages
    keys = (*_KEYS, *_RECORD) if is_record else _KEYS
    yield call_from_row(row, keys, read_messages(row.get("messages"), "messages"), read_tools(row.get("tools")))
