"""Alpaca rows: instruction, input, output; earlier turns in `history`, as in LLaMA-Factory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NotRequired, TypedDict

from fine_tuning.data_io.blank_text import is_placeholder
from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.context_columns import contexts, refuse_choices
from fine_tuning.data_io.dialects.messages_in_text import Side, exchange_in_texts
from fine_tuning.data_io.formats.second_answers import TARGETS, refuse_second
from fine_tuning.data_io.json_values import Row, text_or_scalar
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.errors import DataError

NAME = "alpaca"
_KEYS = ("instruction", "input", "output")


class AlpacaRow(TypedDict):
    """A row of this format."""

    instruction: str
    input: str
    output: str
    system: NotRequired[str]
    history: NotRequired[list[list[str]]]


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "instruction" in row and "output" in row


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    more = text_or_scalar(row, "input") if row.get("input") not in (None, "", []) else ""
    more = "" if is_placeholder(more) else more
    instruction, output = text_or_scalar(row, "instruction"), text_or_scalar(row, "output")
    refuse_choices(row, f"{instruction}\n\n{more}")
    found = contexts(row, f"{instruction}\n\n{more}", output, _KEYS)
    messages = exchange_in_texts(Side("instruction", instruction), Side("output", output), more, *found.values())
    refuse_second(row, messages, TARGETS)
    yield call_from_row(row, (*_KEYS, *found), messages)


def row_of(messages: Sequence[Message], tools: Sequence[Tool] | None = None) -> AlpacaRow:
    """A conversation as a row of this format.

    Raises:
        DataError: it has tools, or turns that are not plain text, which this format does not support, or a text that
            would be read as several turns or as none.
    """
    first = messages[0] if messages else None
    has_system = first is not None and first.get("role") == "system" and first.get("content") is not None
    turns = messages[1:] if has_system else messages
    roles = [message.get("role") for message in turns]
    texts = [text for message in messages if (text := _plain_text(message)) is not None]
    is_plain = len(texts) == len(messages)
    if tools or not is_plain or not turns or roles != ["user", "assistant"] * (len(turns) // 2):
        raise DataError("alpaca rows hold turns of plain text only; use the format openai or sharegpt")
    system = texts.pop(0) if has_system else None
    row: AlpacaRow = {"instruction": texts[-2], "input": "", "output": texts[-1]}
    if system:
        row["system"] = system
    if len(texts) > 2:
        row["history"] = [texts[at : at + 2] for at in range(0, len(texts) - 2, 2)]
    if not _reads_as(row, messages):
        raise DataError(
            "alpaca rows do not hold a text with the marks of a chat template, which is read as turns, nor a system "
            "prompt that says nothing, as `null`; use the format openai"
        )
    return row


def _reads_as(row: AlpacaRow, messages: Sequence[Message]) -> bool:
    try:
        return [call.messages for call in calls(dict(row))] == [[*messages]]
    except DataError:
        return False


def _plain_text(message: Message) -> str | None:
    """The text of a message that has a role and text and nothing else; None for another message."""
    content = message.get("content")
    return content if isinstance(content, str) and message.keys() == {"role", "content"} else None
