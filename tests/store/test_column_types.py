"""JSON that is written and read quickly is the JSON that was written and read before."""

from __future__ import annotations

import json
from math import inf, nan

import pytest

from fine_tuning.store.column_types import from_json, to_json, written


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -1, 0, 2**70, 0.1, 1e-300, 1.7976931348623157e308, 1 / 3, -0.0], "b": {"c": None, "d": True}},
        {"ä 大": '𝄞 " \\ \n / \u2028'},
        {"nan": nan, "inf": [inf, -inf]},
        {"nul\0": "a\0b", "half \ud800": "\udfff"},
        {"backslash": "\\u0000"},
        [],
        0.1 + 0.2,
    ],
)
def test_written_value_is_read_as_the_one_of_the_plain_writer(value: object) -> None:
    assert from_json(written(value)) == from_json(to_json(value)) == json.loads(to_json(value))
    assert to_json(written(value)) is not None


def test_from_json_reads_what_is_nested_deeply_and_what_older_versions_wrote() -> None:
    deep = "[" * 400 + "]" * 400
    assert from_json(deep) == json.loads(deep)
    assert from_json('"\\ud800"') == "\ud800"
