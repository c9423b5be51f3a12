"""Answers that were logged as streams of Ollama and of Bedrock, and halves of calls, which are refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import only

Row = dict[str, Any]
Q, A = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
AT = "2026-01-02T03:04:05Z"


def line(text: str, **others: Any) -> Row:
    return {"model": "m", "created_at": AT, "message": {"role": "assistant", "content": text}, "done": False, **others}


END = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
LINES = [line("Hel"), line("lo"), line("", **END)]
WRITTEN = {
    "a list": LINES,
    "JSON lines": "\n".join(map(json.dumps, LINES)) + "\n",
    "its lines": {"chunks": LINES},
    "whole": line("Hello", **END),
}
LOGS = {
    "openai-log": lambda request, response: {"request": request, "response": response},
    "helicone": lambda request, response: {"request_id": "1", "request_body": request, "response_body": response},
}


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("written", WRITTEN)
def test_chat_of_ollama_is_read_however_it_was_logged(log: str, written: str) -> None:
    row = LOGS[log]({"model": "m", "messages": [Q], "format": "json"}, WRITTEN[written])
    assert formats.format_of(row) == log
    call = only(row)
    assert (call.messages, call.model, call.finish_reason) == ([Q, A], "m", "stop")
    assert call.usage == {"prompt_tokens": 3, "completion_tokens": 2}
    assert call.metadata["response_format"] == {"type": "json_object"}


def test_stream_of_ollama_without_its_end_is_broken_off() -> None:
    assert only({"request": {"messages": [Q]}, "response": LINES[:2]}).finish_reason == "error"
    assert only({"request": {"messages": [Q]}, "response": [*LINES[:1], line("", **END)]}).finish_reason == "stop"


def test_calls_in_a_stream_of_ollama_are_read() -> None:
    called = {"function": {"name": "track", "arguments": {"order": 7}}}
    piece = line("", message={"role": "assistant", "content": "", "tool_calls": [called]})
    call = only({"request": {"messages": [Q]}, "response": [piece, LINES[-1]]})
    assert call.messages[-1]["tool_calls"][0]["function"] == {"name": "track", "arguments": '{"order": 7}'}


GENERATED = {"model": "m", "created_at": AT, "response": "Hello", **END, "done_reason": "length", "context": [1, 2]}


@pytest.mark.parametrize("log", LOGS)
def test_generated_text_of_ollama_is_a_chat(log: str) -> None:
    call = only(LOGS[log]({"model": "m", "prompt": "Hi", "system": "Short.", "stream": False}, GENERATED))
    assert call.messages == [{"role": "system", "content": "Short."}, Q, A]
    assert (call.finish_reason, call.is_cut_off) == ("length", True)


@pytest.mark.parametrize(("key", "value"), [("context", [1, 2]), ("suffix", "The end."), ("raw", True)])
def test_generated_text_whose_request_messages_cannot_say_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(DataError, match=key):
        only({"request": {"model": "m", "prompt": "Hi", key: value}, "response": GENERATED})


def test_answer_that_is_json_lines_is_no_stream() -> None:
    text = '{"a": 1}\n{"b": 2}'
    row = {"call_type": "completion", "messages": [Q], "response": text}
    assert only(row).messages[-1]["content"] == text


def delta(index: int, **piece: Any) -> Row:
    return {"contentBlockDelta": {"delta": piece, "contentBlockIndex": index}}


START = {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "c1", "name": "track"}}, "contentBlockIndex": 1}}
USED = {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 4, "totalTokens": 9}, "metrics": {"latencyMs": 7}}}
EVENTS: list[Row] = [
    {"messageStart": {"role": "assistant"}},
    delta(0, text="I "),
    delta(0, text="look."),
    {"contentBlockStop": {"contentBlockIndex": 0}},
    START,
    delta(1, toolUse={"input": '{"order"'}),
    delta(1, toolUse={"input": ": 7}"}),
    delta(2, reasoningContent={"text": "Hm"}),
    {"messageStop": {"stopReason": "tool_use"}},
    USED,
]


@pytest.mark.parametrize("body", [EVENTS, {"stream": EVENTS}], ids=["events", "stream"])
def test_stream_of_converse_is_read(body: object) -> None:
    asked = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    log = {"schemaType": "ModelInvocationLog", "operation": "ConverseStream", "modelId": "m"}
    for row in (
        {**log, "input": {"inputBodyJson": asked}, "output": {"outputBodyJson": body}},
        {"request": asked, "response": body},
    ):
        call = only(row)
        function = {"name": "track", "arguments": '{"order": 7}'}
        calls = [{"id": "c1", "type": "function", "function": function}]
        assert call.messages == [Q, {"role": "assistant", "content": "I look.", "tool_calls": calls}]
        assert (call.finish_reason, call.usage) == ("tool_calls", {"prompt_tokens": 5, "completion_tokens": 4})


def test_stream_of_converse_that_breaks_off_or_fails() -> None:
    asked = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    assert only({"request": asked, "response": EVENTS[:2]}).finish_reason == "error"
    failed = [EVENTS[0], {"modelStreamErrorException": {"message": "no"}}]
    assert list(formats.calls_in({"request": asked, "response": failed})) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (LINES[0], "Ollama's.*request and response"),
        (GENERATED, "Ollama's"),
        ({"id": "c", "object": "chat.completion.chunk", "choices": [{"delta": {"content": "x"}}]}, "request"),
        (
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
            "event of a stream",
        ),
        (EVENTS[1], "event of a stream"),
        ({"type": "message", "role": "assistant", "content": [{"type": "text", "text": "x"}]}, "without its request"),
        ({"candidates": [{"content": {"parts": [{"text": "x"}]}}]}, "without its request"),
        ({"request": {"messages": [Q]}}, "without its response"),
        ({"recordId": "1", "modelInput": {"messages": [Q]}}, "without its response"),
        ({"response": {"candidates": []}, "at": 3}, "without its request"),
    ],
)
def test_half_of_a_call_is_refused_by_name(row: Row, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        list(formats.calls_in(row))
