"""Verdicts in what a row holds of its call, in votes, grades and signs; those of an unknown meaning are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import score_fields
from fine_tuning.datasets import file_check
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

SHAPES: list[dict[str, Any]] = [
    {"messages": [QUESTION, ANSWER]},
    {"prompt": ASKED, "response": ANSWERED},
    {"question": ASKED, "answer": ANSWERED},
]
each_shape = pytest.mark.parametrize("shape", SHAPES)
DOWN = "\N{THUMBS DOWN SIGN}"


@each_shape
@pytest.mark.parametrize(
    ("fields", "rating"),
    [
        *(({"metadata": {key: value}}, 1) for key, value in [
            ("rating", 1), ("rating", "bad"), ("feedback", "negative"), ("thumbs_up", False), ("user_rating", "1"),
            ("feedback", {"score": 0}), ("moderation", {"flagged": True}), ("humanRating", 1), ("mood", DOWN),
        ]),
        *(({"rating": value}, 1) for value in ("thumbs_down", DOWN, -1, "-1", "bad", "terrible")),
        *(({"grade": value}, 1) for value in ("F", "D-", "poor")),
        *(({"meta": {"feedback": "thumbs up"}}, 5), ({"extra": {"stars": 2}}, 2), ({"metadata.rating": "2"}, 2)),
        *(({"meta": '{"rating": 2}'}, 2), ({"rating": "thumbs_up"}, 5), ({"rating": "ok"}, 3), ({"rating": "+1"}, 5)),
        *(({"moderation": {"flagged": True}}, 1), ({"moderation": [{"flagged": True}]}, 1), ({"dislike": True}, 1)),
        *(({"annotations": {"quality": "bad"}}, 1), ({"annotations": [{"label": "bad"}]}, 1), ({"like": True}, 5)),
        *(({"annotations": [{"name": "quality", "value": "bad"}]}, 1), ({"annotations": [{"rating": 1}]}, 1)),
        *(({"sentiment": DOWN}, 1), ({"review": "rejected"}, 1), ({"review": {"status": "Needs work"}}, 1)),
        *(({"quality_flag": "bad"}, 1), ({"quality": "low"}, 1), ({"gold": False}, 1), ({"gold": "false"}, 1)),
        *(({"evaluation": {"correct": False}}, 1), ({"downvotes": 5}, 1), ({"upvotes": 2, "downvotes": 2}, 1)),
        *(({"votes": -4}, 1), ({"votes": {"up": 0, "down": 3}}, 1), ({"likes": "0", "dislikes": "3"}, 1)),
        *(({"human_rating": "poor"}, 1), ({"user_rating": "good"}, 5), ({"evaluation": "fail"}, 1)),
        *(({"evaluation": {"result": "failed"}}, 1), ({"verdict": "fail"}, 1), ({"eval_result": "FAIL"}, 1)),
        *(({"grade": "A"}, 5), ({"gold": True}, 5), ({"review": {"rating": 4, "text": "ok"}}, 4)),
    ],
)  # fmt: skip
def test_verdict_is_the_rating(shape: dict[str, Any], fields: dict[str, Any], rating: int) -> None:
    assert float(str(only({**shape, **fields}).rating)) == rating


@each_shape
@pytest.mark.parametrize(
    "fields",
    [
        *({"upvotes": 10, "downvotes": 2}, {"votes": 12}, {"votes": 0}, {"votes": ["a"]}, {"likes": "cats"}),
        *({"moderation": {"flagged": False}}, {"dislike": False}, {"sentiment": "negative"}, {"gold": "Brest"}),
        *({"gold": "no"}, {"grade": "grade8"}, {"grade": 8}, {"review": "Slow."}, {"metadata": {"score": 7}}),
        *({"result": "fail"}, {"evaluation": "pass"}, {"evaluation": {"result": "passed"}}, {"human_rating": "by Ann"}),
        *({"flags": ["a"]}, {"flag": "FR"}, {"annotations": [{"type": "url_citation"}]}, {"quality_flag": "ok"}),
        *(
            {"annotations": [{"name": "length", "score": 0.2}]},
            {"details": {"rating": 1}},
            {"reviews": [{"rating": 1}]},
        ),
        *({"rank": 0}, {"rank": 1}, {"rank": "Sergeant"}, {"rank": 57}, {"rank_id": 3}),
        *({"metadata": {"language_score": 0.2}}, {"labels": [{"name": "bug", "value": 1}]}),
    ],
)
def test_what_is_no_verdict_rates_nothing(shape: dict[str, Any], fields: dict[str, Any]) -> None:
    call = only({**shape, **fields})
    assert call.rating is None
    score_fields.refuse_unclear(call.metadata)


@each_shape
@pytest.mark.parametrize(
    "fields",
    [
        *({"quality_flag": True}, {"flag": 1}, {"needs_review": "true"}, {"grade": "B"}, {"grade": 2}, {"grade": "2"}),
        *({"metadata": {"score": 0.2}}, {"metadata": {"label": 0}}, {"evaluation": {"score": 0.1}}),
        *({"metadata": {"rating": 0}}, {"meta": {"reward": -1}}),
        *({"rank": 2}, {"metadata": {"answer_rank": "3"}}),
    ],
)
def test_verdict_of_an_unknown_meaning_is_refused_by_name(shape: dict[str, Any], fields: dict[str, Any]) -> None:
    row = {**shape, **fields}
    (place,) = score_fields.unclear(only(row).metadata)
    with pytest.raises(DataError, match=f"{place} is .* scale is not known"):
        score_fields.refuse_unclear(only(row).metadata)
    found = file_check.examine(json.dumps(row).encode()).findings
    assert [each.field for each in found if each.code == "unclear-score"] == [place]


@pytest.mark.parametrize("fields", [{"rating": 1}, {"feedback": "thumbs_down"}, {"metadata": {"rating": 1}}])
def test_verdict_in_the_message_of_the_answer_is_the_rating(fields: dict[str, Any]) -> None:
    turn = {"from": "gpt", "value": ANSWERED, **fields}
    assert only({"messages": [QUESTION, {**ANSWER, **fields}]}).rating == 1
    assert only({"conversations": [{"from": "human", "value": ASKED}, turn]}).rating == 1
    assert only({"messages": [QUESTION, {**ANSWER, **fields}, QUESTION, ANSWER]}).rating is None


@each_shape
def test_own_rating_of_the_row_counts(shape: dict[str, Any]) -> None:
    assert only({**shape, "rating": 5, "metadata": {"rating": 1}, "downvotes": 3}).rating == 5


def test_verdicts_that_contradict_each_other_are_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"thumbs_up and .*metadata\.rating contradict each other"):
        only({**SHAPES[1], "thumbs_up": True, "metadata": {"rating": 1}})
