"""Answers that say the same."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io.equal_answers import are_equal

CALL = {"id": "1", "type": "function", "function": {"name": "refund", "arguments": '{"order": 7, "all": true}'}}
SAME = {"id": "2", "type": "function", "function": {"name": "refund", "arguments": '{"all": true, "order": 7}'}}
OTHER = {"id": "1", "type": "function", "function": {"name": "refund", "arguments": '{"order": 8, "all": true}'}}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Yes.", " Yes.\n", True),
        ("Yes.", "No.", False),
        ('{"a": 1, "b": [2]}', '```json\n{"b": [2], "a": 1.0}\n```', True),
        ('{"a": 1}', '{"a": 2}', False),
        ('{"a": 1}', "a is 1", False),
        ("caf\u00e9", "cafe\u0301", True),
        ([CALL], [SAME], True),
        ([CALL], [OTHER], False),
        ([CALL], "refund order 7", False),
    ],
)
def test_are_equal_answers(one: Any, other: Any, expected: bool) -> None:
    def message(answer: Any) -> dict[str, Any]:
        said = {"content": answer} if isinstance(answer, str) else {"content": None, "tool_calls": answer}
        return {"role": "assistant", **said}

    assert are_equal(message(one), message(other)) is expected
    assert are_equal(message(other), message(one)) is expected
