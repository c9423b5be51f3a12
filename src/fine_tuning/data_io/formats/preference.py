"""Preference pairs: OpenAI's rows for preference training, and rows with chosen and rejected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, NotRequired, TypedDict

from fine_tuning.data_io.formats.call import Call, call_from_row
from fine_tuning.data_io.json_values import Row, is_object
from fine_tuning.data_io.messages import Message, Tool, as_messages, as_tools, prompt_messages
from fine_tuning.errors import DataError

NAME = "preference"
_KEYS = ("input", "preferred_output", "non_preferred_output", "prompt", "system", "chosen", "rejected", "tools")


class PreferenceInput(TypedDict):
    """The request that both responses answer."""

    messages: list[Message]
    tools: NotRequired[list[Tool]]


class PreferenceRow(TypedDict):
    """OpenAI's row for preference training."""

    input: PreferenceInput
    preferred_output: list[Message]
    non_preferred_output: list[Message]


class _Pair(NamedTuple):
    request: list[Message]
    tools: list[Tool] | None
    chosen: list[Message]
    rejected: list[Message]


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _is_openai(row) or ("chosen" in row and "rejected" in row)


def _is_openai(row: Row) -> bool:
    return "preferred_output" in row and "input" in row


def calls(row: Row) -> Iterator[Call]:
    """The preferred call of a row, with the rejected response.

    Raises:
        DataError: it is malformed.
    """
    pair = _openai_pair(row) if _is_openai(row) else _chosen_pair(row)
    if pair.chosen == pair.rejected:
        raise DataError("both answers are the same")
    yield call_from_row(row, _KEYS, [*pair.request, *pair.chosen], pair.tools, pair.rejected)


def _openai_pair(row: Row) -> _Pair:
    given = row.get("input")
    if not is_object(given):
        raise DataError("input must be an object with messages")
    request = as_messages(given.get("messages"), "input.messages")
    chosen, rejected = (as_messages(row.get(key), key) for key in ("preferred_output", "non_preferred_output"))
    return _Pair(request, as_tools(given.get("tools")), chosen, rejected)


def _chosen_pair(row: Row) -> _Pair:
    chosen, rejected = (_response(row.get(key), key) for key in ("chosen", "rejected"))
    prompt = row.get("prompt")
    if prompt is None:  # each holds the conversation from its first message on
        shared = 0
        while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
            shared += 1
        request, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    elif isinstance(prompt, str):
        request = prompt_messages(prompt)
    else:
        request = as_messages(prompt, "prompt")
    system = row.get("system")
    if isinstance(system, str):
        request = [{"role": "system", "content": system}, *request]
    return _Pair(request, as_tools(row.get("tools")), chosen, rejected)


def _response(value: object, key: str) -> list[Message]:
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    return as_messages([value] if isinstance(value, dict) else value, key)


def row_of(
    request: list[Message], chosen: list[Message], rejected: list[Message], tools: Sequence[Tool] | None = None
) -> PreferenceRow:
    """A pair as OpenAI's row for preference training."""
    given: PreferenceInput = {"messages": request}
    if tools:
        given["tools"] = list(tools)
    return {"input": given, "preferred_output": chosen, "non_preferred_output": rejected}
