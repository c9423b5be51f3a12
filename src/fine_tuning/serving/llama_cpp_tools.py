"""Tools for chat templates that write them: as they are, but for what llama.cpp refuses to make a grammar of.

So the model reads them as in training. What its grammar holds less of is checked afterwards, see `checked_calls`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fine_tuning.data_io.held_schema import held_schema, in_words
from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, is_one_of
from fine_tuning.data_io.schema_recursion import has_endless
from fine_tuning.data_io.schema_references import MAPS, REFERENCES, VALUES, parts, path_of, pointer, resolved

MAX_LEAST = 2_000  # repeats that a grammar of llama.cpp may require
_LARGEST = 2**63  # of whole numbers
_LEAST = {"minLength", "minItems", "minProperties"}
_LISTS = {"anyOf", "allOf", "oneOf", "prefixItems"}
_TYPES = {"array", "boolean", "integer", "null", "number", "object", "string"}


def readable_tool(tool: Mapping[str, Any], *, is_required: bool) -> JsonObject:
    """The tool with parameters that llama.cpp makes a grammar of.

    Args:
        is_required: whether the answer has to call it, or another one; it is then told, as of a strict tool, what no
            grammar holds.
    """
    function = tool["function"]
    if not (schema := function.get("parameters")):
        return {**tool}
    changed = {**function, "parameters": readable_schema(schema)}
    if (is_required or function.get("strict")) and (rest := held_schema(schema).rest):
        changed["description"] = "\n".join(filter(None, (function.get("description"), in_words(rest))))
    return {**tool, "function": changed}


def readable_schema(schema: Mapping[str, object]) -> JsonObject:
    """The schema without values of true and false for parts, references to other places than its own pointers name,
    and what no JSON schema may have. It may be invalid: then no call is held to it.
    """
    if has_endless(schema, [part for _, part in parts(schema)]):
        return {"type": "object"}
    reading = _Reading(schema)
    found = reading.part(schema)
    if reading.copies:
        kept = found.get("$defs")
        found["$defs"] = {**(kept if is_object(kept) else {}), **reading.copies}
    return found


class _Reading:
    """Rewrites the parts of a schema.

    Args:
        root: the whole schema, which references are resolved in.
    """

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self.copies: dict[str, object] = {}  # parts that references name otherwise than llama.cpp does
        self._names: dict[tuple[str, ...], str] = {}

    def part(self, given: Mapping[str, object]) -> JsonObject:
        """A part that is an object."""
        found: JsonObject = {}
        for key, value in given.items():
            if key in REFERENCES and isinstance(value, str):
                if (name := self._reference(value)) is not None:
                    found["$ref"] = name
            elif key in MAPS and is_object(value):
                found[key] = {name: self._value(each) for name, each in value.items()}
            elif is_list(value) and (key in _LISTS or key == "items"):
                found[key] = [self._value(each) for each in value]
            elif key == "items" and isinstance(value, bool):
                found |= {key: {}} if value else {}
            elif key not in VALUES and is_object(value):
                found[key] = self.part(value)
            elif _is_usable(key, value):
                found[key] = value
        return found

    def _value(self, given: object) -> object:
        if isinstance(given, bool):
            return {} if given else {"not": {}}
        return self.part(given) if is_object(given) else given

    def _reference(self, target: str) -> str | None:
        """A pointer as llama.cpp follows it, letter for letter; None to nothing."""
        path = path_of(target, self._root)
        part = None if path is None else resolved(pointer(path), self._root)
        if path is None or part is None:
            return None
        if target == "/".join(("#", *path)) and path:
            return target
        if (name := self._names.get(path)) is None:
            name = self._names[path] = f"referred-{len(self._names)}"  # before it is read: it may refer to itself
            self.copies[name] = self._value(part)
        return f"#/$defs/{name}"


def _is_usable(key: str, value: object) -> bool:
    if key == "type":
        return is_one_of(value, _TYPES) or (is_list(value) and bool(value) and all(is_one_of(v, _TYPES) for v in value))
    if key == "enum" and value == []:
        return False
    if key in _LEAST and isinstance(value, int) and value > MAX_LEAST:
        return False
    return _is_small(value)


def _is_small(value: object) -> bool:
    """Whether llama.cpp reads all numbers of a value."""
    if is_list(value):
        return all(map(_is_small, value))
    if is_object(value):
        return all(map(_is_small, value.values()))
    return not isinstance(value, int) or -_LARGEST <= value < _LARGEST
