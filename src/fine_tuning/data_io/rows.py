"""Rows of dataset files: read from JSON and JSONL, and divided into prompt and reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fine_tuning._util.files import open_to_read, parse_json, read_json
from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io import formats
from fine_tuning.data_io.json_values import JsonObject, Row, is_object
from fine_tuning.data_io.messages import Message, Tool, compared_text
from fine_tuning.data_io.row_facts import facts_of, name_of
from fine_tuning.data_io.sources.padding import padding_of, unpadded
from fine_tuning.errors import DataError

_CONVERSATION_NAMES = frozenset("conversationid sessionid threadid session chatid dialogid dialogueid".split())


def read_rows(path: Path | str) -> list[tuple[int, JsonObject]]:
    """Rows of a .json array or of a JSONL file, each with its line (or position), counted from 1.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is empty, or a row is not a JSON object; the message names file and line.
    """
    rows = list(_array(path) if str(path).endswith(".json") else _lines(path))
    if not rows:
        raise DataError(f"{path} is empty; it needs at least one row")
    return rows


def _array(path: Path | str) -> Iterator[tuple[int, JsonObject]]:
    value = read_json(path)
    if not isinstance(value, list):
        raise DataError(f"{path} must contain a JSON array of rows, not {json_kind(value)}")
    for position, row in enumerate(value, 1):
        yield position, _checked(row, f"{path}, row {position}")


def _lines(path: Path | str) -> Iterator[tuple[int, JsonObject]]:
    with open_to_read(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
            except DataError as error:
                raise DataError(f"{path}, line {number}: {error}") from None
            yield number, _checked(row, f"{path}, line {number}")


def _checked(row: object, where: str) -> JsonObject:
    if not is_object(row):
        raise DataError(f"{where}: a row must be a JSON object, not {json_kind(row)}")
    return row


def conversation_key(row: Row) -> str | None:
    """`<field>=<id>` of the conversation that a row belongs to, of itself or its metadata; None without such a field.

    The field's name counts in any spelling, and is given in letters and digits.
    """
    for fact in facts_of(row, _may_name_conversation):
        if isinstance(fact.value, str | int | float) and fact.value != "" and not isinstance(fact.value, bool):
            return f"{fact.name}={fact.value}"
    return None


def _may_name_conversation(key: str) -> bool:
    return name_of(key) in _CONVERSATION_NAMES


def without_padding(rows: list[tuple[int, JsonObject]]) -> list[tuple[int, JsonObject]]:
    """The rows; of a table that was written as JSON, without its nulls."""
    found = padding_of(row for _, row in rows)
    return [(line, unpadded(row, found)) for line, row in rows] if found else rows


class PromptAndReference(NamedTuple):
    """A conversation up to its last answer, the tools that the model may call, and that answer as it is compared."""

    messages: list[Message]
    tools: list[Tool]
    reference: str


def prompt_and_reference(row: Row, where: str) -> PromptAndReference:
    """What to send to a model and the reference answer, from a row of any format; of a pair the better answer.

    Args:
        where: file and line, for error messages.

    Raises:
        DataError: the row is of no format, has no answer, or several calls.
    """
    if formats.format_of(row) is None:
        raise DataError(f"{where}: needs messages, prompt and response, or instruction and output")
    try:
        calls = list(formats.calls_in(row))
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    if len(calls) != 1:
        raise DataError(f"{where}: a row must have one answered call, not {len(calls)}")
    *prompt, answer = calls[0].messages or [{"role": ""}]
    if not prompt or answer.get("role") != "assistant":
        raise DataError(f"{where}: the last message must be the assistant's expected answer")
    if not all(isinstance(message.get("role"), str) for message in prompt):
        raise DataError(f"{where}: each message must be an object with role and content")
    return PromptAndReference(prompt, calls[0].tools or [], compared_text(answer))
