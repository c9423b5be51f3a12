"""Rows in shapes of trainers and hosts: Vertex AI's pairs and logs, turns as pairs, calls as the AI SDK has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io.formats import chat_checks
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, CANDIDATES, CONTENTS_REQUEST, QUESTION, only

GOOD, BAD = ({"role": "model", "parts": [{"text": text}]} for text in (ANSWERED, "No idea."))
SYSTEM = {"role": "system", "content": "Be brief."}
EARLIER = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


def scored(*scores: object) -> list[dict[str, Any]]:
    return [{"score": score, "completion": said} for score, said in zip(scores, (BAD, GOOD), strict=False)]


@pytest.mark.parametrize("completions", [scored(0, 1), scored(0.0, 1.0)[::-1], json.dumps(scored("0", "1"))])
def test_completions_of_vertex_are_a_pair(completions: object) -> None:
    request = {"system_instruction": {"parts": [{"text": "Be brief."}]}, "contents": [{"parts": [{"text": ASKED}]}]}
    call = only({**request, "completions": completions}, "gemini")
    assert (call.messages, call.rejected) == (
        [SYSTEM, QUESTION, ANSWER],
        [{"role": "assistant", "content": "No idea."}],
    )
    assert not call.metadata


@pytest.mark.parametrize("completions", [scored(1), scored(1, 1), scored(0.2, 0.8), [*scored(0, 1), *scored(0, 1)], []])
def test_completions_that_are_no_pair_are_refused(completions: object) -> None:
    with pytest.raises(DataError, match="completions must be two answers, one of score 1 and one of score 0"):
        only({"contents": [{"parts": [{"text": ASKED}]}], "completions": completions})


@pytest.mark.parametrize("as_text", [False, True])
def test_log_of_vertex_in_bigquery_is_a_call(as_text: bool) -> None:
    claude = {"messages": [QUESTION], "anthropic_version": "vertex-2023-10-16", "max_tokens": 9}
    said = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}
    for name, request, response in (
        ("gemini-log", CONTENTS_REQUEST, CANDIDATES),
        ("anthropic", claude, {**said, "stop_reason": "end_turn"}),
    ):
        row: dict[str, Any] = {"logging_time": "2026-01-02 03:04:05 UTC", "otel_log": {"body": ASKED}, "request_id": 7}
        texts = {"full_request": request, "full_response": response}
        call = only(row | ({key: json.dumps(value) for key, value in texts.items()} if as_text else texts), name)
        assert [each["content"] for each in call.messages][-2:] == [ASKED, ANSWERED]
        assert (call.captured_at, call.finish_reason) == (row["logging_time"], "stop")
        assert call.metadata["request_id"] == 7
        assert "otel_log" not in call.metadata


@pytest.mark.parametrize("names", [("input", "output"), ("human", "assistant")])
def test_turns_may_be_pairs_of_question_and_answer(names: tuple[str, str]) -> None:
    pairs = [dict(zip(names, texts, strict=True)) for texts in (("Hi", "Hello"), (ASKED, ANSWERED))]
    assert only({"conversation": pairs}, "sharegpt").messages == [*EARLIER, QUESTION, ANSWER]
    with_system = [{**pairs[0], "system": "Be brief."}, pairs[1]]
    assert only({"conversation": with_system}).messages == [SYSTEM, *EARLIER, QUESTION, ANSWER]
    for wrong in ([{**pairs[0], "output_with_loss": False}], [pairs[0], {**pairs[1], "system": "Be rude."}]):
        with pytest.raises(DataError, match=r"conversation\[0\] has neither from nor role \(it has .*"):
            only({"conversation": wrong})


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("more", [{"args": '{"order": 7}', "toolCallType": "function"}, {"input": {"order": 7}}])
def test_answer_of_calls_alone_that_langfuse_has_of_the_ai_sdk_is_no_text(as_text: bool, more: dict[str, Any]) -> None:
    output: Any = [{"toolCallId": f"c{number}", "toolName": "track", **more} for number in (1, 2)]
    row = {"type": "GENERATION", "traceId": "t", "id": "o", "input": [QUESTION]}
    call = only({**row, "output": json.dumps(output) if as_text else output}, "langfuse")
    made = call.messages[-1]["tool_calls"]
    assert [(each["id"], each["function"]) for each in made] == [
        (name, {"name": "track", "arguments": '{"order": 7}'}) for name in ("c1", "c2")
    ]
    assert not chat_checks.check_row({"messages": call.messages})
    other = [{"toolCallId": 1}, {"toolName": "track"}]
    assert only({**row, "output": other}).messages[-1]["content"] == json.dumps(other)
