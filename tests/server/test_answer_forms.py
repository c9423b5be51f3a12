"""Schemas of answers and tools, as real applications send them."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext, suppress
from typing import Any

import httpx
import jsonschema
import openai
import pytest
import regex
from openai import OpenAI

from fine_tuning.data_io import schema_checks
from fine_tuning.data_io.formats.tool_declarations import check_tools
from fine_tuning.data_io.held_numbers import BOUNDS
from fine_tuning.data_io.held_schema import held_schema
from fine_tuning.data_io.schema_checks import InvalidSchema
from tests.server.conftest import ALIAS

ASKED = [{"role": "user", "content": "Give me an example."}]
SHORT = {"type": "string", "maxLength": 5}
CODE = {"type": "string", "enum": ["a", "b"]}


def of(properties: dict[str, Any], **others: Any) -> dict[str, Any]:
    """An object with all of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
        **others,
    }


TAGGED = {"A": of({"kind": {"const": "a", "type": "string"}}), "B": of({"kind": {"const": "b", "type": "string"}})}
HELD = {
    "other scripts": of({"größe": {"const": '青い😀 é "q" \\ /'}, "名前": {"enum": ["röd", "\u2028"]}}),
    "keywords as names": of({"title": SHORT, "type": {"enum": ["x"]}, "properties": {"enum": [1]}}),
    "description beside a reference": of({"c": {"$ref": "#/$defs/C", "description": "code"}}, **{"$defs": {"C": CODE}}),
    "null or a value": of({"a": {"type": ["integer", "null"]}, "b": {"anyOf": [CODE, {"type": "null"}]}}),
    "bounds": of({"a": {"type": "integer", "minimum": -5, "maximum": -1}}),
    "bounds of unsigned numbers": of({"a": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}}),
    "bounds of zod": of({"a": {"type": "integer", "minimum": -(2**53 - 1), "maximum": 2**53 - 1}}),
    "decimal multiples": of({"a": {"type": "number", "multipleOf": 0.1, "minimum": 0, "maximum": 100}}),
    "multiples": of({"a": {"type": "integer", "multipleOf": 7, "minimum": 0, "maximum": 99}}),
    "recursion": of({"v": CODE, "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}),
    "recursion by a list": of({"v": CODE, "next": {"type": "array", "items": {"$ref": "#"}, "maxItems": 1}}),
    "reference to a property": of({"v": CODE, "w": {"$ref": "#/properties/v"}}),
    "union": {"anyOf": [of({"kind": {"const": "a"}}), of({"kind": {"const": "b"}, "n": {"enum": [1, 2]}})]},
    "tagged union": of({"s": {"oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}}, **{"$defs": TAGGED}),
    "list": {"type": "array", "items": CODE, "minItems": 1, "maxItems": 1000},
    "tuple": of({"a": {"type": "array", "prefixItems": [CODE, {"type": "boolean"}], "minItems": 2, "items": False}}),
    "required beyond properties": of({"a": CODE}, required=["a", "b"], patternProperties={"b": {}}),
    "any": {},
    "any property": of({"a": True}),
    "long texts": of({"a": {"type": "string", "maxLength": 2000}}),
    "formats": of({name: {"type": "string", "format": name} for name in ("date", "ipv4", "uuid")}),
    "part of a text": of({"a": {"type": "string", "pattern": "^[ab]{1,3}"}}),
    "names by pattern": {"type": "object", "patternProperties": {"^x": CODE}, "additionalProperties": False},
    "annotations": of({"a": {**CODE, "x-order": 1, "example": "a", "writeOnly": True, "deprecated": True}}),
}
IN_WORDS = {
    "unique": of({"a": {"type": "array", "items": CODE, "uniqueItems": True, "maxItems": 2}}),
    "not": of({"a": {"not": {"type": "null"}, "enum": [1, "x"]}}),
    "condition": of({"a": CODE}, **{"if": {"properties": {"a": {"const": "c"}}}, "then": {"required": ["b"]}}),
    "names": {"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": CODE},
    "other formats": of({"a": {"type": "string", "format": "uri", "maxLength": 4}}),
    "looking ahead": of({"a": {"type": "string", "pattern": "^(?!-)[a-z-]*$", "maxLength": 4}}),
    "choices that overlap": of({"a": {"oneOf": [SHORT, CODE]}}),
    "fewest properties": {**of({"a": CODE, "b": CODE}), "required": [], "minProperties": 1},
    "names by two patterns": {"type": "object", "patternProperties": {"^a": CODE, "b$": CODE}, "maxProperties": 1},
    "depends": of({"a": CODE}, dependentRequired={"a": ["a"]}),
    "unevaluated": of({"a": CODE}, unevaluatedProperties=False),
    "one of many": of({"a": {"type": "array", "contains": {"const": "a"}, "items": CODE, "maxItems": 2}}),
}
LOWEST = {"minimum": -(2**63) + 1024}  # of integers that have no bound
WITHIN = {  # numbers that no grammar holds as they are, and what it holds in their place
    "bounds of 64 bits": (
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"minimum": -(2**63) + 1024, "maximum": 2**63 - 1024},
    ),
    "bounds beyond 64 bits": ({"type": "integer", "maximum": 10**30}, {"maximum": 2**63 - 1024, **LOWEST}),
    "bounds beyond floats": (
        {"type": "number", "maximum": 10**310},
        {"minimum": -(2**53), "maximum": 2**53, "multipleOf": 1e-9},
    ),
    "the bounds of floats": (
        {"type": "number", "minimum": -1.7e308, "maximum": 1.7e308},
        {"minimum": -(2**53), "maximum": 2**53, "multipleOf": 1e-9},
    ),
    "bounds between floats": ({"type": "integer", "maximum": 2**60 - 1}, {"maximum": 2**60 - 128, **LOWEST}),
    "exclusive bounds of integers": (
        {"type": "integer", "exclusiveMinimum": -(2**53), "exclusiveMaximum": 7.5},
        {"minimum": -(2**53) + 1, "maximum": 7},
    ),
    "an exclusive bound beside the other one": (
        {"type": "number", "exclusiveMinimum": 4, "maximum": 4.5},
        {"minimum": 4.000000001, "maximum": 4.5, "multipleOf": 1e-9},
    ),
    "many items": ({"type": "array", "items": CODE, "maxItems": 10**6}, {"maxItems": 20_000}),
}
BEYOND = {
    "bounds": {"type": "integer", "minimum": 10**30},
    "tiny bounds": {"type": "number", "exclusiveMinimum": 1e-300},
    "the lowest value": {"const": -(2**63)},
    "values no float is exact for": {"enum": [2**53 + 1, [2**63], {"b": -(10**30)}]},
    "large multiples": {"type": "integer", "multipleOf": 10**30},
}
OPTIONAL = {"type": "object", "properties": {"a": SHORT, "b": SHORT}, "required": ["b"]}
INVALID = {
    "elsewhere": {"$ref": "https://example.com/s.json"},
    "nowhere": of({"a": {"$ref": "#/$defs/none"}}),
    "itself": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
    "no value that ends": of({"n": {"$ref": "#"}}),
    "no list that ends": of({"n": {"type": "array", "items": {"anyOf": [{"$ref": "#"}]}, "minItems": 1}}),
    "no type": {"type": "bogus"},
    "no pattern": {"type": "string", "pattern": "("},
    "a lower maximum": of({"a": {"type": "integer", "minimum": 9, "maximum": 5}}),
}


FUNCTION_REFUSAL = (
    "Invalid schema for function 'f': In context=('properties', 'd', 'items'), 'required' is required to be supplied "
    "and to be an array including every key in properties. Missing 'a'.",
    "tools[0].function.parameters",
    "invalid_function_parameters",
)
FORMAT_REFUSAL = (
    "Invalid schema for response_format 's': In context=(), 'additionalProperties' is required to be supplied and to "
    "be false.",
    "text.format.schema",
    "invalid_json_schema",
)


def ask(client: OpenAI, schema: dict[str, Any], *, strict: bool, **arguments: Any) -> Any:
    """The first choice of an answer in this form."""
    form: Any = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema, "strict": strict}}
    settings: dict[str, Any] = {"max_tokens": 60, "seed": 7, **arguments}
    return client.chat.completions.create(model=ALIAS, messages=ASKED, response_format=form, **settings).choices[0]


STRICT_OR_NOT = [(name, strict) for name, schema in HELD.items() for strict in {False, schema.get("type") == "object"}]


@pytest.mark.parametrize(("name", "strict"), STRICT_OR_NOT)
def test_answer_of_a_schema_that_a_grammar_holds_matches_it(client: OpenAI, name: str, strict: bool) -> None:
    choice = ask(client, HELD[name], strict=strict)
    if choice.finish_reason == "stop":
        jsonschema.validate(json.loads(choice.message.content), HELD[name])
    else:
        assert choice.finish_reason == "length"


def test_optional_property_is_answered_unless_strict(address: str, client: OpenAI) -> None:
    inner = of({"d": {"type": "array", "items": {**OPTIONAL, "additionalProperties": False}}})
    assert json.loads(ask(client, OPTIONAL, strict=False, max_tokens=120).message.content)
    function = {"name": "f", "parameters": inner, "strict": True}
    form = {"type": "json_schema", "name": "s", "schema": OPTIONAL, "strict": True}
    asked: dict[str, Any] = {"model": ALIAS, "messages": ASKED}
    told: list[tuple[str, dict[str, Any], tuple[str, str, str]]] = [
        ("chat/completions", asked | {"tools": [{"type": "function", "function": function}]}, FUNCTION_REFUSAL),
        ("responses", {"model": ALIAS, "input": "Hi", "text": {"format": form}}, FORMAT_REFUSAL),
    ]
    for path, body, (words, param, code) in told:
        error = httpx.post(f"{address}/{path}", json=body).json()["error"]
        assert error["message"].startswith(words)
        assert (error["param"], error["code"]) == (param, code)


ROOTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "array", "items": CODE}, """schema must be a JSON Schema of 'type: "object"', got 'type: "array"'."""),
    ({"$ref": "#/$defs/C", "$defs": {"C": CODE}}, "got 'type: \"string\"'"),
    ({"properties": {"a": CODE}, "required": ["a"], "additionalProperties": False}, "got 'type: \"None\"'"),
    (of({"a": CODE}, type=["object", "null"]), """got 'type: "["object", "null"]"'"""),
    ({"anyOf": [of({"a": CODE}), of({"b": CODE})]}, "must not have 'anyOf' at its root"),
    ({}, "got 'type: \"None\"'"),
]


@pytest.mark.parametrize(("schema", "words"), ROOTS)
def test_root_that_is_no_object_is_refused_under_strict_alone(
    client: OpenAI, schema: dict[str, Any], words: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=re.escape(words)) as caught:
        ask(client, schema, strict=True)
    assert (caught.value.param, caught.value.code) == ("response_format.json_schema.schema", "invalid_json_schema")
    assert ask(client, schema, strict=False, max_tokens=1)
    form: Any = {"format": {"type": "json_schema", "name": "s", "schema": schema, "strict": True}}
    with pytest.raises(openai.BadRequestError, match=re.escape(words)):
        client.responses.create(model=ALIAS, input="Hi", text=form)


def test_root_that_refers_to_an_object_is_held_under_strict(client: OpenAI) -> None:
    node = of({"v": CODE, "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}})
    assert ask(client, {"$ref": "#/$defs/Node", "$defs": {"Node": node}}, strict=True).message.content


def test_pattern_of_javascript_is_held(client: OpenAI) -> None:
    letters = of({"a": {"type": "string", "pattern": "^(?<name>\\p{Lu}{2})$"}})
    answer = json.loads(ask(client, letters, strict=True).message.content)
    assert regex.search(letters["properties"]["a"]["pattern"], answer["a"])


@pytest.mark.parametrize("name", IN_WORDS)
def test_schema_that_no_grammar_holds_is_answered_unless_strict(client: OpenAI, name: str) -> None:
    assert ask(client, IN_WORDS[name], strict=False).finish_reason in {"stop", "length"}
    with pytest.raises(openai.BadRequestError, match="is not held under strict; with strict: false"):
        ask(client, IN_WORDS[name], strict=True)


@pytest.mark.parametrize("name", WITHIN)
def test_number_that_no_grammar_holds_is_held_within_it(client: OpenAI, name: str) -> None:
    part, expected = WITHIN[name]
    held, rest = held_schema(part)
    assert ({key: value for key, value in held.items() if key in {*BOUNDS, "maxItems"}}, rest) == (expected, [])
    answer = ask(client, of({"a": part}), strict=True)
    if answer.finish_reason == "stop":
        jsonschema.validate(json.loads(answer.message.content), of({"a": part}))


@pytest.mark.parametrize("choice", ["auto", "required"])
@pytest.mark.parametrize("name", BEYOND)
def test_number_that_no_grammar_holds_is_checked(client: OpenAI, name: str, choice: Any) -> None:
    """A strict answer or call that is still wrong when it is asked for again is an error, and is never returned."""
    schema = of({"a": BEYOND[name]})
    for strict in (True, False):
        function: Any = {"name": "f", "parameters": schema, "strict": strict}
        tools: Any = [{"type": "function", "function": function}]
        assert check_tools(tools) is None
        asked: dict[str, Any] = {"model": ALIAS, "messages": ASKED, "tools": tools, "tool_choice": choice}
        with suppress(openai.InternalServerError) if strict else nullcontext():
            message = client.chat.completions.create(**asked, max_tokens=5).choices[0].message
            assert not strict or not message.tool_calls or not message.tool_calls[0].function.arguments.endswith("}")
        with suppress(openai.InternalServerError) if strict else nullcontext():
            answer = ask(client, schema, strict=strict, max_tokens=20)
            if answer.finish_reason == "stop" and strict:
                jsonschema.validate(json.loads(answer.message.content), schema)


def test_count_that_no_grammar_holds_is_refused_under_strict_alone(client: OpenAI) -> None:
    schema = of({"a": {"type": "array", "items": CODE, "minItems": 10**6}})
    assert ask(client, schema, strict=False, max_tokens=20).finish_reason in {"stop", "length"}
    with pytest.raises(openai.BadRequestError, match="a.minItems is not held under strict"):
        ask(client, schema, strict=True)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("name", INVALID)
def test_invalid_schema_is_refused(client: OpenAI, name: str, strict: bool) -> None:
    with pytest.raises(openai.BadRequestError):
        ask(client, INVALID[name], strict=strict)


@pytest.mark.parametrize("choice", ["auto", "none", None])
@pytest.mark.parametrize("name", [*IN_WORDS, *INVALID])
def test_tools_that_need_no_grammar_may_have_any_schema(client: OpenAI, name: str, choice: str | None) -> None:
    tools: Any = [
        {"type": "function", "function": {"name": "f", "parameters": {**IN_WORDS, **INVALID}[name]}},
    ]
    chosen: dict[str, Any] = {} if choice is None else {"tool_choice": choice}
    answer = client.chat.completions.create(model=ALIAS, messages=ASKED, tools=tools, max_tokens=5, **chosen)
    assert answer.choices[0].finish_reason in {"stop", "length"}


@pytest.mark.parametrize("name", ["unique", "other formats", "choices that overlap"])
def test_required_call_of_a_tool_that_no_grammar_holds_is_made(client: OpenAI, name: str) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": IN_WORDS[name]}}
    asked: dict[str, Any] = {"messages": ASKED, "tools": [tool], "tool_choice": "required", "max_tokens": 90, "seed": 1}
    answer = client.chat.completions.create(model=ALIAS, parallel_tool_calls=False, **asked)
    assert answer.choices[0].message.tool_calls[0].function.name == "f"
    strict: Any = {**tool, "function": {**tool["function"], "strict": True}}
    with pytest.raises(openai.BadRequestError, match="is not held under strict"):
        client.chat.completions.create(model=ALIAS, **{**asked, "tools": [strict]})


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "bogus"}, 'there is no type "bogus"; there are array, boolean'),
        ({"type": 3}, "there is no type 3; "),
        ({"properties": 3}, "expected object, but got 3"),
        ({"minLength": -1}, "expected at least 0, but got -1"),
        ({"multipleOf": 0}, "expected more than 0, but got 0"),
        ({"required": ["a", "a"]}, 'expected each value once, but got ["a", "a"]'),
        ({"enum": None}, "expected array, but got null"),
        ({"items": None}, "expected object or boolean, but got null"),
    ],
)
def test_invalid_keyword_is_refused_in_words_of_json(part: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSchema, match=re.escape(words)):
        schema_checks.check(part, "schema", strict=False)


STOPS = ['"', "{", ":", "tool", "name", "arguments", "}", "]", ['"f"', "zzz"]]


@pytest.mark.parametrize("stop", STOPS, ids=str)
def test_stop_of_the_client_cuts_calls_and_typed_answers_off(client: OpenAI, address: str, stop: Any) -> None:
    """It is no fault of the model: the call is a partial one, as where it reaches its limit of tokens."""
    parameters = of({"a": CODE, "b": {"type": "array", "items": {"type": "string", "format": "date"}, "maxItems": 1}})
    unique = of({"a": {"type": "array", "items": CODE, "uniqueItems": True, "maxItems": 2}})
    asked: dict[str, Any] = {"model": ALIAS, "messages": ASKED, "max_tokens": 300, "seed": 3}
    for schema, strict in ((parameters, True), (parameters, False), (unique, False)):
        tools: Any = [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": strict}}]
        calling = {**asked, "stop": stop, "tools": tools, "tool_choice": "required"}
        choice = client.chat.completions.create(**calling).choices[0]
        assert choice.finish_reason == "stop"
        assert not (choice.message.content or "").strip()
        with client.chat.completions.create(**calling, stream=True) as chunks:
            said = [each.choices[0].delta.content or "" for each in chunks if each.choices]
        assert not "".join(said).strip()
        form: Any = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema, "strict": strict}}
        answer = client.chat.completions.create(**asked, stop=stop, response_format=form).choices[0]
        stops = stop if isinstance(stop, list) else [stop]
        assert answer.finish_reason in {"stop", "length"}
        assert not any(each in (answer.message.content or "") for each in stops)
    body = {"model": ALIAS, "messages": ASKED, "max_tokens": 300, "tool_choice": {"type": "any"}}
    body |= {"tools": [{"name": "f", "input_schema": parameters}], "stop_sequences": stops}
    message = httpx.post(f"{address}/messages", json=body, timeout=60).json()
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", stops[0])
