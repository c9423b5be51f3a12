"""Logs of gateways and tracers in the shapes that their documentation shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError
from tests.data_io.test_formats import ANSWERED, ASKED, CALL, COMPLETION, ONE_CALL, TOOLS, only

RULES = {"role": "system", "content": "Be short."}
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "text", "text": "One moment."},
        {"type": "tool_use", "id": "call_1", "name": "track", "input": {"order": 7}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 9, "output_tokens": 4},
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-4o",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "id": "m1",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "On its way."}],
        },
    ],
    "usage": {"input_tokens": 9, "output_tokens": 4},
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "On its way."}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4},
    "modelVersion": "gemini-x",
}
EXCHANGES: dict[str, tuple[dict[str, Any], Any]] = {
    "openai": ({"messages": [RULES, ASKED]}, COMPLETION),
    "responses": ({"input": "Where is order 7?", "instructions": "Be short."}, RESPONSE),
    "responses-items": ({"input": [{**ASKED, "type": "message"}], "instructions": "Be short."}, RESPONSE),
    "anthropic": (
        {"system": [{"type": "text", "text": "Be short."}], "messages": [ASKED]},
        {**CLAUDE, "content": [{"type": "text", "text": "On its way."}], "stop_reason": "end_turn"},
    ),
    "gemini": (
        {
            "systemInstruction": {"parts": [{"text": "Be short."}]},
            "contents": [{"role": "user", "parts": [{"text": "Where is order 7?"}]}],
        },
        GEMINI,
    ),
    "bedrock": (
        {"system": [{"text": "Be short."}], "messages": [{"role": "user", "content": [{"text": "Where is order 7?"}]}]},
        {"output": {"message": {"role": "assistant", "content": [{"text": "On its way."}]}}, "stopReason": "end_turn"},
    ),
    "ollama": (
        {"messages": [RULES, ASKED]},
        {"model": "x", "message": ANSWERED, "done": True, "done_reason": "stop"},
    ),
    "text": ({"messages": [RULES, ASKED]}, "On its way."),
}
NO_CHATS: dict[str, tuple[dict[str, Any], Any]] = {
    "text-completion": ({"prompt": "Where"}, {"object": "text_completion", "choices": [{"text": "is"}]}),
    "embedding": ({"input": "Where"}, {"object": "list", "data": [{"embedding": [0.5]}]}),
    "moderation": ({"input": "Where"}, {"id": "modr-1", "results": [{"flagged": False}]}),
    "error": ({"messages": [ASKED]}, {"error": {"message": "no credit"}}),
    "anthropic-error": ({"messages": [ASKED]}, {"type": "error", "error": {"message": "overloaded"}}),
    "failed-response": ({"input": "Where"}, {"object": "response", "status": "failed", "output": []}),
}


def logged(name: str, request: dict[str, Any], response: Any) -> dict[str, Any]:
    row = ONE_CALL[name]
    if name == "langsmith":
        return {**row, "inputs": request, "outputs": response}
    if name == "litellm":
        call_type = "pass_through_endpoint"
        received = {"call_type": call_type, "proxy_server_request": {"body": request}, "response": response}
        return {key: value for key, value in row.items() if key != "messages"} | received
    keys = ("request_body", "response_body") if name == "helicone" else ("request", "response")
    return {**row, keys[0]: request, keys[1]: response}


GATEWAYS = ("helicone", "portkey", "langsmith", "litellm")


@pytest.mark.parametrize("name", GATEWAYS)
@pytest.mark.parametrize("vendor", EXCHANGES)
def test_calls_in_log_of_vendor_reads_request_and_response(name: str, vendor: str) -> None:
    request, response = EXCHANGES[vendor]
    if isinstance(response, str) and name == "litellm":
        pytest.skip("passed through, a text is of another API")
    row = logged(name, request, response)
    assert formats.format_of(row) == name
    assert only(row).messages == [RULES, ASKED, ANSWERED]
    if vendor != "text":
        assert only(row).finish_reason == "stop"
    as_text = {key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in row.items()}
    assert only(as_text).messages == [RULES, ASKED, ANSWERED]  # as in CSV


@pytest.mark.parametrize("name", GATEWAYS)
@pytest.mark.parametrize("kind", NO_CHATS)
def test_calls_in_log_of_no_chat_yields_none(name: str, kind: str) -> None:
    assert list(formats.calls_in(logged(name, *NO_CHATS[kind]))) == []


@pytest.mark.parametrize("name", ["helicone", "portkey", "langsmith"])
def test_calls_in_log_with_tools_reads_tools_and_calls(name: str) -> None:
    tools = [{"name": "track", "input_schema": {"type": "object"}}]
    call = only(logged(name, {"messages": [ASKED], "tools": tools}, CLAUDE))
    assert call.tools == TOOLS
    assert call.messages[-1] == {"role": "assistant", "content": "One moment.", "tool_calls": [CALL]}
    assert (call.finish_reason, call.model) == ("tool_calls", "claude-x")
    assert call.usage == {"prompt_tokens": 9, "completion_tokens": 4}


@pytest.mark.parametrize("name", GATEWAYS)
def test_calls_in_log_of_continued_response_raises(name: str) -> None:
    with pytest.raises(DataError, match="previous_response_id"):
        only(logged(name, {"input": "And 8?", "previous_response_id": "resp_0"}, RESPONSE))


FAILED: dict[str, dict[str, Any]] = {
    "helicone": {"response_status": 429},
    "portkey": {"is_success": False},
    "langsmith": {"error": "RateLimitError('no')", "outputs": None},
    "litellm": {"status": "failure"},
}
EMPTY: dict[str, tuple[dict[str, Any], str]] = {
    "helicone": (
        {"request_body": {"helicone_message": "request body too large"}, "signed_body_url": "https://e.example/b"},
        "export with bodies",
    ),
    "portkey": ({"request": None}, "request both fields in the export"),
    "langsmith": ({"inputs": {}}, "LANGSMITH_HIDE_INPUTS"),
    "litellm": ({"messages": "{}", "response": "{}"}, "store_prompts_in_spend_logs"),
}


@pytest.mark.parametrize("name", GATEWAYS)
def test_calls_in_log_failed_or_empty_is_skipped_or_says_why(name: str) -> None:
    assert list(formats.calls_in(ONE_CALL[name] | FAILED[name])) == []
    changes, reason = EMPTY[name]
    with pytest.raises(DataError, match=reason):
        only(ONE_CALL[name] | changes)


def lc(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", f"{kind}Message"],
        "kwargs": kwargs,
    }


def langchain_run(**message: Any) -> dict[str, Any]:
    generation = {
        "text": "",
        "type": "ChatGeneration",
        "generation_info": {"finish_reason": "stop"},
        "message": lc("AI", type="ai", usage_metadata={"input_tokens": 5, "output_tokens": 3}, **message),
    }
    asked = [lc("System", content="Be short.", type="system"), lc("Human", content="Where is order 7?", type="human")]
    return {
        **ONE_CALL["langsmith"],
        "inputs": {"messages": [asked]},
        "outputs": {"generations": [[generation]], "llm_output": {"model_name": "gpt-4o-x"}, "type": "LLMResult"},
        "extra": {
            "invocation_params": {"model": "gpt-4o", "tools": TOOLS},
            "metadata": {"ls_model_name": "gpt-4o", "thread_id": "c1", "team": "shop"},
        },
    }


def test_calls_in_langchain_run_reads_serialised_messages() -> None:
    call = only(langchain_run(content="On its way."))
    assert call.messages == [RULES, ASKED, ANSWERED]
    assert (call.tools, call.model, call.finish_reason, call.rating) == (TOOLS, "gpt-4o-x", "stop", 5)
    assert call.usage == {"prompt_tokens": 5, "completion_tokens": 3}
    assert call.metadata["conversation_id"] == "c1"
    assert call.metadata["team"] == "shop"
    calling = only(langchain_run(content="", tool_calls=[{"name": "track", "args": {"order": 7}, "id": "call_1"}]))
    assert calling.messages[-1] == {"role": "assistant", "content": None, "tool_calls": [CALL]}


@pytest.mark.parametrize(
    "outputs",
    [
        {"messages": [ANSWERED]},
        {"message": ANSWERED},
        {"output": ANSWERED},
        {"output": "On its way."},
        {"choices": [{"message": ANSWERED}]},
        ANSWERED,
    ],
)
def test_calls_in_traced_function_reads_each_documented_output(outputs: dict[str, Any]) -> None:
    assert only({**ONE_CALL["langsmith"], "outputs": outputs}).messages == [ASKED, ANSWERED]


def test_calls_in_langsmith_run_of_no_model_yields_none() -> None:
    for kind in ("chain", "tool", "retriever", "embedding", "prompt", "parser"):
        assert list(formats.calls_in({**ONE_CALL["langsmith"], "run_type": kind})) == []
    assert list(formats.calls_in({**ONE_CALL["langsmith"], "inputs": {"prompts": ["Where"]}})) == []


def test_calls_in_langsmith_feedback_becomes_rating() -> None:
    row = ONE_CALL["langsmith"]
    for stats, rating in (
        ({"user_score": {"n": 1, "avg": 0.0}}, 1),
        ({"rating": {"n": 1, "avg": 4.0}}, 4),
        ({"user_score": {"n": 2, "avg": 0.5}}, None),
        ({"correctness": {"n": 1, "avg": 1.0}}, None),
        ([{"key": "user_score", "score": 1}], 5),
    ):
        assert only({**row, "feedback_stats": stats}).rating == rating


def test_calls_in_langsmith_dataset_reads_each_kind_of_example() -> None:
    human = {"type": "human", "data": {"content": "Where is order 7?"}}
    answer = {"type": "ai", "data": {"content": "On its way."}}
    for inputs, outputs in (
        ({"question": "Where is order 7?"}, {"answer": "On its way."}),
        ({"input": [human]}, {"output": answer}),
        ({"messages": [ASKED]}, {"messages": [ASKED, ANSWERED]}),
        ({"messages": [ASKED]}, ANSWERED),
    ):
        assert only({"inputs": inputs, "outputs": outputs}).messages == [ASKED, ANSWERED]
    example = {"inputs": {"question": "Where is order 7?"}, "outputs": {"answer": "On its way."}}
    assert only({**example, "metadata": {"rating": 2}}).rating == 2
    assert only({**example, "metadata": {"toxic": True}}).rating == 1
    with pytest.raises(DataError, match="inputs has context beside the conversation"):
        only({"inputs": {"question": "a", "context": "b"}, "outputs": {"answer": "c"}})
    with pytest.raises(DataError, match="outputs has neither messages nor a text"):
        only({"inputs": {"question": "a"}, "outputs": {"score": 1}})


def test_calls_in_helicone_export_reads_fetched_bodies() -> None:
    row = {key: value for key, value in ONE_CALL["helicone"].items() if not key.endswith("_body")}
    row["signed_body_content"] = {"request": {"messages": [ASKED]}, "response": COMPLETION}
    call = only(row)
    assert (call.messages, call.rating, call.metadata["conversation_id"]) == ([ASKED, ANSWERED], 5, "s1")
    assert only({**row, "feedback_rating": "false"}).rating == 1


def test_calls_in_portkey_log_reads_bodies_within_requests() -> None:
    row = ONE_CALL["portkey"]
    sent = {"url": "https://e.example", "body": row["request"]}
    assert only({**row, "request": sent, "response": {"status": 200, "body": COMPLETION}}).messages == [ASKED, ANSWERED]


def test_calls_in_litellm_of_each_call_type_are_read_or_skipped() -> None:
    row = ONE_CALL["litellm"]
    for call_type in ("completion", "acompletion"):
        assert only({**row, "call_type": call_type}).messages == [ASKED, ANSWERED]
    answer = {**CLAUDE, "content": [{"type": "text", "text": "On its way."}]}
    assert only({**row, "call_type": "anthropic_messages", "response": answer}).messages == [ASKED, ANSWERED]
    for call_type in ("responses", "aresponses"):
        found = only({**row, "call_type": call_type, "messages": "Where is order 7?", "response": RESPONSE})
        assert found.messages == [ASKED, ANSWERED]
    for call_type in ("text_completion", "aembedding", "aimage_generation", "_arealtime", "rerank", "amoderation"):
        assert list(formats.calls_in({**row, "call_type": call_type})) == []
    spent = {**row, "messages": "{}", "proxy_server_request": json.dumps({"messages": [RULES, ASKED], "tools": TOOLS})}
    assert (only(spent).messages, only(spent).tools) == ([RULES, ASKED, ANSWERED], TOOLS)


def test_calls_in_litellm_redacted_or_truncated_is_not_captured() -> None:
    row = ONE_CALL["litellm"]
    redacted = [{"role": "user", "content": "redacted-by-litellm"}]
    assert list(formats.calls_in({**row, "messages": redacted})) == []
    assert list(formats.calls_in({**row, "response": {"text": "redacted-by-litellm"}})) == []
    cut = [{"role": "user", "content": "Where ... (litellm_truncated skipped 9000 chars. see the docs) ... 7?"}]
    with pytest.raises(DataError, match="MAX_STRING_LENGTH_PROMPT_IN_DB"):
        only({**row, "messages": cut})


def test_calls_in_langfuse_trace_gives_scores_to_their_observation() -> None:
    first, second = ({**ONE_CALL["langfuse"], "id": name, "scores": None} for name in ("o1", "o2"))
    scores = [{"name": "rating", "value": 2, "observationId": "o1"}, {"name": "rating", "value": 4}]
    steps = [{key: value for key, value in each.items() if key != "scores"} for each in (first, second)]
    found = list(formats.calls_in({"id": "t1", "sessionId": "s1", "observations": steps, "scores": scores}))
    assert [call.rating for call in found] == [2, 4]
    assert [call.metadata["session_id"] for call in found] == ["s1", "s1"]


def mutations(value: Any) -> Iterator[Any]:
    """The value with each of its parts, at any depth, replaced by something else, or left out."""
    yield from (None, 5, "x", [], {}, [5], {"x": 5}, [[]])
    if isinstance(value, dict):
        for key, each in value.items():
            yield {name: inner for name, inner in value.items() if name != key}
            for changed in mutations(each):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for at, each in enumerate(value):
            for changed in mutations(each):
                yield [*value[:at], changed, *value[at + 1 :]]


@pytest.mark.parametrize("row", [*ONE_CALL.values(), langchain_run(content="On its way.")])
def test_calls_in_malformed_log_raises_nothing_but_data_errors(row: dict[str, Any]) -> None:
    for changed in mutations(row):
        if isinstance(changed, dict) and formats.format_of(changed) is not None:
            with suppress(DataError):
                list(formats.calls_in(changed))


@pytest.mark.parametrize("vendor", ["responses", "anthropic", "gemini"])
def test_calls_in_langfuse_generation_of_each_vendor_reads_the_answer(vendor: str) -> None:
    request, response = EXCHANGES[vendor]
    assert only({**ONE_CALL["langfuse"], "input": request}).messages == [RULES, ASKED, ANSWERED]
    outputs = [response, response.get("content"), response.get("output")]
    for output in [each for each in outputs if each is not None]:
        assert only({**ONE_CALL["langfuse"], "output": json.dumps(output)}).messages == [ASKED, ANSWERED]
    calling = {**ONE_CALL["langfuse"], "output": CLAUDE["content"]}
    assert only(calling).messages[-1]["tool_calls"] == [CALL]


def test_calls_in_failed_langfuse_generation_yields_none() -> None:
    failed = {**ONE_CALL["langfuse"], "level": "ERROR", "output": None}
    assert list(formats.calls_in(failed)) == []
    assert (
        only({**ONE_CALL["langfuse"], "output": {"intent": "track"}}).messages[-1]["content"] == '{"intent": "track"}'
    )


@pytest.mark.parametrize(
    ("given", "answer"), [('"Why?"', "So."), ("Why?", '"So."'), ([{"role": "user", "content": "Why?"}], '"So."')]
)
def test_answer_of_langfuse_in_quotes_is_json_where_its_input_is(given: object, answer: str) -> None:
    (call,) = formats.calls_in({"type": "GENERATION", "traceId": "t", "id": "o", "input": given, "output": '"So."'})
    assert call.messages[-1]["content"] == answer


@pytest.mark.parametrize(
    ("score", "rating"),
    [
        ({"name": "user-feedback", "value": 1, "dataType": "CATEGORICAL", "stringValue": "bad"}, 1),
        ({"name": "quality", "value": 1, "dataType": "BOOLEAN", "stringValue": "True"}, 5),
        ({"name": "quality", "value": 1, "dataType": "NUMERIC"}, 1),
        ({"name": "correctness", "value": 0, "dataType": "BOOLEAN", "stringValue": "False"}, 1),
        ({"name": "correctness", "value": 0.75, "dataType": "NUMERIC"}, 4),
    ],
)
def test_score_of_langfuse_counts_by_its_type(score: dict[str, Any], rating: int) -> None:
    (call,) = formats.calls_in({**ONE_CALL["langfuse"], "scores": [score]})
    assert call.rating == rating


def test_scores_of_langfuse_as_a_table_has_them_are_ratings() -> None:
    row = {"traceId": "t", "type": "GENERATION", "id": "o", "input": "Why?", "output": "So.", "name": "g"}
    (call,) = formats.calls_in({**row, "scores": json.dumps({"accuracy": [0.5], "user-feedback": ["0"]})})
    assert call.rating == 1
