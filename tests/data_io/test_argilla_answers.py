"""Several annotators of one record of Argilla: all of them count, and where nothing decides, the record is refused."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, only

FIELDS = {"prompt": ASKED, "response": ANSWERED}
TWO = {"prompt": ASKED, "response1": "One.", "response2": "Two."}


def record(question: str, values: list[Any], fields: dict[str, str] = FIELDS) -> list[dict[str, Any]]:
    """A record in the form of version 2, of version 1, and flat."""
    return [
        {"fields": fields, "responses": {question: [{"value": each, "status": "submitted"} for each in values]}},
        {
            "fields": fields,
            "responses": [{"status": "submitted", "values": {question: {"value": each}}} for each in values],
        },
        {**fields, f"{question}.responses": values, f"{question}.responses.status": ["submitted"] * len(values)},
    ]


@pytest.mark.parametrize(
    ("ratings", "expected"),
    [([5, 1, 1], 1), ([1, 5, 5], 5), ([5, 4], 4), ([2, 2], 2), ([5, 4, 2, 1, 1], 2), ([4, 4, 5, 1], 4), ([3], 3)],
)
def test_rating_is_the_median_of_all_annotators(ratings: list[int], expected: int) -> None:
    for row in record("rating", ratings):
        call = only(row, "argilla")
        assert (call.messages, call.rating) == ([QUESTION, ANSWER], expected)
        assert call.metadata["answers"] == {"rating": ratings if len(ratings) > 1 else ratings[0]}


def test_ratings_without_a_middle_are_refused_by_name() -> None:
    for row in record("quality", [5, 1]):
        with pytest.raises(DataError, match="quality has the ratings 1, 5"):
            only(row, "argilla")


def test_choice_is_the_majoritys() -> None:
    ranked = [[{"value": "response2", "rank": 1}, {"value": "response1", "rank": 2}]]
    for values in (["response1", "response2", "response2"], [*ranked, "response1", "response2"]):
        for row in record("preference", values, TWO):
            call = only(row, "argilla")
            assert (call.messages[-1]["content"], (call.rejected or [{}])[0]["content"]) == ("Two.", "One.")
            assert call.metadata["answers"] == {"preference": values}


def test_tied_choice_is_refused_by_name() -> None:
    for row in record("preference", ["response1", "response2"], TWO):
        with pytest.raises(DataError, match="preference has different answers of 2 annotators"):
            only(row, "argilla")


def test_written_answers_that_differ_are_refused_unless_most_are_one() -> None:
    for row in record("response", ["A.", "B.", "A."]):
        assert only(row, "argilla").messages[-1]["content"] == "A."
    for row in record("response", ["A.", "B."]):
        with pytest.raises(DataError, match="response has different answers"):
            only(row, "argilla")


@pytest.mark.parametrize(
    "question",
    [
        *("corrected-response", "correction", "corrected_answer", "edited_response", "new-response", "rewrite"),
        *("improved_response", "better_response", "response_correction", "Revised answer", "final-text", "corrected"),
    ],
)
def test_corrected_text_is_the_answer(question: str) -> None:
    for row in record(question, ["Warsaw is the capital."]):
        call = only(row, "argilla")
        assert (call.messages[-1]["content"], call.rating) == ("Warsaw is the capital.", 5)


def test_corrected_text_counts_more_than_a_rating_of_what_it_corrects() -> None:
    given = {"rating": [{"value": 1}], "correction": [{"value": "Warsaw."}]}
    assert only({"fields": FIELDS, "responses": given}, "argilla").rating == 5


@pytest.mark.parametrize(
    ("question", "value"),
    [
        *(("corrected-response", "no"), ("better_response", "response"), ("correction_reason", "too long")),
        *(("response-comment", "Nice."), ("correction", "  "), ("new_topic", "Travel")),
    ],
)
def test_what_is_no_corrected_text_is_metadata(question: str, value: str) -> None:
    for row in record(question, [value]):
        call = only(row, "argilla")
        assert (call.messages, call.rating) == ([QUESTION, ANSWER], None)
