"""Schemas that refer to themselves without an end, and so describe no value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fine_tuning.data_io.schema_references import resolved

Schema = Mapping[str, Any]


def has_endless(root: Schema, parts: Sequence[Schema]) -> bool:
    """Whether one of its parts contains itself by references alone, which describes no value."""
    passed: set[int] = set()  # parts that are known to end

    def is_endless(part: object, above: frozenset[int]) -> bool:
        if not isinstance(part, Mapping) or id(part) in passed:
            return False
        if id(part) in above:
            return True
        target = part.get("$ref")
        inner = [resolved(target, root)] if isinstance(target, str) else []
        inner += part["allOf"] if isinstance(part.get("allOf"), list) else []
        found = any(is_endless(each, above | {id(part)}) for each in inner)
        if not found:
            passed.add(id(part))
        return found

    return any(is_endless(part, frozenset()) for part in parts)


def has_value(root: Schema, parts: Sequence[Schema]) -> bool:
    """Whether a value that ends matches a schema, as far as what objects and arrays require decides.

    Args:
        parts: all objects of the schema, outer ones first.
    """
    ending: set[int] = set()  # the least fixed point: parts that end if those which they require do

    def ends(part: object) -> bool:
        return not isinstance(part, Mapping) or id(part) in ending

    left = [*reversed(parts)]
    while True:
        found = len(ending)
        for part in left:
            if all(map(ends, _required(part, root))) and all(any(map(ends, each)) for each in _choices(part)):
                ending.add(id(part))
        left = [part for part in left if id(part) not in ending]
        if len(ending) == found:
            return ends(root)


def _required(part: Schema, root: Schema) -> list[object]:
    """The parts that a value has to match, or to have values of within it."""
    target, within = part.get("$ref"), part.get("properties")
    found = [resolved(target, root)] if isinstance(target, str) else []
    found += part["allOf"] if isinstance(part.get("allOf"), list) else []
    if part.get("type") == "object" and isinstance(within, Mapping) and isinstance(part.get("required"), list):
        found += [within[name] for name in part["required"] if name in within]
    fewest = part.get("minItems")
    if part.get("type") == "array" and isinstance(fewest, int) and fewest > 0:
        first = part["prefixItems"] if isinstance(part.get("prefixItems"), list) else []
        found += first[:fewest] if len(first) >= fewest else [*first, part.get("items")]
    return found


def _choices(part: Schema) -> list[list[object]]:
    """Lists of parts of each of which a value matches one."""
    return [part[key] for key in ("anyOf", "oneOf") if isinstance(part.get(key), list) and part[key]]
