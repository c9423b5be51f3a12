"""Ratings in lists are read where they say one thing, and refused by the name of the field where they do not."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError

ROW = {"prompt": "Which port is next?", "completion": "Brest."}


def rating_of(**beside: Any) -> object:
    (call,) = formats.calls_in({**ROW, **beside})
    return call.rating


@pytest.mark.parametrize(
    ("beside", "rating"),
    [
        ({"rating": [5]}, 5),
        ({"rating": "[5]"}, "[5]"),
        ({"rating": [4, 4]}, 4),
        ({"rating": [None, 3]}, 3),
        ({"rating": []}, None),
        ({"Rating": ["4"]}, "4"),
        ({"ratings": [2, 2]}, 2),
        ({"rating": [{"name": "quality", "value": 4}]}, 4),
        ({"rating": [{"name": "a", "value": 4}, {"name": "b", "value": 4}]}, 4),
        ({"feedback_scores": [{"name": "quality", "value": 5, "source": "ui"}]}, 5),
        ({"feedback_scores": [{"name": "User feedback", "value": 1.0}, {"name": "length", "value": 0.2}]}, 5),
        ({"feedback_scores": [{"name": "thumbs_up", "value": 0}]}, 1),
        ({"scores": [{"key": "user-feedback", "score": "thumbs-up"}]}, 5),
        ({"feedback_scores": [{"name": "hallucination", "value": 1.0}]}, None),
        ({"scores": [0.3, 0.5]}, None),
        ({"feedback": [True]}, 5),
        ({"feedback": [{"score": 0}, {"score": 0}]}, 1),
        ({"thumbs_down": [1]}, 1),
        ({"feedback": ["Too long.", "But right."]}, None),
    ],
)
def test_list_that_says_one_rating_is_read(beside: dict[str, Any], rating: object) -> None:
    assert rating_of(**beside) == (5 if rating == "[5]" else rating)


@pytest.mark.parametrize(
    "beside",
    [
        {"rating": [4, 5]},
        {"rating": "[4, 5]"},
        {"rating": [[5]]},
        {"rating": [{"name": "quality", "value": 1}]},
        {"rating": [{"name": "quality"}]},
        {"rating": [{"name": "a", "value": 4}, {"name": "b", "value": 5}]},
        {"ratings": [1, 5]},
        {"feedback_scores": [{"name": "quality", "value": 0.8}]},
        {"feedback_scores": [{"name": "feedback", "value": 1}, {"name": "thumbs", "value": 0}]},
        {"feedback": [True, False]},
    ],
)
def test_list_that_says_no_one_rating_is_refused_by_name(beside: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=next(iter(beside))):
        rating_of(**beside)


@pytest.mark.parametrize("ratings", [[9.0, 3.0], "[9.0, 3.0]"])
def test_ratings_of_the_two_answers_of_a_pair_are_metadata(ratings: object) -> None:
    row = {"system": "", "input": "q", "chosen": "a", "rejected": "b", "generations": ["a", "b"], "rating": ratings}
    (call,) = formats.calls_in(row)
    assert (call.rating, call.metadata["rating"], call.metadata["generations"]) == (None, ratings, ["a", "b"])
