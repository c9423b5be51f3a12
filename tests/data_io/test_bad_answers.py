"""Rows that say, in whatever words, that their answer is a bad one or not whole, are not read as good examples."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import score_fields
from fine_tuning.data_io.call import Call
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

DOWN, UP = "\N{THUMBS DOWN SIGN}", "\N{THUMBS UP SIGN}"


def calls_with(fields: dict[str, Any]) -> list[Call]:
    rows = ({"messages": [QUESTION, ANSWER]}, {"prompt": ASKED, "completion": ANSWERED})
    return [only({**row, **fields}) for row in rows]


@pytest.mark.parametrize(
    "fields",
    [
        *({"passed": False}, {"success": False}, {"tests_passed": "failed"}, {"is_valid": "no"}, {"solved": 0}),
        *({"human_label": "reject"}, {"user_label": "bad"}, {"status": "rejected"}, {"review_status": "Disapproved"}),
        *({"emoji": DOWN}, {"emoji": f"{DOWN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}"}, {"reactions": [DOWN]}),
        *({"feedback": {"type": "negative"}}, {"user_feedback": {"thumbs_down": True}}, {"failed": True}),
        *({"stars": "\u2605\u2606\u2606\u2606\u2606"}, {"csat": 1}, {"user_rating": "1/5"}, {"stars": "1 star"}),
        *({"score": "1 out of 5"}, {"bad_response": True}, {"emoji": "\N{CROSS MARK}"}),
    ],
)
def test_bad_answer_is_rated_as_one(fields: dict[str, Any]) -> None:
    assert [(call.rating, call.metadata) for call in calls_with(fields)] == [(1, {})] * 2


@pytest.mark.parametrize(
    ("fields", "rating"),
    [
        *(({"emoji": UP}, 5), ({"feedback": {"type": "positive"}}, 5), ({"human_label": "approved"}, 5)),
        *(({"stars": "\u2605\u2605\u2606\u2606\u2606"}, 2), ({"csat_score": "4"}, 4), ({"rating": "3/5"}, 3)),
        *(({"star_rating": "\u2b50\ufe0f\u2b50\ufe0f\u2b50\ufe0f"}, 3), ({"rating": "\u2605" * 4 + "\u2606"}, 4)),
    ],
)
def test_other_verdicts_are_ratings(fields: dict[str, Any], rating: int) -> None:
    assert [call.rating for call in calls_with(fields)] == [rating] * 2


@pytest.mark.parametrize(
    "fields",
    [
        *({"passed": True}, {"success": True}, {"status": "accepted"}, {"status": "completed"}, {"passed": 12}),
        *({"state": "Ohio"}, {"emoji": "\N{PARTY POPPER}"}, {"stars": "Sirius"}, {"feedback": {"type": "survey"}}),
        *({"reward": 1.0}, {"reward": 7.5}, {"truncated": False}, {"is_complete": True}),
    ],
)
def test_what_says_nothing_of_the_answer_is_metadata(fields: dict[str, Any]) -> None:
    for call in calls_with(fields):
        assert (call.rating, call.metadata, call.is_cut_off) == (None, fields, False)
        score_fields.refuse_unclear(call.metadata)


@pytest.mark.parametrize("fields", [{"reward": -1.5}, {"reward": 0}, {"final_reward": "0.2"}, {"csat": 0}])
def test_reward_that_may_be_a_bad_one_is_refused_by_name(fields: dict[str, Any]) -> None:
    for call in calls_with(fields):
        with pytest.raises(DataError, match=next(iter(fields))):
            score_fields.refuse_unclear(call.metadata)


def test_what_else_a_person_said_is_kept() -> None:
    feedback = {"type": "negative", "comment": "Too long."}
    assert [(call.rating, call.metadata) for call in calls_with({"feedback": feedback})] == [
        (1, {"feedback": feedback})
    ] * 2


@pytest.mark.parametrize(
    "fields", [{"truncated": True}, {"is_truncated": "true"}, {"incomplete": True}, {"isComplete": False}]
)
def test_answer_that_is_not_whole_is_marked(fields: dict[str, Any]) -> None:
    assert [call.finish_reason for call in calls_with(fields)] == ["length"] * 2
    assert only({"messages": [QUESTION, {**ANSWER, **fields}]}).finish_reason == "length"
    assert only({"messages": [QUESTION, ANSWER], "metadata": fields}).is_cut_off
