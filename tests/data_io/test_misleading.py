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
            "llm.input_messages is in single quotes, as Python prints it",
        ),
    ],
)
def test_error_names_the_field(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        list(formats.calls_in(row))


_HUMAN = {"from": "human", "value": "Weather?"}
_SAID = {"from": "gpt", "value": "Sunny."}
_CALLED = {"from": "gpt", "value": "<tool_call>\n{'name': 'f', 'arguments': {'a': 'It's'}}\n</tool_call>"}


@pytest.mark.parametrize(
    ("row", "where"),
    [
        ({"conversations": [_HUMAN, {"from": "function_call", "value": "{'name': 'f', 'arguments': {}}"}, _SAID]},
         r"conversations\[1\]"),
        ({"conversations": [_HUMAN, _SAID], "tools": "[{'name': 'f', 'parameters': {'type': 'object'}}]"}, "tools"),
        ({"conversations": [_HUMAN, _SAID], "tools": ["{'name': 'f', 'parameters': {}}"]}, "a tool"),
        ({"conversations": "[{'from': 'human', 'value': 'hi'}, {'from': 'gpt', 'value': 'ho'}]"}, "conversations"),
        ({"conversations": [_HUMAN, _CALLED, {"from": "tool", "value": "<tool_response>1</tool_response>"}, _SAID]},
         r"conversations\[2\] answers a tool call that"),
    ],
)  # fmt: skip
def test_json_in_single_quotes_is_named(row: dict[str, Any], where: str) -> None:
    with pytest.raises(DataError, match=f"{where} is in single quotes, as Python prints it"):
        list(formats.calls_in(row))
