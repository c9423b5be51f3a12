"""The part of a JSON schema that a grammar holds, and the rest, which is said in words and checked afterwards.

What is left out can only make the grammar allow more: the keywords that negate are never part of it.
Source: https://github.com/guidance-ai/llguidance/blob/main/docs/json_schema.md, for the grammars of llama.cpp.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fine_tuning._util import timed_patterns
from fine_tuning.data_io.held_numbers import BOUNDS, has_grammar, held_bounds, is_exact
from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, is_one_of
from fine_tuning.data_io.schema_choices import are_exclusive
from fine_tuning.data_io.schema_references import path_of, pointer, resolved

MAX_REPEATS = 20_000  # of a character, item or property
MAX_PATTERN_LENGTH, MAX_GROUPS, MAX_PATTERN_REPEATS = 2_000, 100, 1_000
_FORMATS = {"date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
# A small model repeats a part of a text without end where its format allows it, so that no text is longer than those of
# RFC 5321 (4.5.3.1), RFC 1035 (2.3.4), times in nanoseconds, and durations of numbers that anything lasts.
_LONGEST = {"email": 254, "hostname": 253, "date-time": 35, "time": 24, "duration": 32}
_MAILBOX = r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@([A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*|\[[0-9A-Fa-f.:]+\])$"
_TEXT_FORMATS = _FORMATS | {  # of JSON Schema; any other is a name that its writer gives to the pattern beside it
    *("idn-email", "idn-hostname", "uri", "uri-reference", "iri", "iri-reference", "uri-template"),
    *("json-pointer", "relative-json-pointer", "regex"),
}
_UUIDS = {f"uuid{version}" for version in range(1, 9)}  # as Pydantic names them
_PARTS = {"items", "additionalProperties"}
_LISTS = {"anyOf", "allOf", "prefixItems"}
_MAPS = {"properties", "patternProperties", "$defs", "definitions"}
_KEPT_MAPS, _PLAIN_NAME = {"properties", "$defs", "definitions"}, re.compile(r"[\w.-]+", re.ASCII)
_LEAST, _MOST = {"minLength", "minItems", "minProperties"}, {"maxLength", "maxItems", "maxProperties"}
_VALUES = {"enum", "const"}
_PLAIN = {"type", "required"}
_CHECKED = {  # keywords of a validator that no grammar holds
    *("not", "if", "then", "else", "propertyNames", "uniqueItems", "contains", "minContains", "maxContains"),
    *("dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties", "unevaluatedItems"),
    *("$dynamicRef", "$recursiveRef", "additionalItems"),
}
_ASSERTIONS = _CHECKED | _LEAST | _MOST | _VALUES | {*BOUNDS, "pattern", "format", "$ref", "oneOf"}


class Rest(NamedTuple):
    """A keyword that a grammar does not hold, and where it is: `properties.a`, or nothing for the root."""

    where: str
    keyword: str
    value: object

    def __str__(self) -> str:
        """The place, keyword and value in words."""
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.keyword} {json.dumps(self.value, ensure_ascii=False)}"


class HeldSchema(NamedTuple):
    """The schema for a grammar, and what it leaves to be checked."""

    schema: JsonObject
    rest: list[Rest]


def held_schema(schema: Mapping[str, object]) -> HeldSchema:
    """Divide a schema, which is valid and refers to nothing outside itself."""
    division = _Division(schema)
    held = division.held(schema, "")
    if division.copies:
        kept = held.get("$defs")
        held["$defs"] = {**(kept if is_object(kept) else {}), **division.copies}
    return HeldSchema(held, division.rest)


def in_words(rest: Sequence[Rest]) -> str:
    """What an answer must keep to, for its prompt."""
    return "\n".join(["The JSON must also keep to these rules of JSON Schema:", *(f"- {each}" for each in rest)])


class _Division:
    """Divides the parts of a schema.

    Args:
        root: the whole schema, which references are resolved in.
    """

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self.rest: list[Rest] = []
        self.copies: dict[str, object] = {}  # parts that references name otherwise than a grammar does
        self._names: dict[tuple[str, ...], str] = {}

    def held(self, part: Mapping[str, object], where: str) -> JsonObject:
        """The part that a grammar holds; what it leaves is added to the rest."""
        bounds = {key for key in BOUNDS if key in part}
        held = held_bounds(part)
        found: JsonObject = {**(held or {})}
        left = _beyond(part) | (bounds if held is None else set())
        for key, value in _without_tuples(part).items():
            at = f"{where}.{key}" if where else key
            if key in left:
                self.rest.append(Rest(where, key, value))
            elif key in bounds:
                continue
            elif key in _PARTS:
                found[key] = self._value(value, at)
            elif key in _LISTS and is_list(value):
                found[key] = self._values(value, at)
            elif key == "oneOf" and is_list(value) and "anyOf" not in part:
                found["anyOf"] = self._values(value, at)
                if not are_exclusive(value, part, self._root):
                    self.rest.append(Rest(where, key, value))
            elif key in _MAPS and is_object(value):
                found[key] = {name: self._value(each, f"{at}.{name}") for name, each in value.items()}
            elif key == "$ref" and isinstance(value, str) and (path := path_of(value, self._root)) is not None:
                found[key] = self._reference(path)
            elif key == "format" and is_one_of(value, _UUIDS):
                found[key] = "uuid"
            elif key == "format" and _is_name(value, part):
                continue
            elif key in _MOST and isinstance(value, int):
                found[key] = min(value, MAX_REPEATS)
            elif key in _PLAIN or _is_held(key, value):
                found[key] = value
            elif key == "propertyNames" and value == {"type": "string"}:
                continue  # as all are; zod writes it of every record
            elif key in _ASSERTIONS:
                self.rest.append(Rest(where, key, value))
        return _bounded(found)

    def _reference(self, path: tuple[str, ...]) -> str:
        """A reference as every grammar reads it: in plain letters, to a part that stands at the same place in it."""
        if all(name in _KEPT_MAPS for name in path[::2]) and all(map(_PLAIN_NAME.fullmatch, path[1::2])):
            return "/".join(("#", *path))
        if (name := self._names.get(path)) is None:
            name = self._names[path] = f"referred-{len(self._names)}"
            part = resolved(pointer(path), self._root)
            self.copies[name] = self._value(part, ".".join(path))
        return f"#/$defs/{name}"

    def _value(self, value: object, where: str) -> object:
        return self.held(value, where) if is_object(value) else value

    def _values(self, values: Sequence[object], where: str) -> list[object]:
        return [self._value(each, f"{where}[{place}]") for place, each in enumerate(values)]


def _is_name(form: object, part: Mapping[str, object]) -> bool:
    """Whether a format asserts nothing: int64 of a number, or one of an application beside its pattern."""
    kinds = part.get("type", "string")
    is_of_text = "string" in (kinds if is_list(kinds) else [kinds])
    return not is_of_text or ("pattern" in part and not is_one_of(form, _TEXT_FORMATS))


def _bounded(part: JsonObject) -> JsonObject:
    """The part with the longest text that its format has."""
    kind, least, most = part.get("format"), part.get("minLength", 0), part.get("maxLength")
    longest = _LONGEST.get(kind) if isinstance(kind, str) else None
    if longest is None or not isinstance(least, int) or least > longest:
        return part
    if isinstance(most, int) and most < longest:
        longest = most
    return {**({"pattern": _MAILBOX} if kind == "email" else {}), **part, "maxLength": longest}


def _beyond(part: Mapping[str, object]) -> set[str]:
    """The keywords of an object that no grammar holds because of others beside them."""
    found: set[str] = set()
    properties, required = part.get("properties"), part.get("required")
    if is_object(properties) and not set(properties) <= {*(required if is_list(required) else [])}:
        found |= {"minProperties", "maxProperties"}
    names = part.get("patternProperties")
    if is_object(names) and not _are_regular_names(tuple(names)):
        found |= {"patternProperties", "additionalProperties"}  # what is additional depends on the patterns
    return found


def _without_tuples(part: Mapping[str, object]) -> Mapping[str, object]:
    """The part with a list of `items`, as earlier drafts have it, under its newer name."""
    if not is_list(part.get("items")):
        return part
    others = {key: value for key, value in part.items() if key not in {"items", "additionalItems"}}
    more = {"items": part["additionalItems"]} if "additionalItems" in part else {}
    return {**others, "prefixItems": part["items"], **more}


def _is_held(key: str, value: object) -> bool:
    if key in _LEAST:
        return isinstance(value, int) and 0 <= value <= MAX_REPEATS
    if key in _VALUES:
        return is_exact(value)
    if key == "pattern":
        return isinstance(value, str) and _is_regular(value)
    return key == "format" and is_one_of(value, _FORMATS)


def _is_regular(pattern: str) -> bool:
    """Whether a grammar matches the pattern as a validator does: without looking around or back, and not too large."""
    if (
        len(pattern) > MAX_PATTERN_LENGTH
        or pattern.count("(") > MAX_GROUPS
        or timed_patterns.most_repeats(pattern) > MAX_PATTERN_REPEATS
    ):
        return False
    return has_grammar({"type": "string", "pattern": pattern})


def _are_regular_names(patterns: tuple[str, ...]) -> bool:
    """Whether a grammar matches names by these patterns: each of them regular, and no name by two."""
    are_regular = all(_is_regular(pattern) for pattern in patterns)
    return are_regular and has_grammar({"type": "object", "patternProperties": {each: {} for each in patterns}})
