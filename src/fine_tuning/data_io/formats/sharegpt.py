"""ShareGPT rows: {"conversations": [{"from": "human", "value": ...}, ...]}."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NotRequired, TypedDict

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import ROLES, read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats.second_answers import refuse_second
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, list_of_objects, parse_embedded_json, to_json_text
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.errors import DataError

NAME = "sharegpt"
_TURN_KEYS = ("conversations", "conversation")
_KEYS = (*_TURN_KEYS, "tools", "id")
_SPEAKERS = {"user": "human", "assistant": "gpt"}


class ShareGptRow(TypedDict):
    """A row of this format; `tools` is JSON text."""

    conversations: list[JsonObject]
    tools: NotRequired[str]


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return any(is_list(parse_embedded_json(row.get(key))) for key in _TURN_KEYS)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    key = next(key for key in _TURN_KEYS if is_list(parse_embedded_json(row.get(key))))
    turns = list_of_objects(parse_embedded_json(row[key]), key)
    for number, turn in enumerate(turns):
        speaker = turn.get("from") or turn.get("role")
        if str(speaker).lower() not in ROLES:
            raise DataError(f"{key}[{number}].from is {speaker!r}; known are {', '.join(ROLES)}")
    messages = read_messages(turns, key)
    refuse_second(row, messages)
    yield call_from_row(row, _KEYS, messages, read_tools(row.get("tools")))


def row_of(messages: Sequence[Message], tools: Sequence[Tool] | None = None) -> ShareGptRow:
    """A conversation as a row of this format; fields that the format lacks are kept under OpenAI's names."""
    turns: list[JsonObject] = []
    for message in messages:
        others: JsonObject = {key: value for key, value in message.items() if key not in {"role", "content"}}
        content = message.get("content")
        if not isinstance(content, str):
            others["content"] = content
        value = to_json_text("" if content is None else content)
        turns.append({"from": _SPEAKERS.get(message["role"], message["role"]), "value": value, **others})
    row: ShareGptRow = {"conversations": turns}
    if tools:
        row["tools"] = json.dumps(tools, ensure_ascii=False)
    return row
