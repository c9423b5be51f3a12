"""What a grammar holds of texts and numbers, which end by themselves."""

from __future__ import annotations

import json

import pytest
from llguidance import LLMatcher, LLTokenizer

from fine_tuning.data_io.held_schema import held_schema
from fine_tuning.serving.response_grammar import ANY_OBJECT, is_complete, json_rule

REPEATED = {  # what a model may repeat, by the format and what comes before it
    "email": (('"', "a"), ('"a@', "b"), ('"a@', "b."), ('"a.', "b.")),
    "hostname": (('"', "a."),),
    "duration": (('"P', "1"), ('"PT', "7")),
    "time": (('"10:00:00.', "0"),),
    "date-time": (('"2024-01-01T10:00:00.', "3"),),
}
NUMBERS = (
    {"type": "integer"},
    {"type": "integer", "minimum": 0},
    {"type": ["integer", "null"], "maximum": 10},
    {"type": "integer", "multipleOf": 5},
    {"type": "number"},
    {"type": "number", "minimum": 0},
    {"type": "number", "exclusiveMinimum": -0.5, "maximum": 1},
    {"type": ["number", "string"]},
    {"type": "number", "multipleOf": 0.01},
)
DIGITS = ("1", "-1", "0.0", "0.3", "-0.3", "1e1", "5")
WHOLE = {
    "email": ("john.o'neill+x@mail.example.co.uk", "a@[192.168.0.1]", f"{'a' * 64}@{'b' * 63}.{'c' * 63}.de"),
    "hostname": (".".join(["label"] * 42),),
    "duration": ("P12345Y11M30DT23H59M59S", "P52W"),
    "time": ("10:00:00.123456789+02:00", "23:59:59Z"),
    "date-time": ("2024-02-29T10:00:00.123456789-11:30",),
}


def grammar(schema: dict[str, object]) -> str:
    return f"%llguidance {{}}\nstart: {json_rule(schema)}\n"


@pytest.mark.parametrize("name", REPEATED)
def test_text_of_a_format_cannot_be_repeated_without_end(name: str) -> None:
    rules = grammar({"type": "string", "format": name})
    for before, part in REPEATED[name]:
        matcher = LLMatcher(LLTokenizer("byte"), rules, log_level=0)
        assert matcher.try_consume_tokens([*before.encode()]) == len(before)
        assert matcher.try_consume_tokens([*(part * 500).encode()]) < 256


@pytest.mark.parametrize("name", WHOLE)
def test_longest_texts_of_a_format_are_held(name: str) -> None:
    for text in WHOLE[name]:
        assert is_complete(grammar({"type": "string", "format": name}), json.dumps(text)), text


def test_bounds_of_a_schema_count_where_they_are_narrower() -> None:
    """A pattern of its own stays, and a text that has to be longer is not made impossible."""
    own = {"type": "string", "format": "email", "pattern": "^[a-z]+@example\\.com$", "maxLength": 40}
    assert held_schema(own).schema == own
    longer = {"type": "string", "format": "hostname", "minLength": 300}
    assert held_schema(longer).schema == longer
    nullable = {"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]}
    assert is_complete(grammar(nullable), "null")


@pytest.mark.parametrize("schema", NUMBERS, ids=json.dumps)
def test_digits_of_a_number_cannot_be_repeated_without_end(schema: dict[str, object]) -> None:
    for rules in (grammar(schema), grammar({"type": "array", "items": schema})):
        for before in DIGITS:
            matcher = LLMatcher(LLTokenizer("byte"), rules, log_level=0)
            matcher.try_consume_tokens([*("[" * ("array" in rules) + before).encode()])
            assert matcher.try_consume_tokens([*before[-1:].encode()] * 500) < 30, before


def test_numbers_that_a_schema_names_are_held() -> None:
    """Bounds of a number that has none leave out no value that its own ones, or a list, ask for."""
    for schema, text in (
        ({"type": "integer"}, "-9223372036854774784"),
        ({"type": "number"}, "-9007199254740991.5"),
        ({"type": "number"}, "48.856613123"),
        ({"type": "number", "minimum": 0.1}, "0.1"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1e-12}, "0.0000000000005"),
        ({"type": "number", "minimum": 1e-11}, "0.00000000001"),
        ({"type": "number", "minimum": 0, "enum": [1e-11, 1]}, "0.00000000001"),
        ({"type": "number", "enum": [2**60]}, str(2**60)),
        ({"type": "number", "const": 2**60}, str(2**60)),
    ):
        assert is_complete(grammar(schema), text), schema
    assert not held_schema({"type": "number"}).rest


def test_any_object_holds_all_values_and_ends_its_numbers() -> None:
    rules = grammar(ANY_OBJECT)
    value = {"a": [1.5, None, True, {"b": "1" * 40, "c": []}], "d": {}, "e": -2}
    assert is_complete(rules, json.dumps(value))
    assert not is_complete(rules, json.dumps([1]))
    matcher = LLMatcher(LLTokenizer("byte"), rules, log_level=0)
    assert matcher.try_consume_tokens([*b'{"a": [{"b": 0.']) == 15
    assert matcher.try_consume_tokens([*b"3"] * 500) < 30
