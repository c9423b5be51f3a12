"""Validation by JSON schemas: what jsonschema alone would get wrong."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from fine_tuning.data_io.schema_validation import bounded, time_limit


@pytest.mark.parametrize(
    ("number", "divisor", "is_multiple"),
    [
        (10.2, 0.1, True),
        (59.3, 0.1, True),
        (0.35, 0.1, False),
        (-0.7, 0.1, True),
        (1984, 1e-9, True),
        (1e300, 0.1, True),
        (19.99, 0.01, True),
        (19.999, 0.01, False),
        (10**30, 7, 10**30 % 7 == 0),
        (float("inf"), 2, False),
        (True, 2, True),  # no number
        ("3", 2, True),
    ],
)
def test_multiple_of_is_that_of_the_written_numbers(number: object, divisor: float, is_multiple: bool) -> None:
    with time_limit():
        assert bounded(Draft202012Validator)({"multipleOf": divisor}).is_valid(number) is is_multiple
