"""Patterns that take years: in references, in schemas, and in the names that a schema describes."""

from __future__ import annotations

import json
import time

import pytest

from fine_tuning.errors import UsageError
from fine_tuning.evaluation import json_match, regex_match
from fine_tuning.serving.answer_form import AnswerForm

YEARS = "^(a|a)*(b|b)*$"
TEXT = "a" * 60 + "!"
NAME = {"patternProperties": {YEARS: {"type": "string"}}}
SCHEMAS = (
    ({"properties": {"x": {"pattern": YEARS}}}, {"x": TEXT}),
    (NAME, {TEXT: "1"}),
    ({**NAME, "additionalProperties": False}, {TEXT: "1"}),
    ({"patternProperties": {YEARS: False}, "additionalProperties": {"type": "null"}}, {TEXT: "1"}),
)


def test_reference_that_takes_years_is_refused() -> None:
    started = time.monotonic()
    with pytest.raises(UsageError, match="takes too long to match"):
        regex_match.matches(TEXT, YEARS)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(("schema", "value"), SCHEMAS)
def test_schema_that_takes_years_is_refused(schema: dict[str, object], value: dict[str, object]) -> None:
    started = time.monotonic()
    with pytest.raises(UsageError, match="the JSON schema: .* takes too long to match"):
        json_match.conforms(json.dumps(value), schema)
    problem = AnswerForm(schema).problem(json.dumps(value), "stop")
    assert problem is not None
    assert "takes too long" in problem
    assert time.monotonic() - started < 20


def test_braces_are_those_of_re() -> None:
    assert not regex_match.matches("xy", "x{e<=1}")  # no misspellings
    assert regex_match.matches("x{e<=1}", "x{e<=1}")
    assert regex_match.matches("aaa", r"a{2,3}")


def test_schemas_mean_what_they_did() -> None:
    schema = {"properties": {"a": {}}, "patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}
    for value, is_right in (({"a": 1, "n_x": 2}, True), ({"n_x": "2"}, False), ({"b": 1}, False), ([], True)):
        assert json_match.conforms(json.dumps(value), schema) is is_right
    assert not json_match.conforms('{"b": 1}', {"additionalProperties": {"type": "string"}})
