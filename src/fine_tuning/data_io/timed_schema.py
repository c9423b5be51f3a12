"""Validators of JSON schemas that spend no more than a second on a pattern, and fetch nothing that one refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fine_tuning._util import timed_patterns

Validator = Any  # of jsonschema, which has no types


def validator(kind: Validator, schema: object, **options: Any) -> Validator:
    """A validator for a schema; a pattern that takes too long raises `timed_patterns.PatternTimeout`.

    Args:
        kind: the class of jsonschema for the schema's draft.
        options: of that class.
    """
    from jsonschema.validators import extend
    from referencing import Registry

    timed = {"pattern": _pattern, "patternProperties": _pattern_properties, "additionalProperties": _others}
    return extend(kind, timed)(schema, registry=Registry(), **options)


def _pattern(_validator: Validator, pattern: str, value: object, _schema: object) -> Iterator[Exception]:
    from jsonschema import ValidationError

    if isinstance(value, str) and not timed_patterns.search(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    within: Validator, schemas: Mapping[str, object], value: object, _schema: object
) -> Iterator[Exception]:
    if not isinstance(value, dict):
        return
    for pattern, schema in schemas.items():
        for name, each in value.items():
            if timed_patterns.search(pattern, name):
                yield from within.descend(each, schema, path=name, schema_path=pattern)


def _others(within: Validator, allowed: object, value: object, schema: Mapping[str, Any]) -> Iterator[Exception]:
    """Properties that the schema neither names nor describes by a pattern."""
    from jsonschema import ValidationError

    if not isinstance(value, dict):
        return
    patterns = schema.get("patternProperties", {})
    named = schema.get("properties", {})
    others = [
        name
        for name in value
        if name not in named and not any(timed_patterns.search(pattern, name) for pattern in patterns)
    ]
    if isinstance(allowed, dict):
        for name in others:
            yield from within.descend(value[name], allowed, path=name)
    elif not allowed and others:
        yield ValidationError(f"additional properties are not allowed ({', '.join(map(repr, others))})")
