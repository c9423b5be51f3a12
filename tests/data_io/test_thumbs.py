"""Thumbs beside answers, in every spelling that exports of tools have."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, TURN, fresh, only

UP: list[Any] = [1, 1.0, "1", "1.0", "+1", " 1 ", True, "up", "thumbsUp"]
DOWN: list[Any] = [-1, -1.0, "-1", "-1.0", False, "down", "thumbs_down"]


@pytest.mark.parametrize("thumb", UP)
def test_thumb_up_of_open_webui_is_the_best_rating(thumb: object) -> None:
    row = fresh(rows.FEEDBACK)
    row["data"]["rating"] = thumb
    call = only(row)
    assert (call.messages, call.rating) == (TURN, 5)


@pytest.mark.parametrize("thumb", DOWN)
def test_thumb_down_of_open_webui_makes_the_answer_the_worse_one(thumb: object) -> None:
    row = fresh(rows.FEEDBACK)
    row["data"]["rating"] = thumb
    assert only(row).rejected == [ANSWER]
    chat = fresh(rows.WEBUI_CHAT)
    chat["chat"]["history"]["messages"]["b"]["annotation"] = {"rating": thumb}
    assert [call.rating for call in formats.calls_in(chat)] == [None, 1]


@pytest.mark.parametrize("stated", [None, 0, "0", 0.0, 7, "great stuff"])
def test_rating_of_open_webui_that_is_no_thumb_stays_metadata(stated: object) -> None:
    row = fresh(rows.FEEDBACK)
    row["data"]["rating"] = stated
    call = only(row)
    assert (call.rating, call.rejected) == (None, None)
    assert call.metadata.get("feedback_rating") == (stated if stated in (7, "great stuff") else None)


@pytest.mark.parametrize(
    ("stated", "rating"), [(True, 5), (1, 5), ("1", 5), ("TRUE", 5), (0, 1), ("0", 1), (None, None)]
)
def test_feedback_of_helicone_is_a_rating(stated: object, rating: int | None) -> None:
    row = {
        "request_id": "r",
        "request_body": rows.CHAT,
        "response_body": rows.COMPLETION,
        "feedback_rating": stated,
        "request_created_at": "2026-01-01T00:00:00Z",
    }
    call = only(row)
    assert (call.messages[-1], call.rating) == (ANSWER, rating)


@pytest.mark.parametrize(
    ("score", "rating"),
    [
        ({"name": "user-feedback", "value": None, "stringValue": "thumbs_up"}, 5),
        ({"name": "user-feedback", "string_value": "thumbsDown"}, 1),
        ({"name": "user-feedback", "value": 0, "stringValue": "False"}, 1),
        ({"name": "rating", "value": "4"}, 4),
        ({"name": "rating", "value": "4.0"}, 4),
        ({"name": "rating", "value": "0.7"}, None),
        ({"name": "rating", "value": True}, None),
        ({"name": "toxicity", "stringValue": "good"}, None),
    ],
)
def test_score_of_langfuse_is_a_rating_also_as_text(score: dict[str, Any], rating: int | None) -> None:
    row = {"traceId": "t", "name": "n", "input": [rows.QUESTION], "output": ANSWER, "scores": [score]}
    assert only(row).rating == rating
