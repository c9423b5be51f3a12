"""Types of arguments that were written as text: those that the tools of the row state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects.parameter_calls import Untyped, value_of
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty
from fine_tuning.data_io.messages import Message, Tool

_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def with_stated_types(call: Call) -> Call:
    """The call whose written arguments have the types that its tools state: `3` is a number where one is asked for."""
    if not call.tools or not any("tool_calls" in each for each in (*call.messages, *(call.rejected or ()))):
        return call
    schemas = {name: schema for tool in call.tools for name, schema in _properties(tool)}
    messages = _typed(call.messages, schemas)
    rejected = call.rejected and _typed(call.rejected, schemas)
    return replace(call, messages=messages, rejected=rejected)


def _properties(tool: Tool) -> list[tuple[str, Row]]:
    function = object_or_empty(tool.get("function"))
    parameters = object_or_empty(function.get("parameters"))
    return [(str(function.get("name")), object_or_empty(parameters.get("properties")))]


def _typed(messages: Sequence[Message], schemas: Mapping[str, Row]) -> list[Message]:
    return [
        cast("Message", {**each, "tool_calls": [_typed_call(call, schemas) for call in calls]})
        if is_list(calls := each.get("tool_calls"))
        else each
        for each in messages
    ]


def _typed_call(call: object, schemas: Mapping[str, Row]) -> object:
    function = object_or_empty(object_or_empty(call).get("function"))
    written = function.get("arguments")
    if not is_object(call) or not isinstance(written, Untyped):
        return call
    schema = schemas.get(str(function.get("name")), {})
    given: JsonObject = json.loads(written)
    typed = {key: _of_type(str(value), schema.get(key)) for key, value in given.items()}
    return {**call, "function": {**function, "arguments": json.dumps(typed, ensure_ascii=False)}}


def _of_type(text: str, schema: object) -> object:
    """A value as its schema has it; the text where that may be a text, or where it is none of its types."""
    types = _types_in(schema)
    value = text if not types or "string" in types else value_of(text)
    kinds = tuple(kind for each in types for kind in _TYPES.get(each, ()))
    is_fit = isinstance(value, kinds) and not (isinstance(value, bool) and "boolean" not in types)
    return value if is_fit else text


def _types_in(schema: object) -> set[str]:
    given = object_or_empty(schema)
    stated = given.get("type")
    found = {str(each) for each in (stated if is_list(stated) else [stated]) if each is not None}
    for key in ("anyOf", "oneOf"):
        options = given.get(key)
        for each in options if is_list(options) else ():
            found |= _types_in(each)
    return found
