"""Check that a grammar can enforce a JSON schema; schemas that it can enforce only in part are refused.

The rules are those of JSON Schema, of llama.cpp's grammars, and limits on schemas that would take too long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError

from fine_tuning.server.api_errors import ApiError, invalid

MAX_KEYWORDS = 2_000  # in total; a grammar's size and the time to make it grow with them
MAX_REPEATS = 500  # of a character, item or property, by minLength and similar keywords
MAX_PATTERN_LENGTH, MAX_GROUPS = 2_000, 100
_TYPES = {"string", "number", "integer", "boolean", "null", "object", "array"}
_REPEATS = ("minLength", "maxLength", "minItems", "maxItems")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_PARTS = ("additionalProperties", "items")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions")
_WORDS = {
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$id",
    "$comment",
    "deprecated",
    "readOnly",
    "nullable",
}
_OTHER = {"type", "enum", "const", "required", "pattern", "format", "$ref"}
_KNOWN = {*_REPEATS, *_BOUNDS, *_PARTS, *_LISTS, *_MAPS, *_WORDS, *_OTHER}
_FORMATS = {"date", "time", "date-time", "uuid", "uuid1", "uuid2", "uuid3", "uuid4", "uuid5"}
_REF = re.compile(r"#/(\$defs|definitions)/[^/]+")


def check(schema: Mapping[str, Any], param: str) -> None:
    """Check that a grammar can enforce a schema.

    Args:
        param: where the schema is in the request.

    Raises:
        ApiError: 400, naming the keyword.
    """
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = ".".join(map(str, (param, *error.absolute_path)))
        raise _refusal(where, f"is invalid: {error.message[:200]}") from None
    except RecursionError:
        raise invalid("the schema is nested too deeply", param, "invalid_json_schema") from None
    except (OverflowError, ValueError):  # from a regular expression
        raise invalid("a pattern of the schema has too large a number", param, "invalid_json_schema") from None
    left = MAX_KEYWORDS
    for where, part in _parts(schema, param):
        left -= len(part)
        if left < 0:
            raise invalid(f"the schema has more than {MAX_KEYWORDS} keywords", param, "invalid_json_schema")
        _check_part(part, where, schema)
    for where, part in _parts(schema, param):  # once every reference is known to resolve
        if _is_endless(part, schema, ()):
            raise _refusal(where, "refers only to itself")


def _is_endless(part: Mapping[str, Any], root: Mapping[str, Any], passed: tuple[str, ...]) -> bool:
    """Whether a part contains itself by references alone; `passed` are the references followed so far."""
    if any(_is_endless(each, root, passed) for each in part.get("allOf", [])):
        return True
    if (target := part.get("$ref")) is None:
        return False
    _, kind, name = target.split("/")
    return target in passed or _is_endless(root[kind][name], root, (*passed, target))


def _parts(schema: object, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(schema, bool) and where.endswith("additionalProperties"):
        return
    if not isinstance(schema, Mapping):
        raise _refusal(where, f"must be an object, not {type(schema).__name__}")
    yield where, schema
    for key in _PARTS:
        if key in schema:
            yield from _parts(schema[key], f"{where}.{key}")
    for key in _LISTS:
        for index, part in enumerate(_list(schema, key, where)):
            yield from _parts(part, f"{where}.{key}[{index}]")
    for key in _MAPS:
        found = schema.get(key, {})
        if not isinstance(found, Mapping):
            raise _refusal(f"{where}.{key}", "must be an object")
        for name, part in found.items():
            yield from _parts(part, f"{where}.{key}.{name}")


def _list(schema: Mapping[str, Any], key: str, where: str) -> list[object]:
    found = schema.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not found:
        raise _refusal(f"{where}.{key}", "must be a non-empty list")
    return found


def _check_part(part: Mapping[str, Any], where: str, root: Mapping[str, Any]) -> None:
    if unknown := sorted(part.keys() - _KNOWN):
        raise _refusal(f"{where}.{unknown[0]}", "is an unsupported keyword")
    kinds = part.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind not in _TYPES:
            raise _refusal(f"{where}.type", f"{kind!r} is not a JSON type")
    _list(part, "enum", where)
    for key in _REPEATS:
        value = part.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_REPEATS:
            raise _refusal(f"{where}.{key}", f"must be a whole number from 0 to {MAX_REPEATS}")
    for low, high in (("minLength", "maxLength"), ("minItems", "maxItems")):
        if part.get(low, 0) > part.get(high, MAX_REPEATS):
            raise _refusal(f"{where}.{low}", f"is more than {high}")
    for key in _BOUNDS:
        value = part.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
            raise _refusal(f"{where}.{key}", "must be a number of up to 1e15")
    required = part.get("required", [])
    if not isinstance(required, list) or not set(map(str, required)) <= part.get("properties", {}).keys():
        raise _refusal(f"{where}.required", "must list names of properties")
    _check_text(part, where)
    if (target := part.get("$ref")) is not None and not (isinstance(target, str) and _resolves(target, root)):
        raise _refusal(f"{where}.$ref", f"{target!r} does not resolve; use #/$defs/NAME")


def _check_text(part: Mapping[str, Any], where: str) -> None:
    pattern = part.get("pattern")
    if pattern is not None and not (
        isinstance(pattern, str) and pattern.startswith("^") and pattern.endswith("$") and _is_plain(pattern)
    ):
        raise _refusal(f"{where}.pattern", "must be a plain regular expression from ^ to $")
    if (kind := part.get("format")) is not None and kind not in _FORMATS:
        raise _refusal(f"{where}.format", f"can be one of {', '.join(sorted(_FORMATS))}")


def _is_plain(pattern: str) -> bool:
    if len(pattern) > MAX_PATTERN_LENGTH or pattern.count("(") > MAX_GROUPS:
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError, ValueError):
        return False
    repeats = [int(number) for number in re.findall(r"\d+", " ".join(re.findall(r"\{[\d,]+\}", pattern)))]
    return "(?" not in pattern and not re.search(r"\\[bBAZ1-9]", pattern) and max(repeats, default=0) <= MAX_REPEATS


def _resolves(target: str, root: Mapping[str, Any]) -> bool:
    if not _REF.fullmatch(target):
        return False
    _, kind, name = target.split("/")
    return name in root.get(kind, {})


def _refusal(where: str, reason: str) -> ApiError:
    return invalid(f"Invalid schema: {where} {reason}", where, "invalid_json_schema")
