"""Definitions of functions as data sets write them: types in Python's words, and names with spaces.

Sources: https://huggingface.co/datasets/Salesforce/xlam-function-calling-60k, whose parameters are a mapping of names,
and https://gorilla.cs.berkeley.edu/leaderboard, whose schemas have the types `dict` and `float`, as ToolACE's do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fine_tuning.data_io.dialects.tool_definitions import SCHEMA_KEYS, read_tools
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Tool
from fine_tuning.errors import DataError

_TYPES = {
    **dict.fromkeys(("str", "string", "text", "date", "datetime", "char"), "string"),
    **dict.fromkeys(("int", "integer", "long"), "integer"),
    **dict.fromkeys(("float", "double", "number"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("list", "tuple", "set", "array", "sequence"), "array"),
    **dict.fromkeys(("dict", "object", "mapping"), "object"),
}
_OPTIONAL = re.compile(r",\s*(optional)\b.*|^optional\[(.*)\]$", re.IGNORECASE | re.DOTALL)
_WITHIN = re.compile(r"(\w+)\s*(?:\[(.*)\])?\s*", re.DOTALL)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_WITH_SCHEMAS = ("properties", "$defs", "definitions")  # by name
_SCHEMAS = ("items", "additionalProperties", "anyOf", "oneOf", "allOf")


def plain_name(name: str) -> str:
    """A name with underscores for what APIs take in no name: `Market Trends API` is `Market_Trends_API`."""
    return _NOT_IN_NAMES.sub("_", name.strip())


def plain_tools(given: object, label: str) -> list[Tool] | None:
    """Definitions of functions as OpenAI's tools; None if there are none.

    Raises:
        DataError: they cannot be read, or two functions have one plain name; the message begins with `label`.
    """
    parsed = parse_embedded_json(given)
    listed = parsed if is_list(parsed) else [parsed] if is_object(parsed) else given
    found = read_tools([_plain(each) for each in listed] if is_list(listed) else listed)
    names = [each.get("function", {}).get("name") for each in found or ()]
    twice = next((name for name in names if name is not None and names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{label} has several functions with the name {twice!r}; leave out all but one")
    return found


def _plain(given: object) -> object:
    given = parse_embedded_json(given)
    if not is_object(given):
        return given
    if is_object(inner := given.get("function")):
        return {**given, "function": _plain(inner)}
    found = {key: value for key, value in given.items() if value is not None and key != "required"}
    if isinstance(name := found.get("name"), str):
        found["name"] = plain_name(name)
    for key in SCHEMA_KEYS:
        if is_object(parameters := parse_embedded_json(found.get(key))):
            found[key] = _schema_of(parameters)
    return found


def _schema_of(parameters: JsonObject) -> JsonObject:
    """A JSON schema of parameters, which may be a mapping of their names."""
    if not parameters or isinstance(parameters.get("type"), str) or "properties" in parameters or "$ref" in parameters:
        return _in_json(parameters)
    stated = {name: each for name, each in parameters.items() if is_object(each)}
    if len(stated) < len([each for each in parameters.values() if each is not None]):
        return _in_json(parameters)
    required = [name for name, each in stated.items() if _is_required(each)]
    properties = {
        name: _in_json({key: value for key, value in each.items() if key != "required"})
        for name, each in stated.items()
    }
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _is_required(parameter: Row) -> bool:
    if isinstance(stated := parameter.get("required"), bool):
        return stated
    return _OPTIONAL.search(str(parameter.get("type"))) is None


def _in_json(schema: JsonObject) -> JsonObject:
    """A schema with the types of JSON schema at any depth, and without nulls of a table."""
    found: JsonObject = {}
    for key, value in schema.items():
        if value is None:
            continue
        if key == "type" and isinstance(value, str):
            found = {**_type_of(value), **found}
        elif key in _WITH_SCHEMAS and is_object(value):
            found[key] = {name: _in_json(each) if is_object(each) else each for name, each in value.items()}
        elif key in _SCHEMAS:
            found[key] = _each_in_json(value)
        else:
            found[key] = value
    return found


def _each_in_json(value: object) -> object:
    if is_list(value):
        return [_in_json(each) if is_object(each) else each for each in value]
    return _in_json(value) if is_object(value) else value


def _type_of(written: str) -> JsonObject:
    """The type of a parameter, such as `List[int], optional`; empty for `Any` and for what is no type of JSON."""
    plain = _OPTIONAL.sub(lambda found: found[2] or "", written.strip())
    match = _WITHIN.fullmatch(plain)
    kind = None if match is None else _TYPES.get(match[1].lower())
    if kind is None:
        return {"type": written} if written == "null" else {}
    inner = _type_of(match[2]) if match is not None and match[2] and kind == "array" else {}
    return {"type": kind, **({"items": inner} if inner else {})}


def with_plain_names(calls: Sequence[object]) -> list[object]:
    """Calls whose functions have plain names, as their definitions have."""
    return [
        {**each, "name": plain_name(name)} if is_object(each) and isinstance(name := each.get("name"), str) else each
        for each in calls
    ]
