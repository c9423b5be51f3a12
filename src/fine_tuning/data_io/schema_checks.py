"""Check JSON schemas for answers and tools: that they are valid, refer to nothing outside, and are not too large.

Under `strict`, a schema that a grammar holds in part only is refused. Else the rest is said in words and checked.
The server's requests and the rows of training files are checked alike. Needs jsonschema, and llguidance for patterns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import regex

from fine_tuning._util import timed_patterns
from fine_tuning._util.field_errors import place
from fine_tuning.data_io.held_numbers import BOUNDS
from fine_tuning.data_io.held_schema import held_schema
from fine_tuning.data_io.schema_recursion import has_endless, has_value
from fine_tuning.data_io.schema_references import REFERENCES, parts, resolved

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
MAX_KEYWORDS = 5_000  # in total; a grammar's size and the time to make it grow with them
MAX_CHARACTERS = 120_000  # of names, constants, values of enums and patterns, as at OpenAI
_NUMBERS = {*BOUNDS, "const", "enum"}
_IN_WORDS = ("description", "title", "$comment")
Schema = Mapping[str, Any]
Validator = Any  # of jsonschema, which has no types


class InvalidSchema(Exception):  # noqa: N818 - what it says about a schema
    """What is wrong with a schema; `where` names the place, with that of the schema before it, `code` is OpenAI's."""

    def __init__(self, message: str, where: str) -> None:
        super().__init__(message)
        self.where, self.code = where, "invalid_json_schema"


def check(schema: Schema, param: str, *, strict: bool) -> None:
    """Check that answers can be held to a schema.

    Args:
        param: where the schema is, for the messages.
        strict: whether a grammar has to hold all of it. Numbers that none can hold are checked afterwards; a strict
            answer that is invalid twice is an error.

    Raises:
        InvalidSchema: naming the keyword.
    """
    _check_size(schema, param)  # first: the others take a time that grows with it
    _check_keywords(schema, param)
    places = [*parts(schema)]
    for path, part in places:
        _check_part(part, place(param, *path), schema)
    every = [part for _, part in places]
    if has_endless(schema, every):
        raise _refusal(param, "refers only to itself")
    if not has_value(schema, every):
        raise _refusal(param, "has no value that ends: each one requires another within it")
    if strict and (rest := [each for each in held_schema(schema).rest if each.keyword not in _NUMBERS]):
        reason = "is not held under strict; with strict: false it is said in words and checked afterwards"
        raise _refusal(".".join(filter(None, (param, rest[0].where, rest[0].keyword))), reason)


def draft_of(schema: Mapping[str, object]) -> Validator:
    """The validator of the draft that a schema names; else of the newest, or of draft 7 where only that allows it."""
    from jsonschema import Draft7Validator, Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for

    if isinstance(schema.get("$schema"), str):
        return validator_for(schema, default=Draft202012Validator)
    try:
        Draft202012Validator.check_schema(schema, format_checker=None)
    except SchemaError:
        with suppress(SchemaError):
            Draft7Validator.check_schema(schema, format_checker=None)
            return Draft7Validator
    return Draft202012Validator


def _check_size(schema: Schema, param: str) -> None:
    left, characters = MAX_KEYWORDS, MAX_CHARACTERS
    try:
        for _, part in _parts(schema, param):
            left -= len(part)
            if left < 0:
                raise InvalidSchema(f"the schema has more than {MAX_KEYWORDS} keywords", param)
            characters -= sum(len(name) + _characters(value) for name, value in part.items() if name not in _IN_WORDS)
            if characters < 0:
                most = f"{MAX_CHARACTERS:,} characters of names, constants, enums and patterns"
                raise InvalidSchema(f"the schema has more than {most}", param)
    except RecursionError:
        raise InvalidSchema("the schema is nested too deeply", param) from None


def _characters(value: object) -> int:
    """Of a text, or of those of a list; other values count as one: an object is a part that is counted for itself."""
    if isinstance(value, list):
        return sum(map(_characters, value))
    return len(value) if isinstance(value, str) else 1


def _check_keywords(schema: Schema, param: str) -> None:
    """Raise for a schema that its own draft forbids; patterns, which drafts know by a format, are read apart."""
    from jsonschema import SchemaError

    try:
        draft_of(schema).check_schema(schema, format_checker=None)
    except SchemaError as error:
        raise _refusal(place(param, *error.absolute_path), f"is invalid: {_in_words(error)}") from None
    except RecursionError:
        raise InvalidSchema("the schema is nested too deeply", param) from None
    except (OverflowError, ValueError):  # from a regular expression
        raise InvalidSchema("a pattern of the schema has too large a number", param) from None


def _in_words(error: Any) -> str:
    """What a draft allows in place of a value, in the words of JSON."""
    got = json.dumps(error.instance, ensure_ascii=False, default=str)[:60]
    allowed = error.validator_value
    if error.validator == "type":
        return f"expected {' or '.join(allowed) if isinstance(allowed, list) else allowed}, but got {got}"
    if error.validator in {"minimum", "minItems", "minLength", "minProperties"}:
        return f"expected at least {allowed}, but got {got}"
    if error.validator == "exclusiveMinimum":
        return f"expected more than {allowed}, but got {got}"
    if error.validator == "uniqueItems":
        return f"expected each value once, but got {got}"
    if error.absolute_path and error.absolute_path[-1] == "type":
        return f"there is no type {got}; there are {', '.join(_TYPES)}"
    return f"JSON Schema has no {got} here"


def _parts(value: object, where: str) -> Iterator[tuple[str, Schema]]:
    """Every object of a schema, whatever it stands for."""
    if isinstance(value, Mapping):
        yield where, value
        for key, each in value.items():
            yield from _parts(each, f"{where}.{key}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _parts(each, f"{where}[{place}]")


def _check_part(part: Schema, where: str, root: Schema) -> None:
    if isinstance(pattern := part.get("pattern"), str):
        _check_pattern(pattern, f"{where}.pattern", timed_patterns.compiled)  # as answers are checked: such as \p{L}
    if isinstance(names := part.get("patternProperties"), Mapping):
        for name in names:
            _check_pattern(name, f"{where}.patternProperties", timed_patterns.compiled)
    for key in REFERENCES:
        target = part.get(key)
        if isinstance(target, str) and resolved(target, root) is None:
            if not target.startswith("#"):
                raise _refusal(f"{where}.{key}", f"{target!r} is elsewhere; nothing is fetched, use #/$defs/NAME")
            raise _refusal(f"{where}.{key}", f"{target!r} does not resolve; use #/$defs/NAME")


def _check_pattern(pattern: str, where: str, compiled: Callable[[str], object]) -> None:
    try:
        compiled(pattern)
    except (re.error, regex.error, OverflowError, RecursionError, ValueError) as error:
        raise _refusal(where, f"is no regular expression: {error}") from None


def _refusal(where: str, reason: str) -> InvalidSchema:
    return InvalidSchema(f"Invalid schema: {where} {reason}", where)
