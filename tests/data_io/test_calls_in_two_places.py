"""Calls that a message has in two places, such as `function_call` beside `tool_calls`: the same once, others both."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError

F = {"name": "f", "arguments": '{"a": 1}'}
CALL = {"id": "c1", "type": "function", "function": F}
OTHER = {"name": "g", "arguments": "{}"}


def calls_of(message: dict[str, Any]) -> list[tuple[str, str, str]]:
    user = {"role": "user", "content": "?"}
    (call,) = formats.calls_in({"messages": [user, {"role": "assistant", "content": None, **message}]})
    found: Any = call.messages[-1]["tool_calls"]
    return [(each["id"], each["function"]["name"], each["function"]["arguments"]) for each in found]


ONE = [("c1", "f", '{"a": 1}')]
USE = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}


@pytest.mark.parametrize(
    "beside",
    [
        {"function_call": F},
        {"function_call": {"name": "f", "arguments": '{ "a":1 }'}},
        {"function_call": {"name": "f", "arguments": {"a": 1}}},
        {"toolCalls": [CALL]},
        {"additional_kwargs": {"tool_calls": [CALL]}},
        {"additional_kwargs": {"function_call": F}},
        {"content": [USE]},
        {"content": [{**USE, "input": {}}]},
    ],
)
def test_same_call_in_two_places_is_one(beside: dict[str, Any]) -> None:
    assert calls_of({"tool_calls": [CALL], **beside}) == ONE


def test_begun_call_is_completed_by_the_other_place() -> None:
    begun = {**CALL, "function": {"name": "f", "arguments": "{}"}}
    assert calls_of({"tool_calls": [begun], "content": [USE]}) == ONE


def test_different_calls_in_two_places_are_both_kept() -> None:
    (first, second) = calls_of({"tool_calls": [CALL], "function_call": OTHER})
    assert (first, second[1:]) == (ONE[0], ("g", "{}"))
    (first, second) = calls_of({"tool_calls": [{"function": F}], "function_call": OTHER})
    assert (first[1], second[1]) == ("f", "g")
    assert first[0] != second[0]
    assert len(calls_of({"tool_calls": [CALL], "content": [{**USE, "id": "c2"}]})) == 2
    assert len(calls_of({"tool_calls": [CALL, {**CALL, "id": "c2"}], "function_call": F})) == 2


def test_two_calls_with_one_id_are_refused() -> None:
    with pytest.raises(DataError, match=r"messages\[1\] has two different calls with the id 'c1'"):
        calls_of({"tool_calls": [CALL], "content": [{**USE, "name": "g"}]})
