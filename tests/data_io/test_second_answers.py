"""A second answer in a row: the worse one of a pair, or refused by the name of its field."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

WORSE = {"role": "assistant", "content": "Lost."}
TEXT = WORSE["content"]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [QUESTION, ANSWER], "rejected_response": TEXT},
        {"messages": [QUESTION, ANSWER], "rejected_messages": [QUESTION, WORSE]},
        {"messages": [QUESTION, ANSWER], "rejected": TEXT},
        {"messages": [QUESTION, ANSWER], "rejected_messages": [WORSE]},
        {"messages": [QUESTION], "response": ANSWERED, "rejected": TEXT},
        {"prompt": ASKED, "response": ANSWERED, "rejected": TEXT},
        {"instruction": ASKED, "input": "", "output": ANSWERED, "rejected": TEXT},
        {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}], "rejected": TEXT},
    ],
)
def test_worse_answer_beside_the_only_other_one_makes_a_pair(row: dict[str, Any]) -> None:
    call = only(row, "preference")
    assert (call.messages, call.rejected, call.metadata) == ([QUESTION, ANSWER], [WORSE], {})


def test_worse_conversation_without_the_system_message_makes_a_pair() -> None:
    system = {"role": "system", "content": "Be brief."}
    call = only({"messages": [system, QUESTION, ANSWER], "rejected_messages": [QUESTION, WORSE]}, "preference")
    assert (call.messages, call.rejected) == ([system, QUESTION, ANSWER], [WORSE])


@pytest.mark.parametrize(
    "row", [{"messages": [QUESTION]}, {"prompt": ASKED, "response": "a", "output": "b"}, {"prompt": ASKED}]
)
def test_worse_answer_without_one_better_answer_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="rejected is the worse answer of a pair"):
        only({**row, "rejected": TEXT})


@pytest.mark.parametrize("key", ["chosen", "response", "answer", "completion", "expected_output"])
def test_second_answer_is_refused_by_name(key: str) -> None:
    with pytest.raises(DataError, match=f"{key} is another answer"):
        only({"messages": [QUESTION, ANSWER], key: TEXT})
    with pytest.raises(DataError, match=f"{key} is another answer"):
        only({"messages": [QUESTION, ANSWER], key: [WORSE]})
    assert only({"messages": [QUESTION, ANSWER], key: f" {ANSWERED}"}).messages == [QUESTION, ANSWER]


def test_verdict_under_the_name_of_an_answer_is_a_rating() -> None:
    assert only({"messages": [QUESTION, ANSWER], "rejected": True}).rating == 1
    assert only({"prompt": ASKED, "completion": ANSWERED, "rejected": "yes"}).rating == 1


@pytest.mark.parametrize("key", ["rejected_response", "response_rejected", "rejected_answer"])
@pytest.mark.parametrize(("better", "worse"), [("no", "yes"), ("Correct", "Wrong"), ("0", "1"), ("false", "true")])
def test_short_worse_answer_is_no_verdict(key: str, better: str, worse: str) -> None:
    answers = [[{"role": "assistant", "content": each}] for each in (better, worse)]
    for row in (
        {"messages": [QUESTION, *answers[0]], key: worse},
        {"prompt": ASKED, "response": better, key: worse},
        {"instruction": ASKED, "input": "", "output": better, key: worse},
    ):
        call = only(row, "preference")
        assert (call.messages, call.rejected, call.rating) == ([QUESTION, *answers[0]], answers[1], None)


def test_short_second_answer_is_refused_unless_its_name_may_be_a_verdicts() -> None:
    with pytest.raises(DataError, match="expected_output is another answer"):
        only({"messages": [QUESTION, ANSWER], "expected_output": "no"})
    assert only({"messages": [QUESTION, ANSWER], "chosen": "no"}).rating == 1


@pytest.mark.parametrize(
    "key",
    [
        *("rejected_output", "rejected_completion", "negative_response", "bad_response", "worse_response"),
        *("non_preferred_output", "dispreferred_answer", "outputRejected", "worse-answer", "losing_reply"),
    ],
)
@pytest.mark.parametrize("worse", [TEXT, "Bad", [TEXT], [WORSE]])
def test_worse_answer_under_another_name_makes_a_pair(key: str, worse: Any) -> None:
    text = "Bad" if worse == "Bad" else TEXT
    for row in (
        {"messages": [QUESTION, ANSWER]},
        {"prompt": ASKED, "completion": ANSWERED},
        {"question": ASKED, "answer": ANSWERED},
        {"prompt": ASKED, "good_response": ANSWERED},
        {"messages": [QUESTION], "preferred_output": [ANSWER]},
        {"question": ASKED, "chosen": ANSWERED},
    ):
        call = only({**row, key: worse}, "preference")
        assert (call.messages, call.rejected) == ([QUESTION, ANSWER], [{"role": "assistant", "content": text}])
        assert (call.rating, call.metadata) == (None, {})


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"rejected_responses": ["One.", "Two."]}, "rejected_responses holds several"),
        ({"bad_answer": "One.", "rejected_output": "Two."}, "bad_answer and rejected_output are several"),
        ({"rejected_output": "One.", "better_answer": "Two.", "chosen": "Three."}, "better_answer and chosen are"),
    ],
)
def test_several_answers_of_one_side_are_refused_by_name(row: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError, match=named):
        only({"prompt": ASKED, "response": ANSWERED, **row})


@pytest.mark.parametrize("row", [{"rejected_reason": "too long"}, {"bad_words": "damn"}, {"negative": TEXT}])
def test_what_names_no_answer_stays_metadata(row: dict[str, Any]) -> None:
    assert only({"messages": [QUESTION, ANSWER], **row}).metadata == row
