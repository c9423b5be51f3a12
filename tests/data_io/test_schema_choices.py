"""Which choices of a schema exclude each other, compared with a validator."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fine_tuning.data_io.held_schema import held_schema
from fine_tuning.data_io.schema_choices import are_exclusive

TEXT, NULL = {"type": "string"}, {"type": "null"}
VALUES = [None, True, 1, 1.0, 2, 1.5, "a", "b", [], {}, {"k": "a"}, {"k": "b"}, {"k": 1}, {"a": 1}, {"a": 1, "b": 2}]


def of(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*required]}


EXCLUSIVE: list[list[Any]] = [
    [TEXT, NULL, {"type": "integer"}],
    [{"const": "a"}, {"const": "b"}],
    [{"enum": ["a", 1]}, {"type": ["null", "object"]}],
    [of("k", k={"const": "a"}), of("k", k={"enum": ["b", 1]})],
    [of("k", k={"type": "string"}), of("k", k={"type": "integer"}), TEXT],
    [{**of("a", a={}), "additionalProperties": False}, {**of("b", b={}), "additionalProperties": False}],
    [False, TEXT],
]
OVERLAPPING: list[list[Any]] = [
    [{"type": "integer"}, {"type": "number"}],
    [{"const": 1}, {"const": 1.0}],
    [TEXT, {"const": "a"}],
    [TEXT, {}],
    [TEXT, True],
    [of("", k={"const": "a"}), of("k", k={"const": "b"})],
    [of("a", a={}), of("b", b={})],
    [{"required": ["a"]}, {"required": ["b"]}],
    [{"properties": {"k": {"const": 1}}, "required": ["k"]}, {"properties": {"k": {"const": 2}}, "required": ["k"]}],
]


@pytest.mark.parametrize("choices", EXCLUSIVE, ids=range(len(EXCLUSIVE)))
def test_choices_that_exclude_each_other_are_held(choices: list[Any]) -> None:
    assert are_exclusive(choices, {}, {})
    assert held_schema({"oneOf": choices}) == held_schema({"anyOf": choices})
    assert not held_schema({"oneOf": choices}).rest
    for one, other in combinations([Draft202012Validator(each) for each in choices], 2):
        assert not [value for value in VALUES if one.is_valid(value) and other.is_valid(value)]


@pytest.mark.parametrize("choices", OVERLAPPING, ids=range(len(OVERLAPPING)))
def test_choices_that_overlap_are_left_to_be_checked(choices: list[Any]) -> None:
    assert not are_exclusive(choices, {}, {})
    assert [each.keyword for each in held_schema({"oneOf": choices}).rest] == ["oneOf"]


def test_choices_have_the_type_beside_them() -> None:
    tagged = OVERLAPPING[-1]
    assert are_exclusive(tagged, {"type": "object"}, {})


def test_references_are_followed_and_end() -> None:
    root = {"$defs": {"A": {"const": 1}, "B": {"const": 2}, "C": {"$ref": "#/$defs/C"}}}
    a, b, c = ({"$ref": f"#/$defs/{name}"} for name in "ABC")
    assert are_exclusive([a, b], {}, root)
    assert not are_exclusive([a, c], {}, root)
    assert not are_exclusive([a, {"$ref": "#/$defs/none"}], {}, root)
