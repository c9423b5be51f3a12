"""The events of Anthropic's Messages, from an engine's chunks."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.errors import ProviderError
from fine_tuning.serving.wires.message_events import Event, MessageEvents
from fine_tuning.serving.wires.message_objects import begun
from tests.serving.test_response_events import call, chunk

COUNTS: Any = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}


def told(*chunks: Any, stops: tuple[str, ...] = ()) -> tuple[list[Event], Any]:
    """All events, and the message at their end."""
    answer = MessageEvents(begun("m"), stops)
    found = [event for each in (*chunks, COUNTS) for event in answer.add(each)]
    return [*found, *answer.end()], answer.message


def kinds(events: list[Event]) -> list[str]:
    return [event["type"].removeprefix("content_block_") for event in events]


def test_text_and_calls_are_blocks_one_after_the_other() -> None:
    counted: Any = {"choices": [], "prompt_tokens": 9}
    events, message = told(
        counted,
        chunk({"role": "assistant", "content": None}),
        chunk({"content": "On "}),
        chunk({"content": "it."}),
        chunk(call(0, "", "weather")),
        chunk(call(0, '{"place"')),
        chunk(call(0, ':"Rome"}')),
        chunk(call(1, "", "news")),
        chunk({}, "tool_calls"),
    )
    block, first, second = ["start", "delta", "delta", "stop"], ["start", "ping", "delta", "delta", "stop"], "start"
    assert kinds(events) == ["message_start", *first, *block, second, "stop", "message_delta", "message_stop"]
    assert [event["index"] for event in events if "index" in event] == [0] * 4 + [1] * 4 + [2] * 2
    assert (events[0]["message"]["content"], events[0]["message"]["stop_reason"]) == ([], None)
    assert events[0]["message"]["usage"] == {"input_tokens": 9, "output_tokens": 0}
    assert [block.get("text") or block["input"] for block in message["content"]] == ["On it.", {"place": "Rome"}, {}]
    shown = [event["content_block"] for event in events if "content_block" in event]
    assert [each.get("input", each.get("text")) for each in shown] == ["", {}, {}]
    assert message["stop_reason"] == "tool_use"
    assert events[-2]["usage"] == message["usage"] == {"input_tokens": 9, "output_tokens": 3}


@pytest.mark.parametrize(
    ("last", "stop_reason", "stop_sequence"),
    [
        ({"finish_reason": "stop"}, "end_turn", None),
        ({"finish_reason": "stop", "stop_reason": "END"}, "stop_sequence", "END"),
        ({"finish_reason": "stop", "stop_reason": 2}, "end_turn", None),
        ({"finish_reason": "stop", "stop_reason": "<|im_end|>"}, "end_turn", None),
        ({"finish_reason": "length"}, "max_tokens", None),
        ({"finish_reason": "content_filter"}, "refusal", None),
    ],
)
def test_the_reason_of_the_stop(last: Any, stop_reason: str, stop_sequence: str | None) -> None:
    ending: Any = {"choices": [{"index": 0, "delta": {}, **last}]}
    events, message = told(chunk({"content": "a"}), ending, stops=("END",))
    assert (message["stop_reason"], message["stop_sequence"]) == (stop_reason, stop_sequence)
    assert events[-2]["delta"] == {"stop_reason": stop_reason, "stop_sequence": stop_sequence}


def test_an_empty_answer_has_no_blocks() -> None:
    events, message = told(chunk({}, "stop"))
    assert kinds(events) == ["message_start", "message_delta", "message_stop"]
    assert message["content"] == []


def test_a_call_that_is_cut_off_has_an_empty_input() -> None:
    _, message = told(chunk(call(0, '{"pla', "weather")), chunk({}, "length"))
    assert (message["content"][0]["input"], message["stop_reason"]) == ({}, "max_tokens")


@pytest.mark.parametrize("arguments", ['{"pla', "[1]"])
def test_arguments_that_are_no_object_fail(arguments: str) -> None:
    with pytest.raises(ProviderError, match=r"weather with arguments that are no JSON object"):
        told(chunk(call(0, arguments, "weather")), chunk({}, "tool_calls"))
