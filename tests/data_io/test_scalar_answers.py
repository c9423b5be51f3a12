"""Numbers and truth values as questions and answers: read as their text, as in a table in CSV."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import only


def said(row: dict[str, Any]) -> list[Any]:
    return [message["content"] for message in only(row).messages]


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (0, "0"), (-1.5, "-1.5"), (True, "true"), (False, "false"), (10**20, str(10**20))]
)
def test_scalar_answer_is_its_text(value: Any, text: str) -> None:
    for row in (
        {"question": "How many?", "answer": value},
        {"input": "How many?", "output": value},
        {"prompt": "How many?", "response": value},
        {"prompt": "How many?", "completion": value},
        {"instruction": "How many?", "input": "", "output": value},
        {"Question": "How many?", "Answer": value},
    ):
        assert said(row) == ["How many?", text]
        assert said(row) == said({key: text if each is value else each for key, each in row.items()})


def test_scalar_question_is_its_text() -> None:
    assert said({"instruction": "Double it.", "input": 0, "output": 0}) == ["Double it.\n\n0", "0"]
    assert said({"input": 4, "output": 8}) == ["4", "8"]
    assert said({"prompt": 4, "response": 8}) == ["4", "8"]


def test_passage_stands_with_the_question_of_a_truth_value() -> None:
    question, answer = said({"question": "Is it wet?", "answer": True, "passage": "It rains."})
    assert ("It rains." in question, answer) == (True, "true")


def test_number_beside_an_answer_in_text_is_metadata() -> None:
    call = only({"question": "How many?", "answer": "Seven.", "response": 3})
    assert (call.messages[-1]["content"], call.metadata["response"]) == ("Seven.", 3)


@pytest.mark.parametrize("value", [float("nan"), {"a": 1}, [1, 2]])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(DataError):
        only({"question": "How many?", "answer": value})
    with pytest.raises(DataError):
        only({"prompt": "How many?", "response": value})
