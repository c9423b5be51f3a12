"""Nulls that the arguments of a call need: of parameters that are required and may be null, as strict tools have."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.dialects.tool_calls import called_function
from fine_tuning.data_io.dialects.tool_definitions import SCHEMA_KEYS, may_be_null
from fine_tuning.data_io.json_values import JsonObject, first_value, is_list, is_object, parse_embedded_json

_TOOL_KEYS = ("tools", "functions")
_CONVERSATION_KEYS = ("messages", "conversations", "prompt", "completion", "chosen", "rejected")


def with_required_nulls(row: JsonObject) -> JsonObject:
    """A row of a table, whose nulls were left out, with those that its calls need; the row itself is changed.

    A table cannot tell a null from nothing, but nothing is no valid argument where the tool requires one.
    """
    nullable = dict(_nullable_in(row)) if any(key in row for key in _TOOL_KEYS) else {}
    if any(nullable.values()):
        for key in _CONVERSATION_KEYS:
            _restore(row.get(key), nullable)
    return row


def _nullable_in(row: JsonObject) -> Iterator[tuple[str, list[str]]]:
    """The parameters of each tool that are required and may be null."""
    tools = parse_embedded_json(first_value(row, *_TOOL_KEYS))
    for each in tools if is_list(tools) else []:
        function = each.get("function", each) if is_object(each) else None
        schema = parse_embedded_json(first_value(function, *SCHEMA_KEYS)) if is_object(function) else None
        if is_object(function) and is_object(schema) and is_list(required := schema.get("required")):
            properties = schema.get("properties")
            found = properties if is_object(properties) else {}
            yield str(function.get("name")), [str(key) for key in required if may_be_null(found.get(str(key)))]


def _restore(value: object, nullable: dict[str, list[str]]) -> None:
    if is_list(value):
        for each in value:
            _restore(each, nullable)
    elif is_object(value):
        called = called_function(value)
        if called is not None and is_object(called.arguments):
            for key in nullable.get(called.name, ()):
                called.arguments.setdefault(key, None)
        for key in ("tool_calls", "function_call", "content"):
            _restore(value.get(key), nullable)
