"""Rows that hold several calls: each is read, or left out and counted, whatever becomes of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.call import Call
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DataError

Row = dict[str, Any]
REDACTED = "[REDACTED]"


def user(text: str) -> Row:
    return {"role": "user", "content": text}


def answer(text: str) -> Row:
    return {"role": "assistant", "content": text}


def generation(asked: object, answered: object) -> Row:
    return {"id": "o", "type": "GENERATION", "input": asked, "output": answered}


def observations(asked: list[Any]) -> Row:
    return {"id": "t", "observations": [generation(each and [user(each)], answer("Yes.")) for each in asked]}


def gen_ai_spans(asked: list[Any]) -> Row:
    def span(number: int, text: Any) -> Row:
        messages = text and json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])
        output = [{"role": "assistant", "parts": [{"type": "text", "content": "Yes."}], "finish_reason": "stop"}]
        facts = {"gen_ai.operation.name": "chat", "gen_ai.output.messages": json.dumps(output)}
        facts |= {"gen_ai.input.messages": messages} if messages else {}
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in facts.items()]
        return {"traceId": "t", "spanId": str(number), "name": "chat", "attributes": attributes}

    return {"resourceSpans": [{"scopeSpans": [{"spans": [span(*each) for each in enumerate(asked)]}]}]}


def phoenix_spans(asked: list[Any]) -> Row:
    def span(number: int, text: Any) -> Row:
        facts = {"openinference.span.kind": "LLM", "output.value": "Yes."} | ({"input.value": text} if text else {})
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in facts.items()]
        return {"traceId": "t", "spanId": str(number), "name": "llm", "attributes": attributes}

    return {"resourceSpans": [{"scopeSpans": [{"spans": [span(*each) for each in enumerate(asked)]}]}]}


def run(asked: object, **facts: object) -> Row:
    return {"run_type": "llm", "inputs": asked and {"messages": [asked]}, "outputs": {"output": "Yes."}, **facts}


def chain(asked: list[Any]) -> Row:
    inner = {"run_type": "chain", "inputs": {}, "child_runs": [run(each and user(each)) for each in asked[1:]]}
    tool = {"run_type": "tool", "inputs": {"input": "x"}, "outputs": {"output": REDACTED}}
    first = run(user(asked[0]))
    return {"run_type": "chain", "inputs": {"q": 1}, "outputs": {"a": 1}, "child_runs": [first, tool, inner]}


TRACES = {"langfuse": observations, "gen-ai": gen_ai_spans, "openinference": phoenix_spans, "langsmith": chain}


@pytest.mark.parametrize("trace", TRACES)
def test_redacted_and_malformed_calls_of_a_trace_are_left_out_and_the_others_kept(trace: str, tmp_path: Path) -> None:
    row = TRACES[trace](["One?", REDACTED, None, "Two?"])
    found = list(formats.read(row)[1])
    assert [each.messages[0].get("content") for each in found if isinstance(each, Call)] == ["One?", "Two?"]
    assert [each.why for each in found if isinstance(each, Unread)] == ["redacted", "malformed"]
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(row))
    report = DistillationDataCollector().import_files([file])
    assert (report.read, report.captured, report.skipped, dict(report.unread)) == (4, 2, 1, {"redacted": 1})
    assert len(report.rejected) == 1


@pytest.mark.parametrize("trace", ["langfuse", "gen-ai", "openinference"])
def test_only_call_of_a_trace_is_refused_without_a_place(trace: str) -> None:
    with pytest.raises(DataError, match="^(?!span|observations).*") as raised:
        list(formats.calls_in(TRACES[trace]([None])))
    assert not str(raised.value).startswith("observations[")


def test_invalid_fact_of_a_call_leaves_the_others_of_its_trace(tmp_path: Path) -> None:
    row = observations(["One?", "Two?", "Three?"])
    row["observations"][1]["startTime"] = "yesterday"
    row["observations"][2]["level"] = "ERROR"
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(row))
    report = DistillationDataCollector().import_files([file])
    assert (report.read, report.captured, len(report.rejected), dict(report.unread)) == (3, 1, 1, {"failed": 1})


def test_run_inside_the_run_of_a_model_is_a_part_of_the_same_call() -> None:
    assert len(list(formats.calls_in(run(user("One?"), child_runs=[run(user("One?"))])))) == 1


def test_runs_of_a_chain_have_the_feedback_and_the_thread_of_the_chain() -> None:
    row = {**chain(["One?", "Two?"]), "feedback_stats": {"user_score": {"n": 1, "avg": 1}}, "thread_id": "42"}
    found = list(formats.calls_in(row))
    assert [(call.rating, call.metadata["conversation_id"]) for call in found] == [(5, "42")] * 2


def test_requests_that_were_run_together_are_calls_of_their_own() -> None:
    answers = [[{"message": {"type": "ai", "content": each}, "text": each}] for each in ("1", "2")]
    row = {
        "run_type": "llm",
        "inputs": {"messages": [[user("One?")], [user("Two?")]]},
        "outputs": {"generations": answers},
    }
    assert [call.messages for call in formats.calls_in(row)] == [
        [user("One?"), answer("1")],
        [user("Two?"), answer("2")],
    ]
    with pytest.raises(DataError, match="2 requests"):
        list(formats.calls_in({**row, "outputs": {"generations": answers[:1]}}))


LANGCHAIN = [[{"text": "1", "message": {"type": "ai", "content": "1"}}], [{"text": "2"}]]


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        (["One?", "Two?"], ["1", "2"]),
        ([[user("One?")], [user("Two?")]], [answer("1"), answer("2")]),
        ({"messages": [[user("One?")], [user("Two?")]], "model": "m"}, {"generations": LANGCHAIN, "llm_output": None}),
        ({"prompts": ["One?", "Two?"]}, {"generations": [[{"text": "1"}], [{"text": "2"}]]}),
        ({"prompt": ["One?", "Two?"]}, {"choices": [{"index": 0, "text": "1"}, {"index": 1, "text": "2"}]}),
    ],
)
@pytest.mark.parametrize("is_numbered", [False, True])
def test_batch_of_openinference_is_a_call_for_each_request(sent: Any, came: Any, is_numbered: bool) -> None:
    facts = {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 9}
    values = {"input.value": json.dumps(sent), "output.value": json.dumps(came)}
    if is_numbered:
        facts |= {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "One?"}
        facts |= {"llm.output_messages.0.message.content": "1"}
    found = list(formats.calls_in({"attributes": {**facts, **values}}))
    expected = [[user("One?"), answer("1")], [user("Two?"), answer("2")]]
    of_messages = "messages" in sent if isinstance(sent, dict) else isinstance(sent[0], list)
    # Texts in a list may as well be the one text of the message.
    assert [call.messages for call in found] == (expected if of_messages or not is_numbered else expected[:1])
    assert {call.model for call in found} == {"m"}


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        (["One?", "Two?"], "1"),
        (["One?", "Two?"], ["1"]),
        ({"messages": [[user("One?")], [user("Two?")]]}, {"generations": LANGCHAIN[:1]}),
    ],
)
def test_batch_without_an_answer_for_each_request_is_refused(sent: Any, came: Any) -> None:
    facts = {"openinference.span.kind": "LLM", "input.value": json.dumps(sent), "output.value": json.dumps(came)}
    with pytest.raises(DataError, match="holds 2 requests, and .* not as many answers"):
        list(formats.calls_in({"attributes": facts}))


def test_batch_of_one_and_its_finish_reason_are_read() -> None:
    generations = [[{"text": "1", "generation_info": {"finish_reason": "length"}, "message": {"content": "1"}}]]
    values = {
        "input.value": json.dumps({"prompts": ["One?"]}),
        "output.value": json.dumps({"generations": generations}),
    }
    (call,) = formats.calls_in({"attributes": {"openinference.span.kind": "LLM", **values}})
    assert (call.messages, call.finish_reason) == ([user("One?"), answer("1")], "length")
