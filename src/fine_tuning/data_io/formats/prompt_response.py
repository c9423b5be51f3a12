"""Rows of a prompt and its response: this project's own records, and TRL's prompt and completion, texts or messages."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row, is_record
from fine_tuning.data_io.context_columns import refuse_choices
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.messages_in_text import Side, answer_in_text, exchange_in_texts
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats.second_answers import TARGETS, refuse_second
from fine_tuning.data_io.json_values import Row, is_list, text_or_scalar
from fine_tuning.data_io.messages import Message, prompt_and_response_messages, prompt_messages
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
    messages = _messages(row, key)
    if not is_record(row):
        refuse_second({name: row[name] for name in row if name != key}, messages, ("output", *TARGETS))
    yield call_from_row(row, (*_KEYS, key), messages, read_tools(row.get("tools")))


def _messages(row: Row, key: str) -> list[Message]:
    """The conversation of the prompt and its response; the texts of a captured example are as they were said."""
    prompt, response = _side(row, "prompt"), _side(row, key)
    if isinstance(prompt, Side) and isinstance(response, Side):
        if is_record(row):
            return prompt_and_response_messages(prompt.text, response.text)
        refuse_choices(row, prompt.text)
        return exchange_in_texts(prompt, response)
    request = prompt_messages(prompt.text) if isinstance(prompt, Side) else read_messages(prompt, "prompt")
    answer = answer_in_text(response, is_chat=False) if isinstance(response, Side) else read_answer(response, key)
    return [*request, *answer]


def _side(row: Row, key: str) -> Side | list[object]:
    """The text of the prompt or of the response, or its list of messages."""
    value = row.get(key)
    if not is_list(value):
        return Side(key, text_or_scalar(row, key))
    if not value:
        raise DataError(f"{key} has no messages")
    return value
