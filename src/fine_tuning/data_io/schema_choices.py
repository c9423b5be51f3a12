"""Whether the choices of a `oneOf` in a JSON schema exclude each other.

Where they do, a value of any choice is a value of exactly one, so that a grammar of `anyOf` holds the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from fine_tuning.data_io.json_values import is_list, is_object
from fine_tuning.data_io.schema_references import resolved

MAX_CHOICES, _MAX_DEPTH = 200, 5
_KINDS = ((bool, "boolean"), (int | float, "number"), (str, "string"), (type(None), "null"))


def are_exclusive(choices: Sequence[object], part: Mapping[str, object], root: Mapping[str, object]) -> bool:
    """Whether no value matches two choices: by their types, their values, or those of a property that both require.

    Args:
        part: the schema that has these choices; its type is theirs where they name none.
        root: what references are resolved in.
    """
    if len(choices) > MAX_CHOICES:
        return False
    kinds = _kinds(part)
    return all(_exclude(one, other, root, kinds, 0) for one, other in combinations(choices, 2))


def _exclude(one: object, other: object, root: Mapping[str, object], kinds: set[str] | None, depth: int) -> bool:
    one, other = _target(one, root), _target(other, root)
    if one is False or other is False:
        return True
    if not is_object(one) or not is_object(other) or depth > _MAX_DEPTH:
        return False
    values, others = _values(one), _values(other)
    if values is not None and others is not None:
        return values.isdisjoint(others)
    left, right = _kinds(one) or kinds, _kinds(other) or kinds
    if left is None or right is None:
        return False
    if left.isdisjoint(right):
        return True
    if left & right != {"object"}:
        return False
    if _forbidden(other, _required(one)) or _forbidden(one, _required(other)):
        return True
    required = _required(one) & _required(other)
    properties, more = one.get("properties"), other.get("properties")
    if not is_object(properties) or not is_object(more):
        return False
    shared = [name for name in required if name in properties and name in more]
    return any(_exclude(properties[name], more[name], root, None, depth + 1) for name in shared)


def _target(part: object, root: Mapping[str, object]) -> object:
    """What a part that is only a reference stands for."""
    for _ in range(_MAX_DEPTH):
        if not is_object(part) or not isinstance(target := part.get("$ref"), str):
            break
        part = resolved(target, root)
    return part


def _values(part: Mapping[str, object]) -> set[tuple[str, object]] | None:
    """The single values that a part allows; None if it names none, or others."""
    values = [part["const"]] if "const" in part else part.get("enum")
    if not is_list(values):
        return None
    found = {(kind, value) for value in values for kind in [_kind(value)] if kind is not None}
    return found if all(_kind(value) is not None for value in values) else None


def _kind(value: object) -> str | None:
    return next((name for kind, name in _KINDS if isinstance(value, kind)), None)


def _kinds(part: Mapping[str, object]) -> set[str] | None:
    """The types that a part allows, an integer as a number; None if it names none."""
    if (values := _values(part)) is not None:
        return {kind for kind, _ in values}
    given = part.get("type")
    names = [given] if isinstance(given, str) else given
    return {"number" if name == "integer" else str(name) for name in names} if is_list(names) else None


def _required(part: Mapping[str, object]) -> set[str]:
    names = part.get("required")
    return {str(name) for name in names} if is_list(names) else set()


def _forbidden(part: Mapping[str, object], names: set[str]) -> set[str]:
    """Which of these properties an object without additional ones cannot have."""
    known = part.get("properties")
    is_closed = part.get("additionalProperties") is False and "patternProperties" not in part
    return names - set(known if is_object(known) else ()) if is_closed else set()
