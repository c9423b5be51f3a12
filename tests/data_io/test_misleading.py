"""Errors name what is wrong with a row, and not what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError

PYTHON = "[{'message.role': 'user', 'message.content': 'hi'}]"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "q", "response": None}, "response is empty"),
        ({"question": "q", "answer": None}, "answer is empty"),
        ({"prompt": "q", "chosen": "a", "rejected": None}, "rejected is empty"),
        (
            {"attributes": {"openinference.span.kind": "LLM", "llm.input_messages": PYTHON, "output.value": "yo"}},
            "llm.input_messages is text that begins as JSON and is none",
        ),
    ],
)
def test_error_names_the_field(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        list(formats.calls_in(row))
