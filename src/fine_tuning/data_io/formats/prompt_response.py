"""Rows of a prompt and its response: this project's own records, and {"prompt", "completion"} of older trainers."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.formats.call import Call, call_from_row
from fine_tuning.data_io.json_values import Row, text_field
from fine_tuning.data_io.messages import as_tools, prompt_and_response_messages

NAME = "prompt-response"
RESPONSE_KEYS = ("response", "completion", "reference")
_OTHER_KEYS = ("prompt", "system_prompt", "messages", "tools", "id", "curated", "sightings", "last_seen_at")
_KEYS = (*RESPONSE_KEYS, *_OTHER_KEYS)


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "prompt" in row and any(key in row for key in RESPONSE_KEYS)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    response = text_field(row, next((key for key in RESPONSE_KEYS if key in row), RESPONSE_KEYS[0]))
    system = text_field(row, "system_prompt") if row.get("system_prompt") else None
    messages = prompt_and_response_messages(text_field(row, "prompt"), response, system)
    yield call_from_row(row, _KEYS, messages, as_tools(row.get("tools")))
