"""Texts that stand for none, and weights of messages and rows."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io.dialects import unread_keys
from tests.data_io.dataset_rows import ANSWERED, ASKED
from tests.data_io.vendor_rows import ANSWER, QUESTION, only

LEARNT = [{**ANSWER, "weight": 0}]


@pytest.mark.parametrize("text", ["<noinput>", "<NoInput>", "<no input>", "nan", "NaN", "None", "null", "<NA>", " \n"])
def test_placeholder_is_no_input(text: str) -> None:
    assert only({"instruction": ASKED, "input": text, "output": ANSWERED}).messages == [QUESTION, ANSWER]
    assert only({"instruction": ASKED, "input": text, "response": ANSWERED}).messages == [QUESTION, ANSWER]
    assert only({"question": ASKED, "context": text, "answer": ANSWERED}).messages == [QUESTION, ANSWER]
    assert only({"prompt": ASKED, "response": ANSWERED, "system": text, "history": text}).messages == [QUESTION, ANSWER]
    pair = only({"instruction": ASKED, "input": text, "chosen": ANSWERED, "rejected": "No idea."})
    assert pair.messages == [QUESTION, ANSWER]


@pytest.mark.parametrize("text", ["nano", "None of these", "no input", "N/A", "0"])
def test_text_that_says_something_is_an_input(text: str) -> None:
    asked = only({"instruction": ASKED, "input": text, "output": ANSWERED}).messages[0]
    assert asked["content"] == f"{ASKED}\n\n{text}"


@pytest.mark.parametrize("weight", [0, 0.0, "0", "0.0", False])
def test_weight_of_nothing_is_that_of_the_answers(weight: object) -> None:
    assert only({"messages": [QUESTION, {**ANSWER, "weight": weight}]}).messages[1:] == LEARNT
    assert only({"messages": [QUESTION, ANSWER], "weight": weight}).messages[1:] == LEARNT
    assert only({"instruction": ASKED, "output": ANSWERED, "weight": weight}).messages[1:] == LEARNT


def test_weight_of_a_message_comes_before_that_of_its_row() -> None:
    messages = [QUESTION, {**ANSWER, "weight": 1}, QUESTION, ANSWER]
    call = only({"messages": messages, "weight": 0})
    assert [each.get("weight") for each in call.messages] == [None, 1, None, 0]
    assert only({"messages": messages, "weight": 1}).messages == messages


@pytest.mark.parametrize("row", [{"weight": 0.5}, {"weight": "heavy"}, {"weight": 2}])
def test_other_weights_are_named(row: dict[str, Any]) -> None:
    with unread_keys.noted() as unread:
        call = only({"question": ASKED, "answer": ANSWERED, **row})
    assert (call.messages, call.metadata, unread) == ([QUESTION, ANSWER], row, {"row.weight"})
