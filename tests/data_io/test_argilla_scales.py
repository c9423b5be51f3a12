"""Ratings of Argilla on other scales than 1 to 5 are refused by name, and verdicts are ratings."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWERED, ASKED, only


def record(question: str, *values: Any) -> dict[str, Any]:
    answers = [{"value": value, "user_id": f"u-{at}"} for at, value in enumerate(values)]
    return {"fields": {"prompt": ASKED, "response": ANSWERED}, "responses": {question: answers}, "suggestions": {}}


@pytest.mark.parametrize("value", [10, 9, 6, 0, -1, 0.5])
@pytest.mark.parametrize("question", ["rating", "quality", "score"])
def test_rating_on_another_scale_is_refused_by_name(question: str, value: float) -> None:
    for values in ((value,), (value, 4), (4, value)):
        with pytest.raises(DataError, match=f"{question} is {value}, whose scale is not known"):
            list(formats.calls_in(record(question, *values)))
    assert [only(record(question, each)).rating for each in (1, 4, 5)] == [1, 4, 5]


@pytest.mark.parametrize(
    ("question", "values", "rating"),
    [
        ("is_correct", ("no",), 1),
        ("is_correct", ("yes",), 5),
        ("correct", ("no", "no", "yes"), 1),
        ("is_helpful", ("no",), 1),
        ("thumbs", ("down",), 1),
        ("quality", ("bad",), 1),
        ("topic", ("no",), None),
    ],
)
def test_verdict_of_annotators_is_a_rating(question: str, values: tuple[str, ...], rating: int | None) -> None:
    assert only(record(question, *values), "argilla").rating == rating
