"""Answers that are not whole are marked, wherever vendors and tools state why they ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.finish_reasons import finish_reason

Q = {"role": "user", "content": "Tell me about Ghent."}
A = {"role": "assistant", "content": "Ghent is a port city in"}
ANTHROPIC = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": A["content"]}]}
SPAN = {
    "openinference.span.kind": "LLM",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": Q["content"],
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": A["content"],
}
GEN_AI = {
    "gen_ai.operation.name": "chat",
    "gen_ai.input.messages": json.dumps([Q]),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": A["content"]}]}]),
}
VERCEL = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.prompt.messages": json.dumps([Q]),
    "ai.response.text": A["content"],
}
LANGFUSE = {"id": "o", "traceId": "t", "type": "GENERATION", "input": [Q]}
LANGSMITH = {"id": "r", "run_type": "llm", "inputs": {"messages": [Q]}}
TURNS = [{"from": "human", "value": Q["content"]}, {"from": "gpt", "value": A["content"], "finish_reason": "length"}]


def span(convention: dict[str, Any], **others: object) -> dict[str, Any]:
    return {"attributes": {**convention, **{key.replace("__", "."): value for key, value in others.items()}}}


LIMITED: dict[str, dict[str, Any]] = {
    "row, finish_reason": {"messages": [Q, A], "finish_reason": "length"},
    "row, stop_reason": {"messages": [Q, A], "stop_reason": "max_tokens"},
    "row, finishReason": {"prompt": Q["content"], "completion": A["content"], "finishReason": "MAX_TOKENS"},
    "row, done_reason": {"instruction": Q["content"], "output": A["content"], "done_reason": "length"},
    "row, incomplete_details": {"messages": [Q, A], "incomplete_details": {"reason": "max_output_tokens"}},
    "metadata": {"messages": [Q, A], "metadata": {"stop_reason": "max_tokens"}},
    "message": {"messages": [Q, {**A, "finish_reason": "length"}]},
    "message, anthropic": {"messages": [Q, {**A, "stop_reason": "max_tokens"}]},
    "message, langchain": {"messages": [Q, {**A, "response_metadata": {"finish_reason": "length"}}]},
    "message, langchain of anthropic": {"messages": [Q, {**A, "response_metadata": {"stop_reason": "max_tokens"}}]},
    "message, ai sdk": {
        "messages": [
            {"role": "user", "parts": [{"type": "text", "text": "Ghent?"}]},
            {"role": "assistant", "parts": [{"type": "text", "text": "A"}], "metadata": {"finishReason": "length"}},
        ]
    },
    "message before others": {"messages": [Q, {**A, "finish_reason": "length"}, Q, A]},
    "message, json text": {"messages": json.dumps([Q, {**A, "finish_reason": "length"}])},
    "turn": {"conversations": TURNS},
    "completion": {"prompt": [Q], "completion": [{**A, "finish_reason": "length"}]},
    "chosen": {"prompt": Q["content"], "chosen": [Q, {**A, "finish_reason": "length"}], "rejected": "A"},
    "openinference": span(SPAN, llm__finish_reason="length"),
    "openinference, choices": span(
        SPAN, output__value=json.dumps({"choices": [{"finish_reason": "length", "message": A}]})
    ),
    "openinference, anthropic": span(SPAN, output__value=json.dumps({**ANTHROPIC, "stop_reason": "max_tokens"})),
    "openinference, reason alone": span(SPAN, output__value='{"stop_reason":"max_tokens"}'),
    "openinference, gemini": span(SPAN, output__value=json.dumps({"candidates": [{"finishReason": "MAX_TOKENS"}]})),
    "openinference, responses": span(
        SPAN,
        output__value=json.dumps({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}),
    ),
    "openinference, langchain": span(
        SPAN,
        output__value=json.dumps({"generations": [[{"text": "A", "generation_info": {"finish_reason": "length"}}]]}),
    ),
    "gen_ai": span(GEN_AI, gen_ai__response__finish_reasons='["length"]'),
    "gen_ai, openllmetry": span(GEN_AI, llm__response__stop_reason="max_tokens"),
    "vercel": span(VERCEL, ai__response__finishReason="length"),
    "vercel, also of gen_ai": span(VERCEL, gen_ai__response__finish_reasons=["length"]),
    "langfuse": {**LANGFUSE, "output": {**A, "finish_reason": "length"}},
    "langfuse, anthropic": {**LANGFUSE, "output": {**ANTHROPIC, "stop_reason": "max_tokens"}},
    "langfuse, langchain": {**LANGFUSE, "output": {**A, "response_metadata": {"finish_reason": "length"}}},
    "langfuse, metadata": {**LANGFUSE, "output": A["content"], "metadata": {"finish_reason": "length"}},
    "langfuse, of a span": {
        **LANGFUSE,
        "output": A,
        "metadata": {"attributes": {"gen_ai.response.finish_reasons": '["length"]'}},
    },
    "langsmith, message": {**LANGSMITH, "outputs": {"message": {**ANTHROPIC, "stop_reason": "max_tokens"}}},
    "langsmith, flat": {**LANGSMITH, "outputs": {**ANTHROPIC, "stop_reason": "max_tokens"}},
    "langsmith, list": {**LANGSMITH, "outputs": [{**A, "finish_reason": "length"}]},
    "langsmith, output": {**LANGSMITH, "outputs": {"output": {**A, "finish_reason": "length"}}},
    "langsmith, messages": {
        **LANGSMITH,
        "outputs": {"messages": [Q, {**A, "response_metadata": {"stopReason": "max_tokens"}}]},
    },
    "langsmith, generations": {
        **LANGSMITH,
        "outputs": {
            "generations": [[{"message": {"kwargs": {**A, "response_metadata": {"finish_reason": "length"}}}}]]
        },
    },
    "exchange": {
        "request": {"messages": [Q]},
        "response": {"choices": [{"message": A, "finish_reason": "length"}]},
    },
    "exchange, beside": {
        "request": {"messages": [Q]},
        "response": {"choices": [{"message": A}]},
        "finish_reason": "length",
    },
}


@pytest.mark.parametrize("name", LIMITED)
def test_answer_that_ended_at_a_limit_is_marked(name: str) -> None:
    (call,) = formats.calls_in(LIMITED[name])
    assert call.is_cut_off
    assert call.finish_reason == "length"


WHOLE: dict[str, dict[str, Any]] = {
    "stop": {"messages": [Q, {**A, "finish_reason": "stop"}], "finish_reason": "stop"},
    "state of a task": {"prompt": "Ghent?", "completion": "A port.", "status": "incomplete"},
    "state of another message": {"messages": [{**Q, "finish_reason": "length"}, A]},
    "worse answer": {
        "prompt": Q["content"],
        "chosen": [Q, A],
        "rejected": [Q, {"role": "assistant", "content": "A", "finish_reason": "length"}],
    },
    "json answer": {**LANGFUSE, "output": '{"topic": "Ghent", "stop_reason": "max_tokens"}'},
    "span": span(SPAN, output__value=json.dumps({"choices": [{"finish_reason": "stop", "message": A}]})),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_answer_is_not_marked(name: str) -> None:
    (call,) = formats.calls_in(WHOLE[name])
    assert not call.is_cut_off


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("FINISH_REASON_MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("token_limit", "length"),
        ("LENGTH", "length"),
        ("ERROR_TOXIC", "content_filter"),
        ("RECITATION", "content_filter"),
        ("sensitive", "content_filter"),
        ("abort", "error"),
        ("insufficient_system_resource", "error"),
        ("end_turn", "stop"),
        ("COMPLETE", "stop"),
        (["length"], "length"),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_finish_reason_of_any_vendor_is_openais(given: object, expected: str | None) -> None:
    assert finish_reason(given) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("FinishReason.MAX_TOKENS", "length"), ("FinishReason.STOP", "stop"), (2, "length"), (1, "stop"),
        (True, None), ("MALFORMED_FUNCTION_CALL", "error"), ("timeout", "error"), ("length_limit", "length"),
    ],
)  # fmt: skip
def test_reason_in_the_words_of_sdks_is_known(given: object, reason: str | None) -> None:
    assert finish_reason(given) == reason


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        {**A, "done": False},
        {"role": "assistant", "parts": [{"type": "text", "text": A["content"], "state": "streaming"}]},
    ],
)
def test_answer_that_was_stored_while_it_came_is_cut_off(answer: dict[str, Any], is_text: bool) -> None:
    messages = [Q, answer]
    (call,) = formats.calls_in({"messages": json.dumps(messages) if is_text else messages})
    assert (call.messages, call.is_cut_off) == ([Q, A], True)


@pytest.mark.parametrize(("number", "reason"), [(1, "stop"), (2, "length"), (3, "content_filter"), (10, "error")])
def test_number_of_gemini_is_its_reason(number: int, reason: str) -> None:
    response = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": A["content"]}]}, "finishReason": number}]
    }
    request = {"contents": [{"role": "user", "parts": [{"text": Q["content"]}]}]}
    (call,) = formats.calls_in({"request": request, "response": response})
    assert call.finish_reason == reason
