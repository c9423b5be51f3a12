"""Verdicts under names that are composed of known words, or in other languages, are ratings or refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import score_fields
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

SHAPES: list[dict[str, Any]] = [{"messages": [QUESTION, ANSWER]}, {"prompt": ASKED, "response": ANSWERED}]
each_shape = pytest.mark.parametrize("shape", SHAPES)


@each_shape
@pytest.mark.parametrize(
    ("fields", "rating"),
    [
        *(({key: False}, 1) for key in ("feedback_rating", "user_rating", "userLiked", "liked-by-human")),
        *(
            ({key: False}, 1)
            for key in ("user_satisfied", "was_helpful", "annotator_vote", "score", "评分", "avaliação")
        ),
        *(({key: True}, 1) for key in ("user_disliked", "dissatisfied", "negative_feedback", "client_thumbs_down")),
        *(({"feedback_type": "negative"}, 1), ({"feedback_value": 0}, 1), ({"rating_feedback": "dislike"}, 1)),
        *(({"satisfaction": "unsatisfied"}, 1), ({"customer_satisfaction": "low"}, 1), ({"vote_type": "down"}, 1)),
        *(({"metadata": {"human_feedback_value": -1}}, 1), ({"like_dislike": "dislike"}, 1)),
        *(({"feedback_type": "positive"}, 5), ({"user_liked": True}, 5), ({"feedback_value": 1}, 5)),
    ],
)
def test_verdict_of_a_composed_name_is_the_rating(shape: dict[str, Any], fields: dict[str, Any], rating: int) -> None:
    assert only({**shape, **fields}).rating == rating


@each_shape
@pytest.mark.parametrize(
    "fields",
    [
        *(
            {"评分": 1},
            {"用户评分": "差"},
            {"оценка": "2"},
            {"bewertung": 1},
            {"calificación": 1},
            {"note": 1},
            {"별점": 2},
        ),
        *({"calificacio\N{COMBINING ACUTE ACCENT}n": 1}, {"별점": 2}, {"feedback_value": 2}, {"satisfaction": 1}),
    ],
)
def test_rating_of_an_unknown_scale_is_refused_by_name(shape: dict[str, Any], fields: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=next(iter(fields))):
        score_fields.refuse_unclear(only({**shape, **fields}).metadata)


def test_number_that_names_a_kind_of_feedback_is_refused() -> None:
    with pytest.raises(DataError, match="feedback_type is 0: write true or false"):
        only({**SHAPES[1], "feedback_type": 0})


@each_shape
@pytest.mark.parametrize(
    "fields",
    [
        *({"rating_count": 0}, {"feedback_id": 1}, {"user_rating_source": "bad"}, {"feedback_date": "2026-01-01"}),
        *({"review_text": "bad"}, {"feedback_text": "no"}, {"is_user_feedback": False}, {"has_feedback": False}),
        *({"user_type": "negative"}, {"content_rating": "bad"}, {"is_positive": False}, {"liked_by": ["ann"]}),
        *(
            {"note": "bad"},
            {"user_votes": 0},
            {"反馈": "太长了,没有给出我想要的具体日期和地点。下次请写得短一些。"},
        ),
        {"positive_feedback": False, "negative_feedback": False},
    ],
)
def test_name_with_other_words_rates_nothing(shape: dict[str, Any], fields: dict[str, Any]) -> None:
    call = only({**shape, **fields})
    assert (call.rating, call.metadata) == (None, fields)
    score_fields.refuse_unclear(call.metadata)


@pytest.mark.parametrize("fields", [{"评分": 5}, {"bewertung": "gut"}, {"note": 2}])
def test_rating_that_the_answer_states_is_of_the_subject(fields: dict[str, Any]) -> None:
    (value,) = fields.values()
    call = only({"prompt": "Rate this review.", "response": str(value), **fields})
    assert call.rating is None
    score_fields.refuse_unclear(call.metadata, call.unread)
