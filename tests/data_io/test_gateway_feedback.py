"""Feedback in the logs of Portkey as ratings, and Helicone's rows whose bodies are in storage."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, QUESTION, only

PORTKEY = {"id": "p1", "ai_org": "openai", "is_success": True, "request": rows.CHAT, "response": rows.COMPLETION}
HELICONE = {"request_id": "h1", "response_status": 200, "signed_body_url": "https://s3.example/h1?X-Amz-Expires=900"}


@pytest.mark.parametrize(
    ("feedback", "rating"),
    [
        ({"value": 1, "weight": 1.0}, 5),
        ({"value": -1}, 1),
        ({"value": 10, "weight": None, "metadata": {"text": "schön"}}, 5),
        ([{"value": 1, "weight": 0.2}, {"value": -1, "weight": 1.0}], 1),
        ([{"value": 5, "weight": 1}, {"value": -1, "weight": 1}], 5),
        ([{"value": "-3", "weight": "0.5"}], 1),
        (-1, 1),
        ({"value": 0}, None),
        ({"value": 1, "weight": 0}, None),
        ([{"value": 1}, {"value": -1}], None),
        ([], None),
        ({}, None),
        (None, None),
        ("", None),
        ({"value": None}, None),
        ({"value": True}, None),
        ({"value": "good", "weight": []}, None),
        ({"value": "1e999"}, None),
        ([None, "x", {"value": 2}], 5),
        ({"data": [{"value": -2}, {"value": 1, "weight": 0.5}]}, 1),
        ({"feedbacks": [[{"value": 1}], {"feedback": {"value": 3}}]}, 5),
        ({"value": {"value": -1, "weight": 0.3}}, 1),
        ({"score": 4}, 5),
        ({"value": None, "score": "-1"}, 1),
    ],
)
def test_feedback_of_portkey_is_a_rating(feedback: Any, rating: int | None) -> None:
    for given in (feedback, json.dumps(feedback)):
        call = only({**PORTKEY, "feedback": given}, "portkey")
        assert (call.messages, call.rating) == ([QUESTION, ANSWER], rating)
    assert only({**PORTKEY, "weighted_feedback": -2.5}).rating == 1


@pytest.mark.parametrize("bodies", [{}, {"request_body": None}, {"request_body": "", "response_body": ""},
                                    {"request_body": {}, "response_body": {}}])  # fmt: skip
def test_bodies_behind_an_address_are_refused_with_what_to_do(bodies: dict[str, Any]) -> None:
    with pytest.raises(
        DataError, match=r"behind signed_body_url, .* --include-body, or .* signed_body_content"
    ) as caught:
        only({**HELICONE, **bodies})
    assert "\n" not in str(caught.value)


def test_bodies_that_were_fetched_are_read() -> None:
    stored = {"request": rows.CHAT, "response": rows.COMPLETION}
    for given in (stored, json.dumps(stored)):
        assert only({**HELICONE, "signed_body_content": given}, "helicone").messages == [QUESTION, ANSWER]
    assert only({**HELICONE, "request_body": rows.CHAT, "response_body": rows.COMPLETION}).messages == [
        QUESTION,
        ANSWER,
    ]


def test_bodies_that_were_omitted_say_so() -> None:
    omitted = {"request": {"helicone_message": "omitted"}, "response": rows.COMPLETION}
    with pytest.raises(DataError, match="do not send Helicone-Omit-Request"):
        only({**HELICONE, "signed_body_content": omitted})
