"""ShareGPT rows: {"conversations": [{"from": "human", "value": ...}, ...]}.

The turns may also be pairs, as XTuner, Capybara and Firefly write them: {"conversation": [{"input", "output"}, ...]}.
Source: https://xtuner.readthedocs.io/en/latest/training/multi_turn_conversation.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NotRequired, TypedDict

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import ROLES, read_messages
from fine_tuning.data_io.dialects.history import read_history
from fine_tuning.data_io.dialects.images import PLACEHOLDER
from fine_tuning.data_io.dialects.tool_calls import made_id
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats.second_answers import refuse_second
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, list_of_objects, parse_embedded_json
from fine_tuning.data_io.messages import ContentPart, Message, Tool, parsed_arguments
from fine_tuning.errors import DataError

NAME = "sharegpt"
_TURN_KEYS = ("conversations", "conversation")
_KEYS = (*_TURN_KEYS, "tools", "id")
_SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
_HELD = {"role", "content"}
_BESIDE: dict[str, set[str]] = {
    "system": set(),
    "user": set(),
    "assistant": {"tool_calls"},
    "tool": {"tool_call_id", "name"},  # which no trainer reads, and imports do
}


class ShareGptRow(TypedDict):
    """A row of this format; `tools` is JSON text."""

    conversations: list[JsonObject]
    tools: NotRequired[str]
    images: NotRequired[list[str]]


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
    messages = _of_pairs(turns) or _of_turns(turns, key)
    refuse_second(row, messages)
    yield call_from_row(row, _KEYS, messages, read_tools(row.get("tools")))


def _of_turns(turns: list[JsonObject], key: str) -> list[Message]:
    for number, turn in enumerate(turns):
        speaker = turn.get("from") or turn.get("role")
        if speaker is None:
            raise DataError(f"{key}[{number}] has neither from nor role (it has {', '.join(sorted(turn))})")
        if str(speaker).lower() not in ROLES:
            raise DataError(f"{key}[{number}].from is {speaker!r}; known are {', '.join(ROLES)}")
    return read_messages(turns, key)


def _of_pairs(turns: list[JsonObject]) -> list[Message]:
    """The messages of turns with a question and its answer each, the first with the system prompt; none for others."""
    if not turns or any("from" in turn or "role" in turn for turn in turns):
        return []
    first = {name: value for name, value in turns[0].items() if name != "system"}
    system = turns[0].get("system")
    history = read_history([first, *turns[1:]]) if system is None or isinstance(system, str) else None
    before: list[Message] = [{"role": "system", "content": system}] if system and isinstance(system, str) else []
    return [*before, *history] if history else []


def row_of(messages: Sequence[Message], tools: Sequence[Tool] | None = None) -> ShareGptRow:
    """A conversation as a row of this format, as LLaMA-Factory reads it.

    A call is a turn `function_call` and its result a turn `observation`, each with the id of the call, where it has one
    of its own; images stand in `images`, and `<image>` in the text where each belongs.

    Source: https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html#sharegpt

    Raises:
        DataError: the format cannot hold it, such as parallel calls with results, a weight or the name of a user.
    """
    images: list[str] = []
    turns = [_turn(messages, at, images) for at in range(len(messages))]
    if images and sum(str(turn["value"]).count(PLACEHOLDER) for turn in turns) > len(images):
        raise _unsupported(f"the text {PLACEHOLDER} beside images")
    row: ShareGptRow = {"conversations": turns}
    if tools:
        row["tools"] = json.dumps(tools, ensure_ascii=False)
    if images:
        row["images"] = images
    return row


def _turn(messages: Sequence[Message], at: int, images: list[str]) -> JsonObject:
    """The turn of a message, whose images are added to `images`."""
    message, where = messages[at], f"messages[{at}]"
    role = message.get("role")
    if role not in _SPEAKERS:
        raise _unsupported(f"{where}, of the role {role}")
    others = sorted(key for key, value in message.items() if value is not None and key not in _HELD | _BESIDE[role])
    if others:
        raise _unsupported(f"{' and '.join(others)} of {where}")
    if message.get("tool_calls"):
        return _call_turn(messages, at, where)
    content = message.get("content")
    if role == "user" and isinstance(content, list):
        content = _with_places(content, where, images)
    if not isinstance(content, str):
        raise _unsupported(f"{where}, whose content is no text")
    turn: JsonObject = {"from": _SPEAKERS[role], "value": content}
    if "tool_call_id" in message and message["tool_call_id"] != made_id(at - 1, 0):
        turn["tool_call_id"] = message["tool_call_id"]
    return turn | ({"name": message["name"]} if "name" in message else {})


def _call_turn(messages: Sequence[Message], at: int, where: str) -> JsonObject:
    """The turn of calls: one with the results after it, or several that end the conversation."""
    found, after = messages[at]["tool_calls"], [each.get("role") for each in messages[at + 1 : at + 3]]
    if messages[at].get("content"):
        raise _unsupported(f"{where}, of a text and a call")
    if len(found) > 1 and after:
        raise _unsupported(f"{where}, of parallel calls with results")
    if after[:1] == ["assistant"] or after == ["tool", "tool"]:
        raise _unsupported(f"{where}, a call without one result")
    calls: list[JsonObject] = []
    for call in found:
        arguments = parsed_arguments(call)
        if not is_object(arguments):
            raise _unsupported(f"{where}, whose arguments are no JSON object")
        calls.append({"name": call["function"]["name"], "arguments": arguments})
    value = json.dumps(calls[0] if len(calls) == 1 else calls, ensure_ascii=False)
    turn: JsonObject = {"from": "function_call", "value": value}
    has_own_id = len(calls) == 1 and found[0]["id"] != made_id(at, 0)
    return turn | ({"tool_call_id": found[0]["id"]} if has_own_id else {})


def _with_places(parts: Sequence[ContentPart], where: str, images: list[str]) -> str:
    """The text of parts with a mark for each image; what is between two of them is one text, without space around."""
    texts = [part.get("text") for part in parts]
    if all(text is not None for text in texts):
        raise _unsupported(f"{where}, whose content is parts without an image")
    has_two = any(first is not None and second is not None for first, second in pairwise(texts))
    if has_two or any(text.strip() != text or not text for text in texts if text is not None):
        raise _unsupported(f"{where}, of two texts in a row or with white space around a text beside an image")
    for part in parts:
        image = part.get("image_url")
        if image is None and part.get("text") is None:
            raise _unsupported(f"{where}, with a part of type {part.get('type')}")
        if image is not None and image.keys() != {"url"}:
            raise _unsupported(f"the detail of an image in {where}")
        images += [] if image is None else [image["url"]]
    return "".join(PLACEHOLDER if text is None else text for text in texts)


def _unsupported(what: str) -> DataError:
    return DataError(f"sharegpt rows cannot hold {what}; use the format openai")
