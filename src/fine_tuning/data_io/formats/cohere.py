"""Calls of version 1 of Cohere's Chat API: a message after a history, and the text that answers it.

Source: https://docs.cohere.com/reference/chat-v1
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.dialects.found_by_host import refuse_found
from fine_tuning.data_io.dialects.plain_functions import plain_tools
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    is_list,
    is_object,
    list_of_objects,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Tool
from fine_tuning.errors import DataError

NAME = "cohere"
_OWN = frozenset(("chat_history", "preamble", "generation_id", "response_id", "tool_results"))
_READ = ("message", "chat_history", "text", "tools", "tool_results", "tool_calls", "citations", "prompt", "response")
_NOTHING: tuple[object, ...] = (None, [], "", {})


def recognises(row: Row) -> bool:
    """Whether a row is of this format: the fields of a request and of its response, also as two objects."""
    if "request" in row and "response" in row:
        return _is_call({**_object(row["request"]), **_object(row["response"])})
    return _is_call(row)


def _is_call(row: Row) -> bool:
    is_asked = isinstance(row.get("message"), str)
    is_answered = isinstance(row.get("text"), str)
    return is_asked and is_answered and not _OWN.isdisjoint(row)


def _object(value: object) -> Row:
    return object_or_empty(parse_embedded_json(value))


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed, or answers with what the host has found.
    """
    if "request" in row and "response" in row:
        others = {key: value for key, value in row.items() if key not in {"request", "response"}}
        row = {**others, **_object(row["request"]), **_object(row["response"])}
    refuse_found({key: row[key] for key in ("citations", "search_results") if row.get(key)}, "the response")
    turns = [*_prompt_turns(row), _turn("CHATBOT", row.get("text"), row.get("tool_calls"))]
    yield call_from_row(row, _READ, read_messages(turns, "chat_history"), _tools(row.get("tools")))


def _prompt_turns(row: Row) -> list[JsonObject]:
    """The turns before the answer; a response repeats the history with the message and the answer behind it."""
    history = parse_embedded_json(row.get("chat_history"))
    turns = [turn for each in list_of_objects(history or [], "chat_history") for turn in _turns(each)]
    message = row["message"]
    last = _turn("CHATBOT", row.get("text"), None)
    if turns and turns[-1].get("content") == last["content"] and turns[-1]["role"] == "assistant":
        turns = turns[:-1]
    results = parse_embedded_json(row.get("tool_results"))
    if message and not (turns and turns[-1] == {"role": "user", "content": message}):
        turns.append({"role": "user", "content": message})
    if is_list(results) and results and not _ends_with_results(turns):
        turns += _results(results, turns)
    return turns


def _ends_with_results(turns: list[JsonObject]) -> bool:
    return bool(turns) and turns[-1]["role"] == "tool"


def _turns(given: JsonObject) -> list[JsonObject]:
    role = str(given.get("role")).upper()
    if role == "TOOL":
        results = parse_embedded_json(given.get("tool_results"))
        return [_result(each) for each in list_of_objects(results, "chat_history.tool_results")]
    if role not in {"USER", "CHATBOT", "SYSTEM"}:
        raise DataError(f"chat_history has the role {given.get('role')!r}; known are USER, CHATBOT, SYSTEM and TOOL")
    return [_turn(role, given.get("message"), given.get("tool_calls"))]


def _turn(role: str, text: object, calls: object) -> JsonObject:
    called = parse_embedded_json(calls)
    kind = {"USER": "user", "CHATBOT": "assistant"}.get(role, "system")
    if called in _NOTHING:
        return {"role": kind, "content": text}
    return {"role": kind, "content": text or None, "tool_calls": called}


def _results(results: list[object], turns: list[JsonObject]) -> list[JsonObject]:
    """The results beside a message, behind the calls that they are of, where the history has not these."""
    found = list_of_objects(results, "tool_results")
    calls = [each["call"] for each in found if is_object(each.get("call"))]
    is_called = bool(turns) and bool(turns[-1].get("tool_calls"))
    called: list[JsonObject] = [] if is_called else [{"role": "assistant", "content": None, "tool_calls": calls}]
    return [*called, *map(_result, found)]


def _result(given: JsonObject) -> JsonObject:
    call, outputs = object_or_empty(given.get("call")), given.get("outputs")
    content = outputs[0] if is_list(outputs) and len(outputs) == 1 else outputs
    return {"role": "tool", "name": call.get("name"), "content": json.dumps(content, ensure_ascii=False)}


def _tools(given: object) -> list[Tool] | None:
    """Tools whose parameters stand under `parameter_definitions`."""
    listed = parse_embedded_json(given)
    if not is_list(listed):
        return plain_tools(given, "tools")
    return plain_tools(
        [
            {("parameters" if key == "parameter_definitions" else key): value for key, value in each.items()}
            if is_object(each)
            else each
            for each in listed
        ],
        "tools",
    )
