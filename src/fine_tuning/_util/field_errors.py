"""What is wrong with a field of a request, in words of the API, whatever library found it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NotRequired, TypedDict

from fine_tuning._util.json_kinds import json_kind

_EXPECTED = {
    "string": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "a boolean",
    "list": "an array",
    "dict": "an object",
    "model": "an object",
    "model_attributes": "an object",
    "none_required": "null",
    "finite_number": "a finite number",
}
_LIMITS = {
    "greater_than_equal": ("a value of at least", "ge"),
    "greater_than": ("a value above", "gt"),
    "less_than_equal": ("a value of at most", "le"),
    "less_than": ("a value below", "lt"),
    "too_long": ("an array of at most", "max_length"),
    "too_short": ("an array of at least", "min_length"),
    "string_too_long": ("a string of at most", "max_length"),
    "string_too_short": ("a string of at least", "min_length"),
    "string_pattern_mismatch": ("a string that matches", "pattern"),
    "literal_error": ("one of", "expected"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
_COUNTED = {
    "too_long": " items",
    "too_short": " items",
    "string_too_long": " characters",
    "string_too_short": " characters",
}
_CODES = {  # those that OpenAI's API answers with
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "too_short": "array_below_min_length",
    "too_long": "array_above_max_length",
    "string_too_short": "string_below_min_length",
    "string_too_long": "string_above_max_length",
}


class FieldError(TypedDict):
    """An error of pydantic: its type, its place, its message, and the value."""

    type: str
    loc: tuple[int | str, ...]
    msg: str
    input: object
    ctx: NotRequired[Mapping[str, object]]
    others: NotRequired[Sequence[FieldError]]  # of the same value: why it is of none of the other types it may have


def place(*parts: int | str) -> str:
    """A place in JSON as OpenAI's API writes it, such as messages[0].content."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def dotted_place(*parts: int | str) -> str:
    """A place in JSON as Anthropic's API writes it, such as messages.0.content."""
    return ".".join(map(str, parts))


Written = Callable[..., str]


def most_specific(found: Sequence[FieldError]) -> FieldError:
    """Of the errors of a value with several types, the one deepest in it, preferably of the type that was sent."""
    field = _field(found[0])
    same = [each for each in found if _field(each)[: len(field)] == field]
    best = max(same, key=lambda each: (len(_field(each)), _specificity(each)))
    return {**best, "others": [each for each in same if each is not best and _field(each) == _field(best)]}


def _field(error: FieldError) -> list[int | str]:
    return [part for part in error["loc"] if not is_tag(part)]


def param_of(error: FieldError, written: Written = place) -> str | None:
    """The field as the client wrote it, `written` as its API does; None for the whole body."""
    return written(*_field(error)) or None


def code_of(error: FieldError) -> str:
    """What is wrong, for programs."""
    kind = error["type"]
    if kind.startswith(("greater_than", "less_than")):
        limit = error.get("ctx", {}).get(_LIMITS[kind][1])
        number = "integer" if isinstance(limit, int) else "decimal"
        return f"{number}_{'below_min' if kind.startswith('greater') else 'above_max'}_value"
    if (empty := _empty(error)) is not None:
        return f"empty_{empty}"
    if _has_too_many_keys(error):
        return "object_above_max_properties"
    is_of_type = kind.endswith(("_type", "_parsing", "_from_float")) or kind == "none_required"
    return _CODES.get(kind, "invalid_type" if is_of_type else "invalid_value")


def in_words(error: FieldError, written: Written = place) -> str:
    """What is wrong, and what to send; its place is `written` as the API of the request does."""
    kind, param, context = error["type"], param_of(error, written), error.get("ctx", {})
    if kind == "value_error":
        text = error["msg"].removeprefix("Value error, ")
        return text if param is None else f"{text}: '{param}'"
    if param is None:
        return "The body must be a JSON object, sent with the header Content-Type: application/json."
    if kind == "missing":
        return f"Missing required parameter: '{param}'."
    if kind == "extra_forbidden":
        return f"Unknown parameter: '{param}'."
    if (empty := _empty(error)) is not None:
        return f"Invalid '{param}': this {empty} may not be empty."
    if _has_too_many_keys(error):
        limit = f"an object of at most {context.get('max_length')} keys"
        return f"Invalid '{param}': expected {limit}, but got {_got(error)}."
    if kind == "literal_error" and len(expected := _alternatives(error)) > 1:
        return f"Invalid '{param}': expected {' or '.join(expected)}, but got {_got(error)}."
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"Invalid '{param}': expected {words} {context.get(key)}{_COUNTED.get(kind, '')}, but got {_got(error)}."
    if expected := _alternatives(error):
        return f"Invalid type for '{param}': expected {' or '.join(expected)}, but got {_got(error)} instead."
    return f"Invalid value for '{param}'."


def _alternatives(error: FieldError) -> list[str]:
    """What the value may be, of each type it may have; none where that is not what is wrong with it."""
    if (own := _expected(error)) is None:
        return []
    return list(dict.fromkeys([own, *filter(None, map(_expected, error.get("others", [])))]))


def _expected(error: FieldError) -> str | None:
    kind = error["type"]
    if kind == "literal_error":
        return str(error.get("ctx", {}).get("expected"))
    return _EXPECTED.get(kind.removesuffix("_type").removesuffix("_parsing").removesuffix("_from_float"))


def _empty(error: FieldError) -> str | None:
    """What is empty and may not be: an array, a string, or neither."""
    kinds = {("too_short", "[]"): "array", ("too_short", "{}"): "object", ("string_too_short", "''"): "string"}
    return kinds.get((error["type"], repr(error["input"])))


def _has_too_many_keys(error: FieldError) -> bool:
    return error["type"] == "too_long" and isinstance(error["input"], dict)


def _got(error: FieldError) -> str:
    """The value itself where it is short, else what it is."""
    value = error["input"]
    if error["type"] in _COUNTED and isinstance(value, str | list | dict):
        return str(len(value))
    if isinstance(value, str) and (error["type"] in _LIMITS and len(value) <= 40):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float) and not isinstance(value, bool) and error["type"] in _LIMITS:
        return str(value)
    return json_kind(value)


def _specificity(error: FieldError) -> int:
    """A wrong `type` says more than the missing fields of another type; a value of a type that was not sent, least."""
    if error["type"] == "literal_error":
        return 3 if error["loc"][-1] == "type" else int(isinstance(error["input"], str))
    return 0 if error["type"].endswith("_type") else 2


def is_tag(part: int | str) -> bool:
    """Whether a part of an error's location is the type of a value, not a field."""
    return (
        isinstance(part, str)
        and (
            part in {"body", "query", "path", "str", "int", "float", "dict"}
            or ("[" in part and not part.endswith("[]"))  # as a parameter that is a list may be written
            or part[:1].isupper()
            or "constrained" in part
        )
    )
