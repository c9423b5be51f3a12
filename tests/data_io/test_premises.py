"""Columns of well-known data sets that a question rests on: read into it, or refused by name; reasoning is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.datasets.file_check import examine
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

TEXTS: list[dict[str, Any]] = [{"question": ASKED, "answer": ANSWERED}, {"input": ASKED, "output": ANSWERED}]
OTHERS: list[dict[str, Any]] = [
    {"messages": [QUESTION, ANSWER]},
    {"prompt": ASKED, "response": ANSWERED},
    {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}]},
]
TABLE = {"header": ["port", "depth"], "rows": [["Brest", "9"]]}
PREMISES: dict[str, Any] = {
    "sql_schema": "CREATE TABLE a(b)",
    "evidence": "deep means depth > 5",
    "createTableStatement": "CREATE TABLE port(id)",
    "hint": "Use the list.",
    "starter_code": "def f(x):\n    pass",
    "table": TABLE,
    "ddl": "CREATE TABLE x(y int)",
}


@pytest.mark.parametrize("key", PREMISES)
def test_premise_stands_after_the_question_or_is_refused(key: str) -> None:
    value = PREMISES[key]
    text = value if isinstance(value, str) else json.dumps(value)
    for row in TEXTS:
        call = only({**row, key: value})
        assert (call.messages[0]["content"], call.metadata) == (f"{ASKED}\n\n{text}", {})
    for row in OTHERS:
        with pytest.raises(DataError, match=f"{key} is not part of the conversation"):
            only({**row, key: value})


def test_premise_that_the_question_has_is_metadata() -> None:
    asked = f"{ASKED}\n\nCREATE  TABLE a(b)\n\nport | depth\nBrest | 9"
    beside = {"sql_schema": "CREATE TABLE a(b)", "table": TABLE}
    assert only({"prompt": asked, "response": ANSWERED, **beside}).metadata == beside


@pytest.mark.parametrize(
    "beside", [{"table": "orders"}, {"schema": "v2"}, {"evidence": "strong"}, {"hint": ""}, {"table_id": "a b c d"}]
)
@pytest.mark.parametrize("shape", [*TEXTS, *OTHERS])
def test_name_of_a_premise_is_metadata(shape: dict[str, Any], beside: dict[str, Any]) -> None:
    assert only({**shape, **beside}).metadata == beside


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content", "thinking", "Chain-of-thought", "scratchpad"])
@pytest.mark.parametrize("shape", [*TEXTS, *OTHERS])
def test_reasoning_beside_an_answer_is_kept_and_named(shape: dict[str, Any], key: str) -> None:
    row = {**shape, key: "The list says so."}
    assert only(row).metadata == {key: "The list says so."}
    assert (f"row.{key}", "unread-key") in [
        (each.field, each.code) for each in examine(json.dumps(row).encode()).findings
    ]


@pytest.mark.parametrize("key", ["test_cases", "test_list", "public_tests"])
def test_tests_of_an_answer_are_named(key: str) -> None:
    assert list(only({**TEXTS[0], key: ["f(1)"]}).unread) == [key]


@pytest.mark.parametrize(
    "choices",
    [
        *({"options": ["Brest", "Nantes"]}, {"option_a": "Nantes"}, {"opa": "Nantes"}, {"choice1": "Nantes"}),
        *({"choices": {"text": ["Nantes"], "label": ["A"]}}, {"answer_choices": ["Nantes"]}, {"ending0": "to Nantes"}),
    ],
)
@pytest.mark.parametrize("shape", [*TEXTS, *OTHERS])
def test_choices_that_the_question_does_not_say_are_refused(shape: dict[str, Any], choices: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=f"{next(iter(choices))} are part of the question"):
        only({**shape, **choices})


def test_choices_that_the_question_says_and_options_of_a_request_are_metadata() -> None:
    asked = f"{ASKED} A: Brest B: Nantes"
    for beside in ({"options": ["Brest", "Nantes"]}, {"option_b": "Nantes"}, {"options": {"temperature": 0}}):
        assert only({"prompt": asked, "response": "A", **beside}).metadata == beside
