"""Definitions of tools in any vendor's words, as OpenAI's."""

from __future__ import annotations

from typing import cast

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io import strict_schemas
from fine_tuning.data_io.broken_json import ANY_JSON, refuse_broken_json
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    parse_embedded_json,
    parsed_cell,
)
from fine_tuning.data_io.messages import Tool
from fine_tuning.errors import DataError

SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema", "parameters_json_schema")
_GEMINI_TYPES = {"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"}
_KEPT = ("name", "description", "strict")
_READ = frozenset((*_KEPT, "type", "function", *SCHEMA_KEYS))
_OF_NO_MEANING = frozenset(  # to a model: how a host caches, finds and runs the function
    (
        *("cache_control", "defer_loading", "allowed_callers", "async", "eager_input_streaming", "id", "metadata"),
        *("output_schema", "outputSchema", "response", "providerOptions", "dynamic"),
    )
)
_KINDS = {"None", "function", "custom", "tool"}  # "custom" is Anthropic's; other types are tools of the host


def read_tools(value: object) -> list[Tool] | None:
    """Tools as OpenAI defines them; None if there are none.

    Args:
        value: a list, one tool, a mapping of names to tools (Vercel), or any of these as JSON text. A tool may be
            OpenAI's, flat (name, description, parameters), Anthropic's (input_schema), Bedrock's (toolSpec) or Gemini's
            (functionDeclarations). Keys that OpenAI's function does not have are left out, and noted where they may
            mean something to a model; what is no tool is left to the checks.

    Raises:
        DataError: it is no list of objects, or a tool is of the host, such as web search.
    """
    found = parsed_cell(value)
    if is_object(found):
        found = found.get("tools") if is_list(found.get("tools")) else _of_mapping(found)
    if not found:
        return None
    if not is_list(found):
        refuse_broken_json(found, "tools", ANY_JSON)
        raise DataError(f"tools must be a list of objects, not {json_kind(found)}")
    tools = [tool for each in found for tool in _tools_of(parse_embedded_json(each))]
    return cast("list[Tool]", tools) or None


def _of_mapping(given: JsonObject) -> list[object]:
    if "name" in given or "function" in given or "functionDeclarations" in given:
        return [given]
    return [{"name": name, **each} for name, each in given.items() if is_object(each)]


def _tools_of(given: object) -> list[JsonObject]:
    if not is_object(given):
        refuse_broken_json(given, "a tool", ANY_JSON)
        raise DataError(f"tools must be a list of objects, not of {json_kind(given)}")
    given = without_nulls(given)
    declarations = first_value(given, "functionDeclarations", "function_declarations")
    if is_list(declarations):
        return [tool for each in declarations for tool in _tools_of(in_lower_case(each))]
    if is_object(spec := given.get("toolSpec")):
        return [_wrapped(spec)]
    if is_object(function := given.get("function")):
        unread_keys.note(given, _READ | _OF_NO_MEANING, "declared tool")
        return [{"type": given.get("type", "function"), "function": _function(function)}]
    if "name" in given and str(given.get("type")) in _KINDS:
        return [_wrapped(given)]
    if len(given) == 1 and not ({"type", "name"} & given.keys()):  # as Gemini names them
        raise DataError(f"the tool {next(iter(given))!r} belongs to its host, which runs it")
    if isinstance(kind := given.get("type"), str) and kind != "function":
        raise DataError(f"a tool of type {kind!r} belongs to its host, which runs it")
    return [given]


def in_lower_case(value: object) -> object:
    """A declaration or schema of Gemini's with its types as JSON schema has them."""
    if is_list(value):
        return [in_lower_case(each) for each in value]
    if not is_object(value):
        return value
    lowered: JsonObject = {key: in_lower_case(each) for key, each in value.items()}
    kind = lowered.get("type")
    return {**lowered, "type": kind.lower()} if isinstance(kind, str) and kind in _GEMINI_TYPES else lowered


def _wrapped(flat: Row) -> JsonObject:
    return {"type": "function", "function": _function({key: value for key, value in flat.items() if key != "type"})}


def _function(given: Row) -> JsonObject:
    """A function's definition, its schema under OpenAI's name."""
    stated = [given[key] for key in SCHEMA_KEYS if given.get(key) is not None]  # an empty schema is one
    schema = parse_embedded_json(first_value(given, *SCHEMA_KEYS) or next(iter(stated), None))
    if is_object(schema) and is_object(inner := schema.get("json")):  # Bedrock's
        schema = inner
    if is_object(schema) and is_object(inner := schema.get("jsonSchema")):  # Vercel's
        schema = inner
    unread_keys.note(given, _READ | _OF_NO_MEANING, "declared tool")
    others: JsonObject = {key: value for key, value in given.items() if key in _KEPT}
    if "input_schema" in given and not strict_schemas.is_complete(schema):
        others.pop("strict", None)  # Anthropic's allows properties that are optional or open, and OpenAI's does not
    return others if schema is None else {**others, "parameters": schema}


def without_nulls(value: Row) -> JsonObject:
    """An object without the nulls that a table pads it with, at any depth; lists keep theirs."""
    return {key: _inner(each) for key, each in value.items() if each is not None}


def _inner(value: object) -> object:
    if is_object(value):
        return without_nulls(value)
    return [_inner(each) for each in value] if is_list(value) else value


def may_be_null(schema: object) -> bool:
    """Whether a parameter with this schema may be null."""
    if not is_object(schema):
        return False
    kinds, choices = schema.get("type"), first_value(schema, "anyOf", "oneOf")
    inner = choices if is_list(choices) else []
    return (
        schema.get("nullable") is True
        or kinds == "null"
        or (is_list(kinds) and "null" in kinds)
        or any(map(may_be_null, inner))
    )


def never_null(schema: object) -> bool:
    """Whether a parameter with this schema must not be null; one without a type may be anything."""
    if not is_object(schema) or may_be_null(schema):
        return False
    choices = first_value(schema, "anyOf", "oneOf")
    return "type" in schema or (is_list(choices) and all(map(never_null, choices)))
