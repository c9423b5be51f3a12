"""Answers beside which stands what their host has found or run: one rule, whichever host or log says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.datasets.file_check import examine
from fine_tuning.errors import DataError
from tests.data_io import vendor_rows as rows
from tests.data_io.vendor_rows import ANSWER, QUESTION, fresh, only

BESIDE: dict[str, dict[str, Any]] = {
    "perplexity": {"citations": ["https://x.example"]},
    "results": {"search_results": [{"title": "T", "url": "https://x.example"}]},
    "qwen": {"search_info": {"search_results": [{"index": 1, "url": "https://x.example"}]}},
    "zhipu": {"web_search": [{"title": "T", "content": "c"}]},
    "sources of xAI": {"usage": {"prompt_tokens": 1, "completion_tokens": 2, "num_sources_used": 3}},
    "tools of xAI": {"usage": {"server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 0}}},
    "tools of Anthropic": {"usage": {"server_tool_use": {"web_search_requests": 1}}},
}
IN_MESSAGE: dict[str, dict[str, Any]] = {
    "groq": {"executed_tools": [{"index": 0, "type": "python", "arguments": "{}", "output": "5"}]},
    "azure": {"context": {"citations": [{"content": "c"}], "intent": "[]"}},
    "litellm": {"provider_specific_fields": {"citations": [[{"type": "web_search_result_location"}]]}},
    "langchain": {"additional_kwargs": {"executed_tools": [{"type": "search"}]}},
    "langchain, gemini": {"response_metadata": {"grounding_metadata": {"grounding_chunks": [{"web": {}}]}}},
    "in the message": {"citations": ["https://x.example"]},
}


def completion_of(body: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    (choice,) = rows.COMPLETION["choices"]
    return fresh({**rows.COMPLETION, "choices": [{**choice, "message": {**choice["message"], **message}}]}, **body)


@pytest.mark.parametrize("name", [*BESIDE, *IN_MESSAGE])
def test_answer_beside_which_stands_what_the_host_has_found_is_refused(name: str) -> None:
    response = completion_of(BESIDE.get(name, {}), IN_MESSAGE.get(name, {}))
    chunk = {"object": "chat.completion.chunk", **BESIDE.get(name, {})}
    stream = [
        {**chunk, "choices": [{"index": 0, "delta": {"content": "Lost.", **IN_MESSAGE.get(name, {})}}]},
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    for row in (
        {"request": rows.CHAT, "response": response},
        {**response, "messages": [QUESTION]},
        {"messages": [QUESTION], "response": response},
        {"traceId": "t", "name": "n", "input": [QUESTION], "output": response},
        {"call_type": "acompletion", "messages": [QUESTION], "response": response},
        {"request": rows.CHAT, "response": stream},
    ):
        with pytest.raises(DataError, match="the answer rests on what its host has found or run"):
            only(row)


@pytest.mark.parametrize(
    "nothing",
    [
        {"citations": [], "search_results": None, "usage": {"num_sources_used": 0, "server_tool_use": None}},
        {"citations": None, "usage": {"server_tool_use": {"web_search_requests": 0}}},
    ],
)
def test_response_that_says_that_nothing_was_found_is_read(nothing: dict[str, Any]) -> None:
    message = {"executed_tools": [], "citations": None, "provider_specific_fields": {"citations": None}, "context": {}}
    row = {"request": rows.CHAT, "response": completion_of(nothing, message)}
    assert only(row).messages == [QUESTION, ANSWER]
    assert [each.code for each in examine(json.dumps(row).encode()).findings] == []


def test_tool_of_anthropics_servers_is_refused_by_name() -> None:
    used = {"type": "server_tool_use", "id": "s_1", "name": "web_search", "input": {"query": "order 7"}}
    location = {"type": "web_search_result_location", "url": "u"}
    cited = {"type": "text", "text": "Lost.", "citations": [location]}
    for block, reason in ((used, "is of type 'server_tool_use'"), (cited, "has a web_search_result_location")):
        row = {"request": rows.MESSAGES_REQUEST, "response": fresh(rows.MESSAGE, content=[block])}
        with pytest.raises(DataError, match=reason):
            only(row)
    events = [
        {"type": "message_start", "message": {"type": "message", "role": "assistant", "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "Lost."}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "citations_delta", "citation": cited["citations"][0]},
        },
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ]
    with pytest.raises(DataError, match="has a web_search_result_location"):
        only({"request": rows.MESSAGES_REQUEST, "response": events})


def test_stream_of_gemini_that_rests_on_a_search_is_refused() -> None:
    (candidate,) = rows.CANDIDATES["candidates"]
    grounded = {"candidates": [{"index": 0, "groundingMetadata": {"webSearchQueries": ["order 7"]}}]}
    page = {"candidates": [{**candidate, "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "u"}]}}]}
    counted = {**rows.CANDIDATES, "usageMetadata": {"toolUsePromptTokenCount": 900}}
    for response in ([rows.CANDIDATES, grounded], [grounded, rows.CANDIDATES], [page], page, counted):
        with pytest.raises(DataError, match="rests on what its host has found or run"):
            only({"request": rows.CONTENTS_REQUEST, "response": response})


def test_check_gives_the_reason_of_the_response_beside_the_messages() -> None:
    row = {"messages": [QUESTION], "response": completion_of(BESIDE["perplexity"], {})}
    (finding,) = examine(json.dumps(row).encode()).findings
    assert "the response has citations" in finding.message


SEARCHED: list[dict[str, Any]] = [
    {"web_search_options": {}},
    {"search_parameters": {"mode": "on"}},
    {"plugins": [{"id": "web", "max_results": 3}]},
    {"model": "openai/gpt-4o:online"},
]


@pytest.mark.parametrize("stated", SEARCHED)
def test_request_for_which_the_host_has_to_search_is_refused(stated: dict[str, Any]) -> None:
    request = {**rows.CHAT, **stated}
    entry = {"call_type": "acompletion", "messages": [QUESTION], "response": rows.COMPLETION}
    for row in ({"request": request, "response": rows.COMPLETION}, {**entry, "model_parameters": stated}):
        with pytest.raises(DataError, match="the request has .*: the answer rests on what its host has found or run"):
            only(row)


@pytest.mark.parametrize(
    "stated",
    [{"web_search_options": None}, {"search_parameters": {"mode": "auto"}}, {"plugins": [{"id": "file-parser"}]}],
)
def test_request_for_which_the_host_may_not_search_is_read(stated: dict[str, Any]) -> None:
    assert only({"request": {**rows.CHAT, **stated}, "response": rows.COMPLETION}).messages == [QUESTION, ANSWER]


def test_call_of_a_custom_tool_is_refused_by_name() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "code", "input": "print(1)"}}
    calling = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "c", "content": "1"}
    for row in ({"messages": [QUESTION, calling, result, ANSWER]}, {"messages": [QUESTION, calling]}):
        with pytest.raises(DataError, match=r"messages\[1\].tool_calls\[0\] is of type 'custom', whose input is text"):
            only(row)


SPAN = {
    "openinference.span.kind": "LLM",
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.content": rows.ASKED,
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": rows.ANSWERED,
}
VERCEL = {
    "ai.operationId": "ai.generateText.doGenerate",
    "ai.prompt.messages": json.dumps([{"role": "user", "content": [{"type": "text", "text": rows.ASKED}]}]),
    "ai.response.text": rows.ANSWERED,
}


@pytest.mark.parametrize("name", [*BESIDE, *IN_MESSAGE])
def test_span_whose_response_says_what_was_found_is_refused(name: str) -> None:
    response = completion_of(BESIDE.get(name, {}), IN_MESSAGE.get(name, {}))
    with pytest.raises(DataError, match="the answer rests on what its host has found or run"):
        only({"name": "x", "attributes": {**SPAN, "output.value": json.dumps(response)}})
    plain = {**SPAN, "output.value": json.dumps(rows.COMPLETION)}
    assert only({"name": "x", "attributes": plain}).messages == [QUESTION, ANSWER]


def test_span_of_vercel_whose_provider_has_searched_is_refused() -> None:
    for provider, facts in (
        ("google", {"groundingMetadata": {"webSearchQueries": ["x"]}}),
        ("perplexity", {"usage": {"numSearchQueries": 2}}),
    ):
        stated = {"ai.response.providerMetadata": json.dumps({provider: facts})}
        with pytest.raises(DataError, match="the answer rests on what its host has found or run"):
            only({"name": "x", "attributes": {**VERCEL, **stated}})
    stated = {"ai.response.providerMetadata": json.dumps({"google": {"groundingMetadata": None}, "openai": {}})}
    assert only({"name": "x", "attributes": {**VERCEL, **stated}}).messages == [QUESTION, ANSWER]


def test_run_of_langchain_that_was_made_with_tools_of_the_host_is_refused() -> None:
    answer = {"id": ["x", "AIMessage"], "lc": 1, "type": "constructor"}
    for name in ("langchain", "langchain, gemini"):
        message = {**answer, "kwargs": {"content": "It is lost.", **IN_MESSAGE[name]}}
        row = {
            "run_type": "llm",
            "inputs": {"messages": [QUESTION]},
            "outputs": {"generations": [[{"message": message}]]},
        }
        with pytest.raises(DataError, match="the answer rests on what its host has found or run"):
            only(row)


def test_answer_of_open_webui_for_which_pages_were_found_is_refused() -> None:
    row = fresh(rows.WEBUI_CHAT)
    answer = row["chat"]["history"]["messages"]["c"]
    answer["statusHistory"] = [{"action": "web_search", "done": True, "description": "No search results found"}]
    assert only(row).messages[-1] == ANSWER
    answer["statusHistory"].append({"action": "web_search", "done": True, "urls": ["https://x.example"]})
    with pytest.raises(DataError, match="was made from sources"):
        only(row)
