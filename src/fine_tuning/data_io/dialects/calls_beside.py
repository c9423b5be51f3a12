"""The calls that a message has beside its content, in one place or in several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from fine_tuning.data_io.dialects.tool_calls import is_made, made_id, tool_calls
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.errors import DataError

CALL_KEYS = ("tool_calls", "toolCalls", "function_call")
"""Fields of a message that hold calls: today's, Vercel's, and that of OpenAI's earlier API."""


def calls_beside(given: Row, place: int, where: str) -> list[object]:
    """The calls of a message, also under the names of OpenAI's earlier API; those that are not calls as they are.

    Raises:
        DataError: one is of a custom tool or has arguments that are no JSON, or two different ones have one id.
    """
    _refuse_invalid(given, where)
    found: list[object] = []
    for key in CALL_KEYS:
        if given.get(key):
            value = parse_embedded_json(given[key])
            _refuse_custom(value, f"{where}.{key}")
            calls = tool_calls(value, place)
            more = list(calls) if calls is not None else value if is_list(value) else [value]
            found = together(found, more, where) if found else [*more]
    if not found and is_list(chunks := given.get("tool_call_chunks")):  # of LangChain's streams, beside the whole calls
        found = [*(tool_calls(chunks, place) or chunks)]
    kwargs = given.get("additional_kwargs")  # LangChain's
    if is_object(kwargs) and (more := calls_beside(kwargs, place, where)):
        return together(found, more, where) if found else more
    return found


def _refuse_invalid(given: Row, where: str) -> None:
    """Refuse what LangChain keeps of a call that the model wrote and nobody could read.

    Raises:
        DataError: there is one.
    """
    calls = parse_embedded_json(given.get("invalid_tool_calls"))
    for at, each in enumerate(calls if is_list(calls) else []):
        if is_object(each) and (each.get("name") or each.get("args")):
            place = f"{where}.invalid_tool_calls[{at}]"
            raise DataError(f"{place}: the model wrote a call whose arguments are no JSON object; leave it out")


def _refuse_custom(calls: object, where: str) -> None:
    """Refuse a call of one of OpenAI's custom tools.

    Raises:
        DataError: there is one.
    """
    for at, each in enumerate(calls if is_list(calls) else []):
        if is_object(each) and each.get("type") == "custom":
            raise DataError(f"{where}[{at}] is of type 'custom', whose input is text, and no arguments in JSON")


def together(first: Sequence[object], second: Sequence[object], where: str) -> list[object]:
    """The calls that a message has in two places: those that are in both once.

    Args:
        where: the message, for errors.

    Raises:
        DataError: two different calls have one id.
    """
    found, open_to = list(first), list(first)
    for call in second:
        same = next((each for each in open_to if _is_same(each, call, where)), None)
        if same is None:
            found.append(_renumbered(call, found))
            continue
        open_to.remove(same)
        if _arguments(same) in ("{}", None):  # as parts of a stream have them, until all have come
            found[found.index(same)] = {**cast("JsonObject", call), "id": cast("JsonObject", same)["id"]}
    return found


def _is_same(one: object, other: object, where: str) -> bool:
    if one == other:
        return True
    if not is_object(one) or not is_object(other) or not (is_object(one.get("function")) and "id" in other):
        return False
    is_alike = _name(one) == _name(other) and _value(one) == _value(other)
    if is_made(str(one["id"])) or is_made(str(other["id"])):
        return is_alike
    if one["id"] != other["id"]:
        return False
    is_begun = _name(one) == _name(other) and "{}" in (_arguments(one), _arguments(other))
    if not (is_alike or is_begun):
        raise DataError(f"{where} has two different calls with the id {one['id']!r}")
    return True


def _name(call: JsonObject) -> object:
    return object_or_empty(call.get("function")).get("name")


def _arguments(call: object) -> object:
    return object_or_empty(object_or_empty(call).get("function")).get("arguments")


def _value(call: JsonObject) -> object:
    """The arguments of a call, which may be written with other spaces."""
    return parse_embedded_json(_arguments(call))


def _renumbered(call: object, others: Sequence[object]) -> object:
    """A call with an id of its own, where it had none and the one that was made for it is another's."""
    if not is_object(call) or not is_made(str(call.get("id"))):
        return call
    place = str(call["id"]).split("_")[1]
    return {**call, "id": made_id(int(place), len(others))}
