"""Spans: found where they stand, and written as the answers write them."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fine_tuning.serving.heads import classifier_head
from fine_tuning.serving.heads.span_layer import BEGIN, INSIDE, OUTSIDE, pattern_of, tags_of, token_features
from fine_tuning.serving.heads.span_writer import SpanWriter, aligned
from fine_tuning.serving.heads.text_tokens import texts_of, tokens_of

DATES = [("14 August", "14th of aug"), ("3 May", "May 3rd"), ("21 June", "june 21"), ("5 August", "AUGUST 5")]


@pytest.fixture(scope="module")
def writer() -> SpanWriter:
    return SpanWriter.learnt([value for value, _ in DATES], [span for _, span in DATES])


@pytest.mark.parametrize(
    ("span", "expected"),
    [("14th of aug", "14 August"), ("may 7th", "7 May"), ("2nd of JUNE", "2 June"), ("agust 30", "30 August")],
)
def test_dates_are_written_in_the_form_that_was_learnt(writer: SpanWriter, span: str, expected: str) -> None:
    assert writer.text(span) == expected


def test_writer_without_pattern_leaves_a_span_as_it_is() -> None:
    assert SpanWriter({}).text("Aug  3rd") == "Aug  3rd"


@pytest.mark.parametrize(("value", "span"), DATES)
def test_value_is_aligned_with_the_shortest_part_that_says_it(value: str, span: str) -> None:
    text = f"Order 31415 of 2026 came on {span}, at last."
    assert aligned(value, tokens_of(text), text) == span.removesuffix("rd")  # a suffix is no part of the number


def test_value_that_is_nowhere_is_not_aligned() -> None:
    text = "Nothing came in March."
    assert aligned("14 August", tokens_of(text), text) is None


@given(st.text(max_size=60))
def test_tokens_stand_where_they_say(text: str) -> None:
    tokens = tokens_of(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert len(pattern_of(tokens)) == len(tokens)
    if tokens:
        assert token_features(tokens).shape[0] == len(tokens)


def test_tags_mark_the_first_whole_occurrence() -> None:
    text = "412 and 12 or 12"
    tags = tags_of(tokens_of(text), text, "12")
    assert tags == [OUTSIDE, OUTSIDE, BEGIN, OUTSIDE, OUTSIDE]
    assert tags_of(tokens_of(text), text, "and 12") == [OUTSIDE, BEGIN, INSIDE, OUTSIDE, OUTSIDE]
    assert tags_of(tokens_of(text), text, "41") is None
    assert np.array_equal(np.unique(tags), [OUTSIDE, BEGIN])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Order A12-x", ["Order", "A", "12", "-", "x"]),
        ("订单号10003吗", ["订", "单", "号", "10003", "吗"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("ออเดอร์ 7", ["อ", "อ", "เ", "ด", "อ", "ร์", "7"]),
        ("e\u0301te\u0301", ["e\u0301te\u0301"]),
        ("a_b 👍🏽", ["a", "_", "b", "👍", "🏽"]),
    ],
)
def test_text_of_any_script_is_cut_in_tokens(text: str, expected: list[str]) -> None:
    assert texts_of(text) == expected


def test_numbers_of_any_length_and_script_are_written_and_others_left_out() -> None:
    writer = SpanWriter({"july": "July", "m": "m²"}, ("0", "a"))
    assert writer.text("00" + "7" * 6_000 + " july") == "7" * 6_000 + " July"
    assert writer.text("\u0660\u0667 july") == "7 July"
    assert SpanWriter({"x": "²"}, ("0",)).text("9") == "9"  # a digit that is no decimal


def test_word_of_a_whole_page_is_compared_with_none() -> None:
    writer, started = SpanWriter({f"w{each}": f"word{'x' * each}" for each in range(200)}, ("a",)), time.monotonic()
    assert writer.text("word" * 30_000) == "word" * 30_000
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("text", ["NaN", "1e999", "-Infinity", "9" * 5_000])
def test_span_that_is_no_number_of_json_is_none(text: str) -> None:
    assert classifier_head._written(text, is_number=True) is None
