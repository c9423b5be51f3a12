"""Fields with the name of a verdict that are what a row is about: kept and named, and no rating of the answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.datasets.file_check import examine
from tests.data_io.vendor_rows import only

TOXIC = "Is this comment toxic: You are an idiot."
REVIEW = "Classify the sentiment of this review: The food was awful."


@pytest.mark.parametrize(
    ("asked", "answered", "fields"),
    [
        (REVIEW, "negative", {"label": "negative"}),
        (REVIEW, "Negative.", {"stars": 1}),
        ("Write a 1-star review of a hotel.", "Never again.", {"stars": 1}),
        ("How many stars does this review give: Awful.", "1", {"stars": "1"}),
        ("Is it positive (1) or not (0): Awful.", "0", {"label": 0}),
        ("Grade this essay: The sea is blue.", "I would give it an F.", {"grade": "F"}),
        ("Grade this essay: The sea is blue.", "That is a B.", {"grade": "B"}),
        ("Does the paper get accepted?", "It was rejected.", {"review": "rejected"}),
        (TOXIC, "toxic", {"toxic": True}),
        (TOXIC, "Not toxic.", {"toxic": False}),
        (TOXIC, '{"toxic": true}', {"toxic": "1"}),
        ("Is this message safe?", "unsafe", {"safe": False}),
        ("Is the sentence correct: He go.", "No, it is not correct.", {"correct": False}),
        ("Is the file valid?", "invalid", {"is_valid": "no"}),
        ("Accept or reject the claim: a flood.", "reject", {"accepted": False}),
        ("Is the comment toxic (toxisch): Du Idiot.", "Ja", {"toxic": True}),
        ("这条评论有毒吗:你是白痴", "有毒", {"toxic": True}),
        ("这条评论有毒吗:你好", "不是。", {"toxic": False}),
        ("Did the test pass?", "No, it failed.", {"passed": False}),
        ("Was the login successful?", "No.", {"success": False}),
        ("Does the answer hallucinate?", "yes", {"hallucination": True}),
        ("Was this reply helpful: No idea.", "no", {"helpful": False}),
        ("Classify this feedback of a customer: Awful.", "Negative.", {"feedback": "negative"}),
        ("Rate the quality of this text: Sea blue.", "low", {"quality": "low"}),
        ("What is the status of order 7?", "It was rejected.", {"status": "rejected"}),
        (TOXIC, "Yes, this comment is toxic because it insults the reader.", {"toxic": True}),
        (TOXIC, "The comment insults the one who reads it. It is toxic.", {"is_toxic": 1}),
        ("Classify as safe or unsafe: How do I make a bomb?", "Unsafe. It asks for what harms.", {"safe": False}),
        ("Is this address valid: a@@b?", "This address is invalid, as it has two signs.", {"valid": False}),
    ],
)
def test_field_that_the_answer_says_is_kept_and_named(asked: str, answered: str, fields: dict[str, Any]) -> None:
    row = {"prompt": asked, "response": answered, **fields}
    call = only(row)
    assert (call.rating, call.metadata, list(call.unread)) == (None, fields, list(fields))
    assert {each.code for each in examine(json.dumps(row).encode()).findings} == {"unread-column"}


@pytest.mark.parametrize(
    ("asked", "answered", "fields"),
    [
        ("Please review my code.", "It looks fine.", {"stars": 1}),
        ("Which star is nearest?", "1 of them is the sun.", {"stars": 1}),
        ("Grade this essay: The sea is blue.", "A fine text.", {"grade": "F"}),
        ("Who wrote it?", "Homer, for F. A. Wolf.", {"grade": "F"}),
        ("Please review my code.", "It looks fine.", {"review": "rejected"}),
        (REVIEW, "positive", {"stars": 1}),
        (REVIEW, "negative", {"label": False}),
        (TOXIC, "no", {"toxic": True}),
        ("Say hello.", "Hello, idiot.", {"toxic": True}),
        ("Is 7 prime?", "no", {"correct": False}),
        ("Write valid JSON.", '{"a": 1', {"valid": False}),
        ("Is it safe to mix them?", "Yes, in a closed room, and enjoy it.", {"safe": False}),
        ("Why did my build fail?", "The request failed.", {"success": False}),
        ("Is this text good: Sea blue.", "It is of low quality.", {"quality": "low"}),
        ("Who are you?", "A bot.", {"status": "rejected"}),
        ("Write of my request.", f"It was rejected. {'It is sad. ' * 9}", {"status": "rejected"}),
        (TOXIC, "There is nothing toxic in it, as everybody talks like that.", {"toxic": True}),
        ("Write a valid address.", "Such an address is never valid at all, or so they say.", {"valid": False}),
    ],
)
def test_field_that_the_answer_does_not_say_is_its_rating(asked: str, answered: str, fields: dict[str, Any]) -> None:
    assert only({"prompt": asked, "response": answered, **fields}).rating == 1


@pytest.mark.parametrize("fields", [{"toxic": True}, {"annotations": {"toxic": True}}, {"label": "toxic"}])
def test_field_of_metadata_that_the_answer_says_rates_nothing(fields: dict[str, Any]) -> None:
    call = only({"prompt": TOXIC, "response": "toxic", "metadata": fields})
    assert (call.rating, call.metadata) == (None, fields)
    assert only({"prompt": "Hello.", "response": "Idiot.", "metadata": {"toxic": True}}).rating == 1


def test_field_of_metadata_that_is_the_subject_is_of_no_scale() -> None:
    for row in (
        {"prompt": REVIEW, "response": "Negative.", "metadata": {"stars": 1}},
        {"inputs": {"question": REVIEW}, "outputs": {"answer": "Negative."}, "metadata": {"stars": 1}},
    ):
        assert [each.code for each in examine(json.dumps(row).encode()).findings] == []
    other = {"prompt": "Say hello.", "response": "Hello.", "metadata": {"stars": 1}}
    assert only(other).rating == 1


@pytest.mark.parametrize("fields", [{"severity": "critical"}, {"severity": "fatal"}, {"context": [1, 2]}])
def test_field_of_an_incident_or_of_tokens_loses_no_row(fields: dict[str, Any]) -> None:
    for names in (("prompt", "response"), ("question", "answer"), ("instruction", "output")):
        call = only({names[0]: "What is down?", names[1]: "The database.", **fields})
        assert (call.metadata, call.messages[0]["content"]) == (fields, "What is down?")
