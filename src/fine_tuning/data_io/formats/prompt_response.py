"""Rows of a prompt and its response: this project's own records, and TRL's prompt and completion, texts or messages."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.messages_in_text import answer_in_text, prompt_in_text
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.json_values import Row, is_list, text_or_scalar
from fine_tuning.data_io.messages import Message
from fine_tuning.errors import DataError

NAME = "prompt-response"
RESPONSE_KEYS = ("response", "completion", "reference")
_KEYS = ("prompt", "tools", "id", "curated", "sightings", "last_seen_at")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "prompt" in row and any(key in row for key in RESPONSE_KEYS)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    key = next(key for key in RESPONSE_KEYS if key in row)
    messages = [*_side(row, "prompt"), *_side(row, key)]
    yield call_from_row(row, (*_KEYS, key), messages, read_tools(row.get("tools")))


def _side(row: Row, key: str) -> list[Message]:
    """The messages of the prompt, or of the response, which is of the assistant."""
    value = row.get(key)
    if is_list(value):
        found = read_messages(value, key) if key == "prompt" else read_answer(value, key)
        if not found:
            raise DataError(f"{key} has no messages")
        return found
    text = text_or_scalar(row, key)
    return prompt_in_text(text, key) if key == "prompt" else answer_in_text(text, key)
