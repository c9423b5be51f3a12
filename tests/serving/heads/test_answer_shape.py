"""What answers are made of, and that they are written again as they were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fine_tuning.serving.heads.answer_shape import ABSENT, WHOLE, AnswerShape, is_label

keys = st.text("abcdé_", min_size=1, max_size=4)
leaves = (
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6) | st.lists(st.integers(0, 3), max_size=3)
)
objects = st.dictionaries(keys, leaves | st.dictionaries(keys, leaves, min_size=1, max_size=2), min_size=1, max_size=4)
STYLES: list[dict[str, Any]] = [
    {"ensure_ascii": False},
    {"separators": (",", ":"), "ensure_ascii": False},
    {"indent": 2, "ensure_ascii": False},
    {"indent": 4},
]


@given(objects, st.sampled_from(STYLES))
def test_object_comes_back_as_it_was_written(value: dict[str, Any], style: dict[str, Any]) -> None:
    text = json.dumps(value, **style)
    shape = AnswerShape.of([text] * 3)
    values = shape.values(text)
    assert values is not None
    assert json.loads(shape.answer(values)) == value
    assert shape.answer(values) == text


def test_plain_answers_are_one_label() -> None:
    shape = AnswerShape.of(["refund", "track", "refund", "{oops"])
    assert shape.paths == (WHOLE,)
    assert shape.answer({WHOLE: '"refund"'}) == "refund"


def test_fields_that_some_objects_lack_are_absent_and_nested_ones_have_paths() -> None:
    shape = AnswerShape.of(['{"a": {"b": 1}}', '{"a": {"b": 2}, "c": null}'])
    assert shape.paths == (("a", "b"), ("c",))
    values = shape.values('{"a": {"b": 1}}')
    assert values == {("a", "b"): "1", ("c",): ABSENT}
    assert shape.answer(values) == '{"a": {"b": 1}}'
    assert shape.values('{"x": 1}') is None
    assert shape.values("no JSON") is None


@pytest.mark.parametrize(("values", "expected"), [(["a", "b"] * 10, True), ([str(at) for at in range(20)], False)])
def test_labels_occur_several_times(values: list[str], *, expected: bool) -> None:
    assert is_label(values) is expected
