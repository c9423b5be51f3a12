"""Patterns and schemas that would take years: each is refused or stopped in seconds, and nothing is fetched."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing.exceptions import Unresolvable
from scripts import fuzz_requests

from fine_tuning._util import timed_patterns
from fine_tuning.data_io import schema_checks, schema_validation
from fine_tuning.data_io.schema_checks import InvalidSchema
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import json_match, regex_match
from fine_tuning.serving.answer_form import AnswerForm
from tests.dashboard.conftest import Serving
from tests.security.requests import ask
from tests.server.conftest import ALIAS

STUCK = "(a|a)*$"  # backtracks in 2^n steps
TEXT = "a" * 40 + "b"
PATIENCE = 30.0  # seconds, on busy processors; unbounded, these take years


@contextmanager
def soon() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < PATIENCE


def doubled(keyword: str, depth: int = 40) -> dict[str, object]:
    """A schema whose every part refers to the next one twice."""
    twice = [[{"$ref": f"#/$defs/{place + 1}"}] * 2 for place in range(depth)]
    parts = {str(place): {keyword: each} for place, each in enumerate(twice)}
    return {"$ref": "#/$defs/0", "$defs": {**parts, str(depth): {"type": "string"}}}


SCHEMAS = {
    "pattern": ({"pattern": STUCK}, f'"{TEXT}"'),
    "names": ({"patternProperties": {STUCK: {}}}, f'{{"{TEXT}": 1}}'),
    "other names": ({"additionalProperties": False, "patternProperties": {STUCK: {}}}, f'{{"{TEXT}": 1}}'),
    "allOf": (doubled("allOf"), '"a"'),
    "unevaluated names": ({"unevaluatedProperties": False, "patternProperties": {STUCK: {}}}, f'{{"{TEXT}": 1}}'),
    "itself": ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {}]}}, "$ref": "#/$defs/a"}, '"a"'),
}


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a*)*c", r"(.*)*\1x"])
def test_regex_metric_with_repeats_in_repeats_ends(pattern: str) -> None:
    with soon():
        assert not regex_match.matches(TEXT, pattern)


@pytest.mark.parametrize("pattern", [STUCK, "(?:a?){5000}a{5000}", "(?:(?:a|){999}){999}", "(?:a?){50000000}"])
def test_regex_metric_that_cannot_be_matched_is_refused(pattern: str) -> None:
    text = TEXT if pattern == STUCK else "a" * 5000
    with soon(), pytest.raises(UsageError, match="takes too long to match|repeats .* times"):
        regex_match.matches(text, pattern)


@pytest.mark.parametrize(("pattern", "text"), [("x{e}", "x{e}"), (r"\\frac{a}{b}", r"\frac{a}{b}"), ("[{}]", "{")])
def test_regex_metric_reads_braces_as_python_does(pattern: str, text: str) -> None:
    assert regex_match.matches(text, pattern)
    assert not regex_match.matches("xyz", pattern)


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_metric_that_takes_too_long_is_refused(name: str) -> None:
    schema, prediction = SCHEMAS[name]
    with soon(), pytest.raises(UsageError, match="takes too long|refers to itself"):
        json_match.conforms(prediction, schema)


@pytest.mark.parametrize("name", ["pattern", "allOf", "itself"])
def test_answer_that_takes_too_long_to_check_has_a_problem(name: str) -> None:
    schema, answer = SCHEMAS[name]
    with soon():
        problem = str(AnswerForm(schema).problem(answer, "stop"))
    assert ("refers to itself" if name == "itself" else "takes too long") in problem


def test_schema_with_patterns_and_names_is_validated() -> None:
    schema = {"patternProperties": {"^n_": {"type": "integer"}, "^s_": {"pattern": r"^\d{2}$"}}}
    assert json_match.conforms('{"n_a": 1, "s_a": "12", "other": null}', schema)
    assert not json_match.conforms('{"n_a": "1"}', schema)
    assert not json_match.conforms('{"s_a": "123"}', schema)


def test_large_schema_is_refused_before_it_is_checked() -> None:
    kinds = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    schema = {"type": "object", "properties": {f"p{number}": kinds for number in range(20_000)}}
    with soon(), pytest.raises(InvalidSchema, match="more than 5000 keywords"):
        schema_checks.check(schema, "schema", strict=False)


LONG = 15 << 20  # bytes, nearly all that a request may have


@pytest.mark.parametrize(
    "schema",
    [
        {"const": "c" * LONG},
        {"enum": [str(number) for number in range(200_000)]},
        {"enum": [*range(400_000)]},
        {"type": "string", "pattern": "(a|b)" * (LONG // 5)},
        {"type": "object", "properties": {"p" * LONG: {}}},
        {"patternProperties": {"a?" * (LONG // 2): {}}},
        {"required": ["r" * LONG]},
    ],
    ids=lambda schema: next(reversed(schema)),
)
def test_schema_of_long_texts_is_refused_before_it_is_checked(schema: dict[str, object]) -> None:
    with soon(), pytest.raises(InvalidSchema, match="more than 120,000 characters"):
        schema_checks.check(schema, "schema", strict=False)


def test_schema_with_long_descriptions_is_checked() -> None:
    schema_checks.check({"type": "object", "description": "d" * 200_000, "properties": {}}, "schema", strict=False)


@pytest.mark.parametrize("pattern", ["(a|b)" * 3000, "a?" * 6000])
def test_long_pattern_is_refused_before_it_is_compiled(pattern: str) -> None:
    with soon(), pytest.raises(InvalidSchema, match=r"it has 1\d,000 characters; 10,000 is the limit"):
        schema_checks.check({"type": "string", "pattern": pattern}, "schema", strict=False)
    with soon(), pytest.raises(OverflowError, match="10,000 is the limit"):
        timed_patterns.search(pattern, "a")


@pytest.mark.slow
def test_requests_with_hostile_schemas_hold_up_no_other_request(workspace: Path, serving: Serving) -> None:
    hostile = [
        {"type": "string", "pattern": "(?:a?){50000000}"},
        {"type": "object", "patternProperties": {"(?:(?:a|){9999}){9999}": {}}},
        {"type": "object", "properties": {f"p{number}": {"type": ["string"]} for number in range(20_000)}},
        {"$ref": "http://127.0.0.1:9/schema"},
    ]
    with serving() as address, fuzz_requests.watched(address) as seconds:
        for schema in hostile:
            form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
            body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": form}
            assert ask("POST", f"{address}/v1/chat/completions", json=body).status_code == 400
    assert min(seconds) > 0  # one that failed is -1
    assert max(seconds) < 5.0


def test_other_names_are_those_that_match_no_pattern() -> None:
    schema = {"additionalProperties": False, "properties": {"a": {}}, "patternProperties": {"^n_": {"type": "number"}}}
    for value, is_right in (({"a": 1, "n_x": 2}, True), ({"n_x": "2"}, False), ({"b": 1}, False), ([], True)):
        assert json_match.conforms(json.dumps(value), schema) is is_right
    typed = {**schema, "additionalProperties": {"type": "string"}}
    assert [json_match.conforms(text, typed) for text in ('{"b": 1}', '{"b": "1", "n_x": 1}')] == [False, True]


LONG = 30_000  # items, which take minutes if each is compared with all others


@pytest.mark.parametrize(
    ("schema", "value", "is_valid"),
    [
        ({"uniqueItems": True}, [{"a": number} for number in range(LONG)], True),
        ({"uniqueItems": True}, [*({"a": number} for number in range(LONG)), {"a": 7.0}], False),
        ({"uniqueItems": True}, [1, True, "1", [1], [True], {"a": 1}, {"a": True}, None], True),
        ({"unevaluatedItems": False, "contains": {"type": "integer"}}, [*range(LONG)], True),
        ({"unevaluatedItems": False, "contains": {"type": "integer"}}, [*range(LONG), "a"], False),
        ({"unevaluatedProperties": False, "properties": {str(n): {} for n in range(4000)}}, {"1": 1, "x": 1}, False),
    ],
)
def test_long_values_are_checked_in_a_moment(schema: dict[str, object], value: object, is_valid: bool) -> None:
    with soon(), schema_validation.time_limit(PATIENCE):
        assert schema_validation.bounded(Draft202012Validator)(schema).is_valid(value) == is_valid


PARTS: tuple[dict[str, Any], ...] = (
    {"properties": {"a": True, "b": {"type": "integer"}}},
    {"patternProperties": {"^a": {"type": "string"}}},
    {"prefixItems": [{"type": "integer"}], "contains": {"type": "string"}},
    {"items": {"type": "integer"}},
    {"unevaluatedProperties": {"type": "string"}, "unevaluatedItems": {"type": "string"}},
    {"additionalProperties": {"type": "integer"}},
    {"$ref": "#/$defs/x"},
    {"dependentSchemas": {"a": {"properties": {"c": True}}}},
    {"if": {"required": ["a"]}, "then": {"properties": {"b": True}}, "else": {"prefixItems": [True, True]}},
)
VALUES: tuple[object, ...] = (
    *({}, {"a": 1}, {"a": "x", "b": 2}, {"a": 1, "c": "x"}, {"b": "x"}, {"d": 1, "a": "x"}),
    *([], [1], [1, "x"], ["x", 1], [1, 2, 3], ["x", "y"], 1),
)


@pytest.mark.parametrize("keyword", ["allOf", "anyOf", "oneOf"])
def test_unevaluated_parts_are_those_of_the_reference(keyword: str) -> None:
    kind = Draft202012Validator
    beside = {"$defs": {"x": {"properties": {"d": True}}}, "unevaluatedProperties": False, "unevaluatedItems": False}
    for one, other in itertools.product(PARTS, PARTS):
        schema = {**beside, **one, keyword: [one, other]}
        for value in VALUES:
            with schema_validation.time_limit():
                found = schema_validation.bounded(kind)(schema).is_valid(value)
            assert found == kind(schema).is_valid(value), (schema, value)


REFERENCES = ["http://127.0.0.1:1/x", "https://evil.example/x", "file:///etc/hostname", "//evil/x", "x.json", "#/no"]


@pytest.mark.parametrize("target", REFERENCES)
def test_schema_of_labels_fetches_nothing(cli: Any, workspace: Any, tmp_path: Path, target: str) -> None:
    (tmp_path / "schema.json").write_text(json.dumps({"properties": {"a": {"$ref": target}}}))
    (tmp_path / "p.txt").write_text("What?\n")
    command = ["label", str(tmp_path / "p.txt"), "--teacher", "big", "--schema-file", str(tmp_path / "schema.json")]
    code, _, err = cli(*command)
    assert (code, len(err.splitlines())) == (1, 1), err
    assert "is no valid JSON schema that answers can be held to" in err
    with pytest.raises(Unresolvable), schema_validation.time_limit():
        schema_validation.validator(Draft202012Validator, {"$ref": target}).is_valid({})


@pytest.mark.parametrize(
    "schema", ['{"$schema": 5}', '{"enum": [NaN]}', '{"minimum": 1e999}', '{"pattern": "("}', "{}5"]
)
def test_schema_of_labels_that_is_none_is_one_line(cli: Any, workspace: Any, tmp_path: Path, schema: str) -> None:
    (tmp_path / "schema.json").write_text(schema)
    (tmp_path / "p.txt").write_text("What?\n")
    command = ["label", str(tmp_path / "p.txt"), "--teacher", "big", "--schema-file", str(tmp_path / "schema.json")]
    code, _, err = cli(*command)
    assert (code, len(err.splitlines())) == (1, 1), err


def test_draft_of_a_request_that_is_no_text_is_the_clients_mistake(address: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"$schema": 5, "type": "object"}}}
    chat = {"model": ALIAS, "messages": [{"role": "user", "content": "Hi"}], "response_format": form}
    assert ask("POST", f"{address}/chat/completions", json=chat).status_code == 400
