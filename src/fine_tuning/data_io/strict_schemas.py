"""What OpenAI demands of a schema under `strict`: an object whose objects require all properties, and have no others.

Source: https://platform.openai.com/docs/guides/structured-outputs, "Root objects must not be anyOf and must be an
object", "All fields must be required" and "additionalProperties: false must always be set in objects".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress

from fine_tuning.data_io import schema_checks
from fine_tuning.data_io.json_values import is_list, is_object
from fine_tuning.data_io.schema_checks import InvalidSchema
from fine_tuning.data_io.schema_references import resolved

_PARTS = ("items", "additionalProperties")
_CHOICES = ("anyOf", "oneOf")
_LISTS = ("prefixItems", "items", *_CHOICES, "allOf")
_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_CLOSED = "'additionalProperties' is required to be supplied and to be false."
_WHOLE = "'required' is required to be supplied and to be an array including every key in properties."
_ADVICE = "Send strict: false for properties that are optional or open."
_ROOT_ADVICE = "Make it a property of an object, or send strict: false."
_MAX_REFERENCES = 64  # from one to the next
Context = tuple[str, ...]


def check(schema: Mapping[str, object], subject: str, where: str, *, strict: bool) -> None:
    """Check that answers can be held to a schema, and under `strict` that it is as OpenAI demands it.

    Args:
        subject: what it is of, such as "function 'weather'".
        where: the schema is, in the request.

    Raises:
        InvalidSchema: see `schema_checks.check`; else in OpenAI's words, which name the object.
    """
    schema_checks.check(schema, where, strict=strict)
    if strict and (problem := _root_problem(schema)) is not None:
        raise InvalidSchema(f"Invalid schema for {subject}: {problem} {_ROOT_ADVICE}", where)
    if strict and (found := next(_problems(schema, ()), None)) is not None:
        context, problem = found
        raise InvalidSchema(f"Invalid schema for {subject}: In context={context}, {problem} {_ADVICE}", where)


def is_complete(schema: object) -> bool:
    """Whether a schema is as OpenAI demands it under `strict`, or no schema at all."""
    if not is_object(schema) or not schema:
        return True
    with suppress(RecursionError):
        return _root_problem(schema) is None and next(_problems(schema, ()), None) is None
    return True


def _root_problem(schema: Mapping[str, object]) -> str | None:
    """Why the whole schema is not of an object; a reference to one, as recursive schemas begin, is."""
    root: object = schema
    for _ in range(_MAX_REFERENCES):
        if not is_object(root) or not isinstance(target := root.get("$ref"), str):
            break
        root = resolved(target, schema)
    root = root if is_object(root) else {}
    for key in _CHOICES:
        if key in root:
            return f"schema must not have '{key}' at its root."
    kind = root.get("type", "None")
    if kind == "object":
        return None
    shown = kind if isinstance(kind, str) else json.dumps(kind)
    return f"""schema must be a JSON Schema of 'type: "object"', got 'type: "{shown}"'."""


def _problems(part: object, context: Context) -> Iterator[tuple[Context, str]]:
    if not is_object(part):
        return
    if _is_of_objects(part) and part.get("additionalProperties") is not False:
        yield context, _CLOSED
    properties, required = part.get("properties"), part.get("required")
    names = required if is_list(required) else []
    for name in properties if is_object(properties) else ():
        if name not in names:
            yield context, f"{_WHOLE} Missing '{name}'."
    for key in _MAPS:
        if is_object(parts := part.get(key)):
            for name, each in parts.items():
                yield from _problems(each, (*context, key, name))
    for key in _LISTS:
        if is_list(choices := part.get(key)):
            for place, each in enumerate(choices):
                yield from _problems(each, (*context, key, str(place)))
    for key in _PARTS:
        yield from _problems(part.get(key), (*context, key))


def _is_of_objects(part: Mapping[str, object]) -> bool:
    kind = part.get("type")
    return kind == "object" or (is_list(kind) and "object" in kind)
