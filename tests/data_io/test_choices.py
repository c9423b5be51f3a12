"""Of several answers to one request that with the lowest index is read, and the others are named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.datasets.file_check import examine
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, ASKED, QUESTION, fresh


def completion(*choices: tuple[int | None, str, str]) -> dict[str, Any]:
    found = [
        {"message": {"role": "assistant", "content": text}, "finish_reason": reason}
        | ({} if at is None else {"index": at})
        for at, text, reason in choices
    ]
    return fresh(rows.COMPLETION, choices=found)


OURS, OTHER = str(ANSWER["content"]), "It is lost."
OUT_OF_ORDER = [(1, OTHER, "length"), (0, OURS, "stop")]
CONTENT = {"role": "model", "parts": [{"text": OURS}]}
CANDIDATES = [
    {"index": 1, "content": {"role": "model", "parts": [{"text": OTHER}]}, "finishReason": "MAX_TOKENS"},
    {"content": CONTENT, "finishReason": "STOP", "index": 0},
]
CHUNKS = [
    {"object": "chat.completion.chunk", "choices": [{"index": at, "delta": {"content": text}, "finish_reason": reason}]}
    for at, text, reason in OUT_OF_ORDER
]
SEVERAL: dict[str, dict[str, Any]] = {
    "log": {"request": rows.CHAT, "response": completion(*OUT_OF_ORDER)},
    "stored": {**completion(*OUT_OF_ORDER), "messages": rows.CHAT["messages"]},
    "in order, without numbers": {
        "request": rows.CHAT,
        "response": completion((None, OURS, "stop"), (None, OTHER, "length")),
    },
    "beside messages": {"messages": rows.CHAT["messages"], "response": completion(*OUT_OF_ORDER)},
    "langfuse": {"traceId": "t", "name": "n", "input": rows.CHAT["messages"], "output": completion(*OUT_OF_ORDER)},
    "answers of langfuse": {
        "traceId": "t",
        "name": "n",
        "input": rows.CHAT["messages"],
        "output": [
            {"role": "assistant", "content": text, "finish_reason": reason} for _, text, reason in OUT_OF_ORDER[::-1]
        ],
    },
    "generations": {
        "run_type": "llm",
        "inputs": {"messages": rows.CHAT["messages"]},
        "outputs": {
            "generations": [
                [
                    {"message": {"role": "assistant", "content": text}, "generation_info": {"finish_reason": reason}}
                    for _, text, reason in OUT_OF_ORDER[::-1]
                ]
            ]
        },
    },
    "gemini": {"request": rows.CONTENTS_REQUEST, "response": {"candidates": CANDIDATES}},
    "stream": {"request": rows.CHAT, "response": CHUNKS},
    "stream of gemini": {"request": rows.CONTENTS_REQUEST, "response": [{"candidates": CANDIDATES}]},
}

MESSAGES = [{"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": reason}
            for _, text, reason in OUT_OF_ORDER[::-1]]  # fmt: skip
EVENTS = [
    {"name": "gen_ai.user.message", "attributes": {"content": ASKED}},
    *(
        {"name": "gen_ai.choice", "attributes": {"index": at, "finish_reason": reason, "message": {"content": text}}}
        for at, text, reason in OUT_OF_ORDER
    ),
]
SPANS: dict[str, dict[str, Any]] = {
    "messages": {
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": ASKED}]}],
        "gen_ai.output.messages": MESSAGES,
    },
    "numbered": {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": ASKED,
        **{f"gen_ai.completion.{at}.content": text for at, text, _ in OUT_OF_ORDER},
        **{f"gen_ai.completion.{at}.finish_reason": reason for at, _, reason in OUT_OF_ORDER},
    },
    "events": {"gen_ai.operation.name": "chat"},
    "openinference": {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": ASKED,
        **{f"llm.output_messages.{at}.message.content": text for at, text, _ in OUT_OF_ORDER},
    },
}


@pytest.mark.parametrize("name", SPANS)
def test_answers_in_a_span_are_one_call_and_the_others_are_named(name: str) -> None:
    row = {"name": "chat", "attributes": SPANS[name], "events": EVENTS if name == "events" else []}
    (call,) = formats.calls_in(row)
    assert call.messages == [QUESTION, ANSWER]
    findings = examine(json.dumps(row).encode()).findings
    assert [each.field for each in findings if each.code == "unread-key"] == ["response.other choices"]


def test_items_of_a_response_are_one_answer_also_where_a_span_numbers_them() -> None:
    item = {"type": "function_call", "id": "fc", "call_id": "c", "name": "track", "arguments": '{"order": 7}'}
    body = fresh(rows.RESPONSE, output=[rows.REPLY, item])
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": ASKED,
        "llm.output_messages.0.message.content": OURS,
        "llm.output_messages.1.message.tool_calls.0.tool_call.function.name": "track",
        "output.value": json.dumps(body),
    }
    (call,) = formats.calls_in({"name": "Response", "attributes": attributes})
    assert call.messages[1:] == [{**ANSWER, "tool_calls": [rows.called("track", '{"order": 7}', "c")]}]


@pytest.mark.parametrize("name", SEVERAL)
def test_answer_with_the_lowest_index_is_read_and_the_others_are_named(name: str) -> None:
    (call,) = formats.calls_in(SEVERAL[name])
    assert (call.messages[-1], call.finish_reason) == (ANSWER, "stop")
    findings = examine(json.dumps(SEVERAL[name]).encode()).findings
    assert [each.field for each in findings if each.code == "unread-key"] == ["response.other choices"]


def test_only_answer_is_read_whatever_its_index() -> None:
    row = {"request": rows.CHAT, "response": completion((3, OURS, "stop"))}
    (call,) = formats.calls_in(row)
    assert call.messages == [QUESTION, ANSWER]
    assert examine(json.dumps(row).encode()).findings == []
