"""References within schemas, as generators of many languages write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import schema_checks
from fine_tuning.data_io.formats.tool_declarations import check_tools
from fine_tuning.data_io.formats.tool_prompt import tool_call_schema
from fine_tuning.data_io.held_schema import held_schema
from fine_tuning.data_io.schema_checks import InvalidSchema
from fine_tuning.data_io.schema_references import path_of, resolved
from fine_tuning.serving.answer_form import AnswerForm
from fine_tuning.serving.response_grammar import is_complete, json_rule

WHOLE = {"type": "integer"}
HERE = "https://example.org/order"
REFERRING: dict[str, dict[str, Any]] = {  # each to an integer
    "another script": {"properties": {"a": {"$ref": "#/$defs/Größe"}}, "$defs": {"Größe": WHOLE}},
    "type parameters": {"properties": {"a": {"$ref": "#/$defs/List<int>"}}, "$defs": {"List<int>": WHOLE}},
    "percent-encoded": {
        "properties": {"a": {"$ref": "#/definitions/Record%3Cint%3E"}},
        "definitions": {"Record<int>": WHOLE},
    },
    "a slash": {"properties": {"a": {"$ref": "#/$defs/x~1y"}}, "$defs": {"x/y": WHOLE}},
    "components": {"properties": {"a": {"$ref": "#/components/schemas/X"}}, "components": {"schemas": {"X": WHOLE}}},
    "a place in a list": {"properties": {"a": {"$ref": "#/properties/b/items/0"}, "b": {"items": [WHOLE]}}},
    "an anchor": {"properties": {"a": {"$ref": "#whole"}}, "$defs": {"n": {"$anchor": "whole", **WHOLE}}},
    "its own address": {"$id": HERE, "properties": {"a": {"$ref": f"{HERE}#/$defs/n"}}, "$defs": {"n": WHOLE}},
    "a property named as a keyword": {
        "properties": {"a": {"$ref": "#/$defs/n"}, "default": {"$ref": "#/$defs/n"}},
        "$defs": {"n": WHOLE},
    },
}


@pytest.mark.parametrize("name", REFERRING)
def test_reference_is_held_checked_and_moved(name: str) -> None:
    schema = {"type": "object", "required": ["a"], "additionalProperties": False, **REFERRING[name]}
    schema_checks.check(schema, "schema", strict=False)
    tools: Any = [{"type": "function", "function": {"name": each, "parameters": schema}} for each in ("f", "g")]
    assert check_tools(tools) is None
    calling = tool_call_schema(tools, parallel=False)
    form = AnswerForm.of({"type": "json_schema", "json_schema": {"schema": schema}})
    of_calls = AnswerForm.of({"type": "json_schema", "json_schema": {"schema": calling}})
    assert form is not None
    assert of_calls is not None
    for value, is_valid in ((1, True), ("x", False)):
        answer, call = {"a": value}, {"tool_calls": [{"name": "g", "arguments": {"a": value}}]}
        assert is_complete(f"%llguidance {{}}\nstart: {json_rule(schema)}\n", json.dumps(answer)) is is_valid
        assert is_complete(f"%llguidance {{}}\nstart: {json_rule(calling)}\n", json.dumps(call)) is is_valid
        assert (form.problem(json.dumps(answer), "stop") is None) is is_valid
        assert (of_calls.problem(json.dumps(call), "stop") is None) is is_valid


def test_recursion_by_a_name_of_another_script_is_held() -> None:
    node = {"type": "object", "properties": {"n": {"anyOf": [{"$ref": "#/$defs/Größe"}, {"type": "null"}]}}}
    schema = {"$ref": "#/$defs/Größe", "$defs": {"Größe": node | {"required": ["n"], "additionalProperties": False}}}
    grammar = f"%llguidance {{}}\nstart: {json_rule(schema)}\n"
    assert is_complete(grammar, '{"n": {"n": null}}')
    assert not is_complete(grammar, '{"n": {"n": 1}}')


def test_reference_elsewhere_or_nowhere_is_refused_and_a_value_is_none() -> None:
    for target, words in (("https://example.org/x", "elsewhere"), ("#none", "does not resolve"), ("#/a/0", "resolve")):
        for key in ("$ref", "$dynamicRef"):
            with pytest.raises(InvalidSchema, match=words):
                schema_checks.check({"properties": {"a": {key: target}}}, "schema", strict=False)
    with pytest.raises(InvalidSchema, match=r"schema\.anyOf\[1\]\.\$ref"):
        schema_checks.check({"anyOf": [{}, {"$ref": "#/x"}]}, "schema", strict=False)
    schema_checks.check({"enum": [{"$ref": "#/x"}], "default": {"pattern": "("}}, "schema", strict=True)
    assert path_of("#/a%20b/c~0d", {}) == ("a b", "c~d")
    assert resolved("#/enum/3", {"enum": [1]}) is None


def test_moved_schema_keeps_its_values_and_the_bounds_of_earlier_drafts() -> None:
    bounds = {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False}
    schema = {"properties": {"a": {"const": {"$ref": "#/x"}}, "b": bounds}}
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": schema}}
    moved: Any = tool_call_schema([tool], parallel=False)
    assert moved["$defs"]["tool0"]["properties"] == {
        "a": {"const": {"$ref": "#/x"}},
        "b": {"type": "number", "exclusiveMinimum": 0, "maximum": 9},
    }


@pytest.mark.parametrize(
    "part",
    [
        {"type": "integer", "format": "int64"},
        {"type": "string", "format": "ulid", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"},
        {
            "type": "string",
            "format": "uuid",
            "pattern": f"^({'-'.join(['[0-9a-f]{8}', *['[0-9a-f]{4}'] * 4])}[0-9a-f]{{8}})$",
        },
        {"type": "object", "propertyNames": {"type": "string"}},
    ],
)
def test_what_asserts_nothing_and_patterns_of_many_counts_are_held(part: dict[str, Any]) -> None:
    assert held_schema(part).rest == []


def test_format_without_a_pattern_that_no_grammar_holds_is_left() -> None:
    for name in ("jwt", "uri"):
        assert [each.keyword for each in held_schema({"type": "string", "format": name}).rest] == ["format"]
    assert [each.keyword for each in held_schema({"format": "uri", "pattern": "^a"}).rest] == ["format"]
