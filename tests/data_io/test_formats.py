"""Rows as their tools write them, and the calls found in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import candidates
from fine_tuning.errors import DataError, UsageError
from tests.data_io import dataset_rows, vendor_rows

ASKED = {"role": "user", "content": "Where is order 7?"}
ANSWERED = {"role": "assistant", "content": "On its way."}
TOOLS = [{"type": "function", "function": {"name": "track", "parameters": {"type": "object"}}}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "track", "arguments": '{"order": 7}'}}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1764000000,
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {**ANSWERED, "refusal": None}, "finish_reason": "stop"}],
}


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


ONE_CALL: dict[str, dict[str, Any]] = {
    "openai": {"messages": [ASKED, ANSWERED]},
    "prompt-response": {"prompt": ASKED["content"], "completion": ANSWERED["content"]},
    "alpaca": {"instruction": "Where is", "input": "order 7?", "output": "On its way."},
    "sharegpt": {
        "conversations": [
            {"from": "human", "value": "Where is order 7?"},
            {"from": "gpt", "value": "On its way."},
        ]
    },
    "preference": {
        "input": {"messages": [ASKED], "tools": []},
        "preferred_output": [ANSWERED],
        "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
    },
    "stored-completion": {**COMPLETION, "messages": [ASKED], "metadata": {"rating": "4", "domain": "shop"}},
    "langfuse": {
        "id": "o1",
        "traceId": "t1",
        "type": "GENERATION",
        "name": "chat",
        "model": "gpt-4o",
        "startTime": "2026-01-02T03:04:05.000Z",
        "input": json.dumps([ASKED]),
        "output": json.dumps(ANSWERED),
        "scores": [{"name": "user-feedback", "value": 1}],
    },
    "litellm": {
        "id": "1",
        "call_type": "acompletion",
        "status": "success",
        "model": "gpt-4o",
        "messages": [ASKED],
        "response": COMPLETION,
        "startTime": 1764000000.5,
        "response_cost": 0.001,
    },
    "langsmith": {
        "id": "r1",
        "trace_id": "t1",
        "run_type": "llm",
        "name": "ChatOpenAI",
        "start_time": "2026-01-02T03:04:05.000000",
        "inputs": {"messages": [ASKED], "model": "gpt-4o"},
        "outputs": COMPLETION,
        "feedback_stats": {"user_score": {"n": 1, "avg": 1.0}},
    },
    "langsmith-dataset": {
        "inputs": {"messages": [ASKED]},
        "outputs": {"message": ANSWERED},
        "metadata": {"split": "base"},
    },
    "helicone": {
        "request_id": "h1",
        "request_created_at": "2026-01-02T03:04:05.000Z",
        "response_status": 200,
        "request_body": {"model": "gpt-4o", "messages": [ASKED]},
        "response_body": COMPLETION,
        "request_properties": {"Helicone-Session-Id": "s1"},
        "feedback_rating": True,
    },
    "portkey": {
        "id": "p1",
        "trace_id": "t1",
        "created_at": "2026-01-02T03:04:05.000Z",
        "ai_org": "openai",
        "ai_model": "gpt-4o",
        "is_success": True,
        "response_status_code": 200,
        "request": {"model": "gpt-4o", "messages": [ASKED]},
        "response": COMPLETION,
    },
    "opentelemetry": {
        "traceId": "a",
        "spanId": "b",
        "startTimeUnixNano": "1764000000000000000",
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": "gen_ai.response.model", "value": {"stringValue": "gpt-4o"}},
            {"key": "gen_ai.input.messages", "value": {"stringValue": json.dumps([said("user", "Where is order 7?")])}},
            {"key": "gen_ai.output.messages", "value": {"stringValue": json.dumps([said("assistant", "On its way.")])}},
        ],
    },
}
ONE_CALL |= vendor_rows.ONE_CALL | dataset_rows.ONE_CALL


def only(row: dict[str, Any], name: str | None = None) -> formats.Call:
    (call,) = formats.calls_in(row, name)
    return call


@pytest.mark.parametrize("name", formats.FORMATS)
def test_calls_in_each_format_reads_the_call(name: str) -> None:
    row = ONE_CALL[name]
    assert formats.format_of(row) == name
    call = only(row)
    question = "Where is\n\norder 7?" if name == "alpaca" else ASKED["content"]
    asked = [message["content"] for message in call.messages if message["role"] == "user"]
    answer = None if name == "xlam" else ANSWERED["content"]  # it answers with calls
    assert [*asked, call.messages[-1]["content"]] == [question, answer]
    assert call.messages[-1]["role"] == "assistant"


@pytest.mark.parametrize("row", ONE_CALL.values(), ids=ONE_CALL)
def test_candidates_of_a_row_have_every_format_that_recognises_it(row: dict[str, Any]) -> None:
    recognised = {name for name, each in formats.FORMATS.items() if each.recognises(row)}
    assert recognised <= {name for name in formats.FORMATS if candidates.may_be(name, row)}


def test_calls_in_row_with_facts_keeps_them() -> None:
    row = {"messages": [ASKED, ANSWERED], "rating": 4, "domain": "shop", "source": "crm", "metadata": {"id": 1}}
    call = only(row)
    assert (call.rating, call.domain, call.metadata) == (4, "shop", {"source": "crm", "id": 1})
    assert only(ONE_CALL["stored-completion"]).rating == 4
    assert only(ONE_CALL["langfuse"]).rating == 5
    assert only(ONE_CALL["litellm"]).metadata["cost"] == 0.001
    assert only(ONE_CALL["preference"]).rejected == [{"role": "assistant", "content": "No idea."}]
    assert only(ONE_CALL["opentelemetry"]).captured_at == "2025-11-24T16:00:00+00:00"


def test_calls_in_preference_row_divides_request_and_responses() -> None:
    row = {"chosen": [ASKED, ANSWERED], "rejected": [ASKED, {"role": "assistant", "content": "No."}]}
    call = only(row)
    assert call.messages == [ASKED, ANSWERED]
    assert call.request_messages() == [ASKED]
    assert call.rejected == [{"role": "assistant", "content": "No."}]
    assert only({"prompt": "p", "chosen": "a", "rejected": "b"}).request_messages() == [
        {"role": "user", "content": "p"}
    ]


def test_calls_in_each_format_reads_tool_calls() -> None:
    sharegpt = {
        "conversations": [
            {"from": "human", "value": "Where is order 7?"},
            {"from": "function_call", "value": '{"name": "track", "arguments": {"order": 7}}'},
            {"from": "observation", "value": "in a van"},
            {"from": "gpt", "value": "On its way."},
        ],
        "tools": json.dumps(TOOLS),
    }
    call = only(sharegpt)
    asking = call.messages[1]["tool_calls"][0]
    assert asking["function"] == {"name": "track", "arguments": '{"order": 7}'}
    assert call.messages[2] == {"role": "tool", "content": "in a van", "tool_call_id": asking["id"]}
    assert call.tools == TOOLS
    parts = [
        {"role": "user", "parts": [{"type": "text", "content": "Where is order 7?"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "track", "arguments": {"order": 7}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "in a van"}]},
    ]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": "On its way."}], "finish_reason": "stop"}]
    span = {"attributes": {"gen_ai.input.messages": parts, "gen_ai.output.messages": answer}}
    found = only(span).messages
    assert found[1]["tool_calls"][0]["function"] == {"name": "track", "arguments": '{"order": 7}'}
    assert found[2] == {"role": "tool", "tool_call_id": "1", "content": "in a van"}
    answered = {**COMPLETION, "choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [CALL]}}]}
    assert only({**answered, "messages": [ASKED]}).messages[-1]["tool_calls"] == [CALL]


def test_calls_in_trace_yields_each_generation() -> None:
    spans = [ONE_CALL["opentelemetry"], {"attributes": []}, ONE_CALL["opentelemetry"]]
    trace = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    assert len(list(formats.calls_in(trace))) == 2
    observations = [ONE_CALL["langfuse"], {"type": "SPAN", "name": "search", "input": "x"}]
    assert len(list(formats.calls_in({"id": "t", "observations": observations}))) == 1
    failed = {**ONE_CALL["litellm"], "status": "failure"}
    assert list(formats.calls_in(failed)) == []


def test_calls_in_older_spans_reads_messages() -> None:
    numbered = {
        "attributes": {
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "Where is order 7?",
            "gen_ai.completion.0.content": "On its way.",
            "gen_ai.completion.0.role": "assistant",
        }
    }
    assert only(numbered).messages == [ASKED, ANSWERED]
    events = [
        {"name": "gen_ai.user.message", "attributes": {"content": "Where is order 7?"}},
        {"name": "gen_ai.choice", "attributes": {"message": '{"content": "On its way."}'}},
    ]
    assert only({"attributes": {"gen_ai.system": "openai"}, "events": events}).messages == [ASKED, ANSWERED]


BROKEN: dict[str, dict[str, Any]] = {
    "is not of any known format": {"headline": "a", "body": "b"},
    "messages must be a list of objects": {"messages": ["a"]},
    "response must be text, not an object": {"prompt": "a", "response": {"b": 3}},
    "metadata must be an object": {"prompt": "a", "response": "b", "metadata": [1]},
    "history must be a list of": {"instruction": "a", "output": "b", "history": ["x"]},
    "conversations[0].from is 'elf'": {"conversations": [{"from": "elf", "value": "x"}]},
    "answers a tool call that does not exist": {"conversations": [{"from": "tool", "value": "x"}]},
    "both answers are the same": {"prompt": "a", "chosen": "b", "rejected": "b"},
    "the request's messages are missing": COMPLETION,
    "no choices with a message": {**COMPLETION, "choices": [], "messages": [ASKED]},
    "output has no message": {**ONE_CALL["langfuse"], "output": {}},
    "messages or response is empty": {**ONE_CALL["litellm"], "messages": {}},
    "the span has no messages": {"attributes": {"gen_ai.operation.name": "chat"}},
}


@pytest.mark.parametrize("reason", BROKEN)
def test_calls_in_malformed_row_raises_reason(reason: str) -> None:
    with pytest.raises(DataError) as caught:
        list(formats.calls_in(BROKEN[reason]))
    assert reason in str(caught.value)


def test_calls_in_other_format_raises() -> None:
    with pytest.raises(DataError, match="is not of the format alpaca"):
        only(ONE_CALL["openai"], "alpaca")
    with pytest.raises(UsageError, match="unknown format 'xml'; use one of litellm, "):
        formats.check_format("xml")


def test_guide_lists_each_format() -> None:
    guide = Path(__file__).parents[2].joinpath("docs", "guide.md").read_text(encoding="utf-8")
    assert [name for name in formats.FORMATS if f"`{name}`" not in guide] == []
