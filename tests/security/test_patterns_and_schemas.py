"""Patterns and schemas that would take years: each is refused or stopped in seconds, and nothing is fetched."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fine_tuning.data_io import schema_checks
from fine_tuning.data_io.schema_checks import InvalidSchema
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import json_match, regex_match
from fine_tuning.serving.answer_form import AnswerForm
from tests.dashboard.conftest import Serving
from tests.security.requests import ask
from tests.security.test_bodies import watched

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
    with soon(), pytest.raises(UsageError, match="takes too long"):
        json_match.conforms(prediction, schema)


@pytest.mark.parametrize("name", ["pattern", "allOf"])
def test_answer_that_takes_too_long_to_check_has_a_problem(name: str) -> None:
    schema, answer = SCHEMAS[name]
    with soon():
        assert "takes too long" in str(AnswerForm(schema).problem(answer, "stop"))


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


@pytest.mark.slow
def test_requests_with_hostile_schemas_hold_up_no_other_request(workspace: Path, serving: Serving) -> None:
    hostile = [
        {"type": "string", "pattern": "(?:a?){50000000}"},
        {"type": "object", "patternProperties": {"(?:(?:a|){9999}){9999}": {}}},
        {"type": "object", "properties": {f"p{number}": {"type": ["string"]} for number in range(20_000)}},
        {"$ref": "http://127.0.0.1:9/schema"},
    ]
    with serving() as address, watched(address) as seconds:
        for schema in hostile:
            form = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
            body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": form}
            assert ask("POST", f"{address}/v1/chat/completions", json=body).status_code == 400
    assert max(seconds) < 5.0


def test_other_names_are_those_that_match_no_pattern() -> None:
    schema = {"additionalProperties": False, "properties": {"a": {}}, "patternProperties": {"^n_": {"type": "number"}}}
    for value, is_right in (({"a": 1, "n_x": 2}, True), ({"n_x": "2"}, False), ({"b": 1}, False), ([], True)):
        assert json_match.conforms(json.dumps(value), schema) is is_right
    typed = {**schema, "additionalProperties": {"type": "string"}}
    assert [json_match.conforms(text, typed) for text in ('{"b": 1}', '{"b": "1", "n_x": 1}')] == [False, True]
