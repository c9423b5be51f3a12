"""`unevaluatedProperties` and `unevaluatedItems` within a time limit.

jsonschema's own check matches patterns without one, and looks each part up in a list of all others.
Source: https://json-schema.org/draft/2020-12/json-schema-core#section-11
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fine_tuning.data_io.json_values import is_list, is_object
from fine_tuning.data_io.schema_checks import Validator

Found = Callable[[str, str], bool]  # whether a pattern is found in a text
_IN_PLACE = ("allOf", "anyOf", "oneOf")


def unevaluated_properties(
    is_found: Found, validator: Validator, allowed: object, instance: object, schema: Mapping[str, Any]
) -> Iterator[Exception]:
    """Check the properties of an object that no other keyword has looked at."""
    if not isinstance(instance, dict):
        return
    known = _names(is_found, validator, instance, schema, is_root=True)
    for name in instance.keys() - known:
        if not _is_valid(validator, instance[name], allowed):
            from jsonschema import ValidationError

            yield ValidationError(f"Unevaluated properties are not allowed ({name!r} was unexpected)")
            return


def unevaluated_items(
    validator: Validator, allowed: object, instance: object, schema: Mapping[str, Any]
) -> Iterator[Exception]:
    """Check the items of an array that no other keyword has looked at."""
    if not isinstance(instance, list):
        return
    known = _places(validator, instance, schema, is_root=True)
    for place in sorted({*range(len(instance))} - known):
        if not _is_valid(validator, instance[place], allowed):
            from jsonschema import ValidationError

            yield ValidationError(f"Unevaluated items are not allowed ({instance[place]!r:.100} was unexpected)")
            return


def _names(
    is_found: Found, validator: Validator, instance: Mapping[str, object], schema: object, *, is_root: bool = False
) -> set[str]:
    if not is_object(schema):
        return set()
    known = {*_mapping(schema.get("properties"))} & instance.keys()
    for pattern in _mapping(schema.get("patternProperties")):
        known |= {name for name in instance if is_found(pattern, name)}
    inner = () if is_root else ("unevaluatedProperties",)
    for key in ("additionalProperties", *inner):
        if key in schema:
            known |= {name for name, value in instance.items() if _is_valid(validator, value, schema[key])}
    for other, part in _applied(validator, instance, schema):
        known |= _names(is_found, other, instance, part)
    return known


def _places(validator: Validator, instance: Sequence[object], schema: object, *, is_root: bool = False) -> set[int]:
    if not is_object(schema):
        return set()
    whole = {*range(len(instance))}
    is_newer = "prefixItems" in validator.VALIDATORS  # before, `items` is a list or holds for all
    first, rest = schema.get("prefixItems" if is_newer else "items"), "items" if is_newer else "additionalItems"
    known = {*range(len(first))} & whole if is_list(first) else set()
    if rest in schema or (first is not None and not is_list(first)):
        known = whole
    inner = () if is_root else ("unevaluatedItems",)
    for key in ("contains", *inner):
        if key in schema:
            known |= {place for place, each in enumerate(instance) if _is_valid(validator, each, schema[key])}
    for other, part in _applied(validator, instance, schema):
        known |= _places(other, instance, part)
    return known


def _applied(validator: Validator, instance: Any, schema: Mapping[str, Any]) -> Iterator[tuple[Validator, object]]:
    """The parts of a schema that hold for the same value, each with the validator that resolves its references."""
    yield from _referred(validator, schema)
    for name, part in _mapping(schema.get("dependentSchemas")).items():
        if is_object(instance) and name in instance:
            yield validator, part
    for key in _IN_PLACE:
        for part in schema.get(key, ()):
            if _is_valid(validator, instance, part):
                yield validator, part
    if "if" in schema:
        holds = _is_valid(validator, instance, schema["if"])
        for key in ("if", "then") if holds else ("else",):
            if key in schema:
                yield validator, schema[key]


def _referred(validator: Validator, schema: Mapping[str, Any]) -> Iterator[tuple[Validator, object]]:
    from referencing.jsonschema import lookup_recursive_ref

    resolver = validator._resolver
    for key in ("$ref", "$dynamicRef", "$recursiveRef"):
        if key in schema and key in validator.VALIDATORS:
            found = lookup_recursive_ref(resolver) if key == "$recursiveRef" else resolver.lookup(schema[key])
            yield validator.evolve(schema=found.contents, _resolver=found.resolver), found.contents


def _is_valid(validator: Validator, value: object, part: object) -> bool:
    return next(validator.descend(value, part), None) is None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if is_object(value) else {}
