"""Two answers to one question, the better one marked: OpenAI's rows for preference training, and chosen/rejected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fine_tuning.data_io.formats.call import Call, Message, Row, list_of_objects, record_facts, tools_of
from fine_tuning.errors import DataError

NAME = "preference"
_KNOWN = ("input", "preferred_output", "non_preferred_output", "prompt", "system", "chosen", "rejected", "tools")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return ("preferred_output" in row and "input" in row) or ("chosen" in row and "rejected" in row)


def calls(row: Row) -> Iterator[Call]:
    """The preferred call of a row, with the other answer beside it.

    Raises:
        DataError: it is malformed.
    """
    if "preferred_output" in row and "input" in row:
        asked, tools, better, worse = _openai(row)
    else:
        asked, tools, better, worse = _chosen(row)
    if better == worse:
        raise DataError("both answers are the same")
    yield Call([*asked, *better], tools, worse, **record_facts(row, _KNOWN))


def _openai(row: Row) -> tuple[list[Message], Any, list[Message], list[Message]]:
    given = row["input"]
    if not isinstance(given, dict):
        raise DataError("input must be an object with messages")
    asked = list_of_objects(given.get("messages"), "input.messages")
    better, worse = (list_of_objects(row.get(key), key) for key in ("preferred_output", "non_preferred_output"))
    return asked, tools_of(given.get("tools")), better, worse


def _chosen(row: Row) -> tuple[list[Message], Any, list[Message], list[Message]]:
    better, worse = (_answer(row[key], key) for key in ("chosen", "rejected"))
    prompt = row.get("prompt")
    if prompt is None:  # both are whole conversations
        shared = 0
        while shared < min(len(better), len(worse)) and better[shared] == worse[shared]:
            shared += 1
        asked, better, worse = better[:shared], better[shared:], worse[shared:]
    elif isinstance(prompt, str):
        asked = [{"role": "user", "content": prompt}]
    else:
        asked = list_of_objects(prompt, "prompt")
    system = [{"role": "system", "content": row["system"]}] if isinstance(row.get("system"), str) else []
    return [*system, *asked], tools_of(row.get("tools")), better, worse


def _answer(value: Any, key: str) -> list[Message]:
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    return list_of_objects([value] if isinstance(value, dict) else value, key)


def row_of(asked: list[Message], better: list[Message], worse: list[Message], tools: Any = None) -> dict[str, Any]:
    """A pair as OpenAI's row for preference training."""
    return {
        "input": {"messages": asked} | ({"tools": tools} if tools else {}),
        "preferred_output": better,
        "non_preferred_output": worse,
    }
