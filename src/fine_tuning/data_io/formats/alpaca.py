"""Alpaca rows: instruction, input, output; earlier turns under history, as LLaMA-Factory has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fine_tuning.data_io.formats.call import Call, Message, Row, as_messages, record_facts, text_field
from fine_tuning.errors import DataError

NAME = "alpaca"
_KNOWN = ("instruction", "input", "output", "system", "history")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "instruction" in row and "output" in row


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    more = text_field(row, "input") if row.get("input") else ""
    question = "\n\n".join(part for part in (text_field(row, "instruction"), more) if part)
    system = [{"role": "system", "content": text_field(row, "system")}] if row.get("system") else []
    before = [message for turn in row.get("history") or [] for message in _turn(turn)]
    messages = [*system, *before, *as_messages(question, text_field(row, "output"))]
    yield Call(messages, **record_facts(row, _KNOWN))


def _turn(turn: Any) -> list[Message]:
    if not isinstance(turn, list) or len(turn) != 2 or not all(isinstance(text, str) for text in turn):
        raise DataError("history must be a list of [question, answer]")
    return as_messages(turn[0], turn[1])


def row_of(messages: list[Message], tools: Any = None) -> dict[str, Any]:
    """A conversation as a row of this format.

    Raises:
        DataError: it has tools, or something else than text in turns, which this format cannot say.
    """
    system = messages[0]["content"] if messages and messages[0].get("role") == "system" else None
    turns = messages[1:] if system is not None else messages
    roles = [message.get("role") for message in turns]
    plain = all(message.keys() == {"role", "content"} and isinstance(message["content"], str) for message in messages)
    if tools or not plain or not turns or roles != ["user", "assistant"] * (len(turns) // 2):
        raise DataError("alpaca rows hold turns of plain text only; use the format openai or sharegpt")
    texts = [message["content"] for message in turns]
    row: dict[str, Any] = {"instruction": texts[-2], "input": "", "output": texts[-1]}
    history = [texts[at : at + 2] for at in range(0, len(texts) - 2, 2)]
    return row | ({"system": system} if system else {}) | ({"history": history} if history else {})
