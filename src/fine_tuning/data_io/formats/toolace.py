"""Rows of ToolACE: the functions stand in the system prompt, and calls are written as `[Get Weather(city="Rome")]`.

Source: https://huggingface.co/datasets/Team-ACE/ToolACE, whose prompt is that of the Berkeley leaderboard.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json import JSONDecoder

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_messages, role_of
from fine_tuning.data_io.dialects.plain_functions import plain_name, plain_tools
from fine_tuning.data_io.dialects.written_calls import written_calls
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    list_of_objects,
    parse_embedded_json,
)
from fine_tuning.errors import DataError

NAME = "toolace"
_TURN_KEYS = ("conversations", "messages")
_FORM = re.compile(r"in the format of\s*\[func")
_LISTED = re.compile(r"Here is a list of functions in JSON format that you can invoke:?\s*")
_HOW = re.compile(
    r"\s*\.?\s*(?:Should you decide to return the function call\(s\)\.?[ ,]*(?:NO other text MUST be included\.?)?\s*)?"
    r"Put it in the format of\s*\[func[^\]]*\]\.?\s*(?:NO other text MUST be included\.?)?"
)
_DECODER = JSONDecoder()


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    system = row.get("system")
    return isinstance(system, str) and _FORM.search(system) is not None and _key(row) is not None


def _key(row: Row) -> str | None:
    return next((key for key in _TURN_KEYS if is_list(parse_embedded_json(row.get(key)))), None)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; a text of the assistant that is no list of calls of its functions is an answer.

    Raises:
        DataError: it is malformed.
    """
    key = str(_key(row))
    prompt, functions = _divided(str(row["system"]))
    tools = plain_tools(functions, "system")
    names = {str(each["name"]).strip() for each in functions if is_object(each) and "name" in each}
    system: list[JsonObject] = [{"role": "system", "content": prompt}] if prompt else []
    turns = [_turn(each, names) for each in list_of_objects(parse_embedded_json(row[key]), key)]
    yield call_from_row(row, ("system", key), read_messages([*system, *turns], key), tools)


def _divided(system: str) -> tuple[str, list[object]]:
    """What a system prompt says beside its functions and how to write their calls, and the functions.

    Raises:
        DataError: it has no list of functions in JSON.
    """
    start = _LISTED.search(system)
    listed = system[start.end() :] if start is not None else ""
    try:
        functions, end = _DECODER.raw_decode(listed)
    except (ValueError, RecursionError):
        raise DataError("system has no list of functions in JSON; write them as tools") from None
    before, behind = system[: -len(listed)], _HOW.sub("", listed[end:]).strip(" .\n")
    before = _LISTED.sub("", before)
    return "\n\n".join(filter(None, (before.strip(), behind))), functions if is_list(functions) else [functions]


def _turn(given: JsonObject, names: set[str]) -> JsonObject:
    """A turn, whose text may be calls."""
    text = first_value(given, "value", "content")
    if role_of(first_value(given, "from", "role")) != "assistant" or not isinstance(text, str):
        return given
    found = written_calls(text)
    if found is None or not {str(each["name"]) for each in found} <= names:
        return given
    called = [{**each, "name": plain_name(str(each["name"]))} for each in found]
    return {"role": "assistant", "content": None, "tool_calls": [{"function": each} for each in called]}
