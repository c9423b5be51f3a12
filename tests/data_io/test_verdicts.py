"""Verdicts of people become ratings, classes stay metadata, and what may be either is refused."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import Call
from fine_tuning.data_io.formats.scores import rating_of_scores
from fine_tuning.errors import DataError

ROW = {"prompt": "Which port is next?", "completion": "Brest."}


def call_of(**beside: Any) -> Call:
    (found,) = formats.calls_in({**ROW, **beside})
    return found


BAD: list[dict[str, Any]] = [
    {"label": "bad"}, {"label": "Undesirable"}, {"label": "rejected"}, {"labels": False}, {"label": "👎"},
    {"desirable": False}, {"is_desirable": False}, {"isDesirable": False}, {"desirable": 0}, {"desirable": "0.0"},
    {"thumbs_up": False}, {"thumbs": "down"}, {"Thumbs": "Thumbs Down"}, {"thumbs_down": True}, {"thumbs_up": 0.0},
    {"feedback": "thumbs_down"}, {"feedback": "negative"}, {"user_feedback": -1}, {"userFeedback": "-1"},
    {"chosen": False}, {"rejected": True}, {"kto_tag": 0}, {"accepted": "false"}, {"is_correct": False},
    {"thumbs_up": 0, "thumbs_down": 1}, {"vote": "down"}, {"feedback": "thumbsDown"}, {"feedback": ":thumbsdown:"},
    {"feedback": "-1.00"}, {"feedback": {"rating": "dislike"}}, {"feedback": {"rating": "thumbsDown", "tag": "other"}},
    {"thumbs": "\N{MINUS SIGN}1"}, {"thumbs": "\U0001f44e\U0001f3ff"},
]  # fmt: skip
GOOD: list[dict[str, Any]] = [
    {"label": "good"}, {"label": "desirable"}, {"labels": True}, {"desirable": True}, {"kto_tag": 1.0}, {"vote": 1},
    {"thumbs_up": True}, {"thumbs": "👍"}, {"feedback": "positive"}, {"user_feedback": 1}, {"chosen": True},
    {"thumbs_up": 1, "thumbs_down": 0}, {"Is Accepted": "TRUE"}, {"feedback": "thumbsUp"}, {"thumbs": ":+1:"},
    {"feedback": "+1.0"}, {"feedback": {"rating": "like", "content": None}}, {"thumbs": "\U0001f44d\U0001f3fd"},
]  # fmt: skip
NEITHER: list[dict[str, Any]] = [
    {"label": "billing"}, {"label": "spam"}, {"label": 7}, {"labels": ["a", "b"]}, {"feedback": "Too long, but right."},
    {"thumbs_up": 0, "thumbs_down": 0}, {"thumbs_down": False}, {"thumbs_up": 12}, {"vote": 0}, {"correct": "B"},
    {"good": ["a"]}, {"feedback": {"rating": 3}}, {"labelled_by": "bad"}, {"sentiment": "negative"},
]  # fmt: skip


@pytest.mark.parametrize(("given", "rating"), [*((each, 1) for each in BAD), *((each, 5) for each in GOOD)])
def test_verdict_is_a_rating(given: dict[str, Any], rating: int) -> None:
    assert call_of(**given).rating == rating


@pytest.mark.parametrize("given", NEITHER)
def test_what_is_no_verdict_is_metadata(given: dict[str, Any]) -> None:
    call = call_of(**given)
    assert (call.rating, call.metadata) == (None, given)


@pytest.mark.parametrize("value", [0, 1, -1, 0.0, 1.0, "0", "1", "negative", "Positive", "fail"])
@pytest.mark.parametrize("key", ["label", "labels", "Label"])
def test_label_that_may_be_a_class_is_refused(key: str, value: object) -> None:
    with pytest.raises(DataError, match=f"{key} is {value!r}: write true or false"):
        call_of(**{key: value})
    assert call_of(**{key: value}, rating=3).rating == 3


def test_verdicts_that_differ_are_refused() -> None:
    with pytest.raises(DataError, match="label and thumbs_up contradict each other"):
        call_of(label=True, thumbs_up=False)


@pytest.mark.parametrize(
    ("value", "rating"), [(-1, 1), (-5, 1), (0, 1), (1, 5), ("down", 1), ("👍", 5), ("fine", None), (3, None)]
)
def test_score_of_thumbs_is_a_rating(value: object, rating: int | None) -> None:
    assert rating_of_scores([("user_feedback", value)]) == rating


@pytest.mark.parametrize(
    ("name", "value", "rating"),
    [
        *(("user_liked", True, 5), ("userLiked", 0, 1), ("disliked-by-user", 1, 1), ("feedback_type", "negative", 1)),
        *(("disliked_by_user", False, None), ("liked_count", 1, None), ("conciseness", 1, None)),
        *(("satisfaction", 1, None), ("user_score_source", "good", None), ("is_user_feedback", True, None)),
    ],
)
def test_score_under_a_composed_name_is_a_rating(name: str, value: object, rating: int | None) -> None:
    assert rating_of_scores([(name, value)]) == rating


@pytest.mark.parametrize("name", ["quality", "correctness", "helpfulness"])
@pytest.mark.parametrize(
    ("value", "rating"),
    [
        *((0, 1), (0.2, 2), (0.5, 3), ("0.9", 5), (True, 5), (False, 1), ("correct", 5), ("bad", 1)),
        *((7, None), ("off topic", None), (-0.5, None), (None, None)),
    ],
)
def test_score_of_a_judge_is_a_rating(name: str, value: object, rating: int | None) -> None:
    assert rating_of_scores([(name, value)]) == rating
    assert rating_of_scores([(name, value), ("user_feedback", -1)]) == 1
    assert rating_of_scores([("toxicity", value)]) is None


@pytest.mark.parametrize(
    ("given", "rating"),
    [
        ({"stars": 1}, 1), ({"stars": "2"}, 2), ({"user_rating": 1}, 1), ({"Rating (1-5)": 1}, 1),
        ({"star_rating": 4.0}, 4), ({"helpful": False}, 1), ({"preference": "rejected"}, 1), ({"reaction": "👎"}, 1),
        ({"quality": "bad"}, 1), ({"quality": "good"}, 5),
    ],
)  # fmt: skip
def test_score_of_a_known_scale_is_the_rating(given: dict[str, Any], rating: int) -> None:
    call = call_of(**given)
    assert (call.rating, call.metadata) == (rating, {})
