"""Calls of routes whose target speaks another wire than the application."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from openai import BadRequestError, InternalServerError, OpenAI, RateLimitError

from fine_tuning import ABTestFramework
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.remembered import READ_SECONDS
from fine_tuning.store.database import open_database
from tests.gateway.conftest import Gateway, running
from tests.gateway.scripted_upstream import Upstream, answer, chunk
from tests.gateway.test_pass_through import STREAM, ask, request
from tests.gateway.test_recording import JSON
from tests.gateway.test_route_candidates import agreed, spooled
from tests.gateway.test_routes import BY_ME, save
from tests.waiting import wait_until

IMAGE = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {"type": "object", "properties": {"place": {"type": "string"}}}
TOOL: Any = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
CALLED: Any = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Rome"}'}}
TALK: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": IMAGE}}]},
    {"role": "assistant", "content": None, "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
]
HI = [{"role": "user", "content": "Hi"}]
USAGE = {"input_tokens": 5, "output_tokens": 3, "cache_read_input_tokens": 4}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "text", "text": "See:"},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Rome"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": USAGE,
}
MESSAGE_EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "See:"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {**MESSAGE["content"][1], "input": {}}},  # type: ignore[index,dict-item]
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"place"'}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ': "Rome"}'}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]
GEMINI = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {"place": "Rome"}}}]}}
    ],
    "modelVersion": "gemini-3-x",
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3},
}
GEMINI["candidates"][0]["finishReason"] = "STOP"  # type: ignore[index]
CHUNKS: list[dict[str, Any]] = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}], "model": "gpt-x"},
    {"choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]},
    {
        "choices": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}},
    },
]


def events(*found: dict[str, Any]) -> list[bytes]:
    return [chunk(f"data: {json.dumps(each)}\n\n".encode()) for each in found]


@pytest.fixture
def gateway(vendor: Upstream, second: Upstream, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """OpenAI is `vendor`; Anthropic and Gemini are `second`, and so is a host that speaks only chat completions."""
    names = {"openai": vendor.address, "anthropic": second.address, "gemini": second.address}
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({**names, "host": f"chat+{second.address}"}))
    with running(FastAPI(openapi_url=None)) as found:
        yield found


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    keys = {"x-ft-key-anthropic": "sk-a", "x-ft-key-gemini": "sk-g"}
    with OpenAI(base_url=f"{gateway.address}/openai/v1", api_key="sk-o", max_retries=0, default_headers=keys) as made:
        yield made


def sent(upstream: Upstream) -> Any:
    return json.loads(upstream.requests[-1].partition(b"\r\n\r\n")[2])


def test_chat_is_answered_by_anthropic(gateway: Gateway, client: OpenAI, second: Upstream) -> None:
    save(incumbent="anthropic/claude")
    second.answers(answer(json.dumps(MESSAGE).encode(), JSON))
    found = client.chat.completions.create(
        model="triage", messages=TALK, tools=[TOOL], tool_choice="required", stop="END", temperature=0.5, n=1
    )
    (choice,) = found.choices
    assert (choice.finish_reason, choice.message.content, found.model) == ("tool_calls", "See:", "claude-x")
    assert choice.message.tool_calls
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"place": "Rome"}  # type: ignore[union-attr]
    assert found.usage
    assert (found.usage.prompt_tokens, found.usage.completion_tokens) == (9, 3)
    head = second.requests[-1].partition(b"\r\n\r\n")[0]
    assert head.startswith(b"POST /v1/messages HTTP")
    assert b"x-api-key: sk-a" in head
    assert b"sk-o" not in head
    asked = sent(second)
    assert (asked["system"], asked["stop_sequences"], asked["tool_choice"]) == (
        [{"type": "text", "text": "Be brief."}],
        ["END"],
        {"type": "any"},
    )
    assert asked["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hi"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "call_1", "name": "weather", "input": {"place": "Rome"}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "rain"}]}
            ],
        },
    ]
    (call,) = gateway.stored()
    assert (call["target"], call["prompt_tokens"], call["not_captured"]) == ("anthropic/claude", 9, None)


def test_stream_of_anthropic_comes_as_chunks(client: OpenAI, second: Upstream) -> None:
    save(incumbent="anthropic/claude")
    second.answers(STREAM, *events(*MESSAGE_EVENTS), chunk(b""))
    options: Any = {"include_usage": True}
    found = list(
        client.chat.completions.create(model="triage", messages=TALK, tools=[TOOL], stream=True, stream_options=options)
    )
    deltas = [choice.delta for each in found for choice in each.choices]
    pieces = [call.function.arguments for each in deltas for call in each.tool_calls or [] if call.function]
    assert "".join(each.content or "" for each in deltas) == "See:"
    assert pieces == ["", '{"place"', ': "Rome"}']
    assert found[-2].choices[0].finish_reason == "tool_calls"
    assert found[-1].usage
    assert found[-1].usage.prompt_tokens == 9


def test_tokens_of_a_stream_are_known_where_the_application_does_not_ask_for_them(
    gateway: Gateway, client: OpenAI, second: Upstream
) -> None:
    save(incumbent="anthropic/claude")
    second.answers(STREAM, *events(*MESSAGE_EVENTS), b"0\r\n\r\n")
    chunks = list(client.chat.completions.create(model="triage", messages=HI, stream=True))  # type: ignore[call-overload]
    assert not any(each.usage for each in chunks)
    second.answers(answer(json.dumps(MESSAGE).encode(), JSON))  # of a host that does not stream
    list(client.chat.completions.create(model="triage", messages=HI, stream=True))  # type: ignore[call-overload]
    assert [(each["prompt_tokens"], each["completion_tokens"]) for each in gateway.stored()] == [(9, 3)] * 2


@pytest.mark.parametrize("is_streamed", [False, True])
def test_chat_is_answered_by_gemini(client: OpenAI, second: Upstream, is_streamed: bool) -> None:
    save(incumbent="gemini/gemini-3-x")
    whole = answer(json.dumps(GEMINI).encode(), JSON)
    second.answers(*((STREAM, *events(GEMINI), chunk(b"")) if is_streamed else (whole,)))
    form: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": WEATHER}}
    found: Any = client.chat.completions.create(
        model="triage", messages=TALK, tools=[TOOL], seed=7, response_format=form, stream=is_streamed
    )
    if is_streamed:
        choices = [choice for each in found for choice in each.choices]
        call, reason = choices[0].delta.tool_calls[0], choices[-1].finish_reason
    else:
        call, reason = found.choices[0].message.tool_calls[0], found.choices[0].finish_reason
    assert (reason, call.function.name, json.loads(call.function.arguments)) == (
        "tool_calls",
        "weather",
        {"place": "Rome"},
    )
    assert call.id.startswith("call_")
    method = b"streamGenerateContent?alt=sse" if is_streamed else b"generateContent"
    assert second.requests[-1].startswith(b"POST /v1beta/models/gemini-3-x:" + method + b" HTTP")
    assert b"x-goog-api-key: sk-g" in second.requests[-1]
    asked = sent(second)
    assert [each["role"] for each in asked["contents"]] == ["user", "model", "user"]
    assert asked["contents"][0]["parts"][1] == {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    assert asked["contents"][2]["parts"] == [{"functionResponse": {"name": "weather", "response": {"output": "rain"}}}]
    assert asked["generationConfig"]["seed"] == 7
    assert asked["generationConfig"]["responseJsonSchema"] == WEATHER


GEMINIS = {
    "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP"}],
    "modelVersion": "gemini-x",
}


def test_results_reach_gemini_in_the_order_of_their_calls(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="gemini/gemini-x")
    second.answers(answer(json.dumps(GEMINIS).encode(), JSON))
    places = {"call_1": "Oslo", "call_2": "Rome"}
    calls = [
        {**CALLED, "id": each, "function": {"name": "weather", "arguments": json.dumps({"place": place})}}
        for each, place in places.items()
    ]
    results = [{"role": "tool", "tool_call_id": each, "content": places[each]} for each in ("call_2", "call_1")]
    talk = [*HI, {"role": "assistant", "content": None, "tool_calls": calls}, *results, *HI]
    path = "/openai/v1/chat/completions"
    reply, _ = ask(gateway, request(path, json.dumps({"model": "triage", "messages": talk}).encode(), JSON))
    assert reply.status == 200
    parts = sent(second)["contents"][2]["parts"]
    assert [each.get("functionResponse", {}).get("response", {}).get("output") for each in parts] == [
        *("Oslo", "Rome"),
        None,
    ]
    talk = [*HI, {"role": "assistant", "content": None, "tool_calls": calls[:1]}, results[1], results[1]]
    reply, got = ask(gateway, request(path, json.dumps({"model": "triage", "messages": talk}).encode(), JSON))
    assert (reply.status, "messages[3]" in json.loads(got)["error"]["message"]) == (400, True)


def test_refusal_beside_a_text_is_kept(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="gemini/gemini-x")
    second.answers(answer(json.dumps(GEMINIS).encode(), JSON))
    parts = [{"type": "text", "text": "Well,"}, {"type": "refusal", "refusal": "no."}]
    body = {"model": "triage", "messages": [*HI, {"role": "assistant", "content": parts}, *HI]}
    assert ask(gateway, request("/openai/v1/chat/completions", json.dumps(body).encode(), JSON))[0].status == 200
    assert sent(second)["contents"][1]["parts"] == [{"text": "Well,"}, {"text": "no."}]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_message_is_answered_by_openai(gateway: Gateway, vendor: Upstream, is_streamed: bool) -> None:
    save(incumbent="openai/gpt-x")
    usage = CHUNKS[-1]["usage"]
    message = {"role": "assistant", "content": "Hello"}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": "gpt-x", "usage": usage}
    streamed = (STREAM, *events(*CHUNKS), chunk(b"data: [DONE]\n\n"), chunk(b""))
    vendor.answers(*(streamed if is_streamed else (answer(json.dumps(whole).encode(), JSON),)))
    turn = [{"type": "tool_use", "id": "t1", "name": "weather", "input": {"place": "Rome"}}]
    result = [{"type": "tool_result", "tool_use_id": "t1", "content": "rain"}, {"type": "text", "text": "So?"}]
    body = {
        "model": "triage",
        "max_tokens": 9,
        "system": '{"be": "brief"}',
        "messages": [
            {"role": "user", "content": "<tool_response>x</tool_response>"},
            {"role": "assistant", "content": turn},
            {"role": "user", "content": result},
        ],
        "tools": [{"name": "weather", "input_schema": WEATHER}],
        "output_config": {"format": {"type": "json_schema", "schema": WEATHER}},
        "stream": is_streamed,
    }
    keys = (b"anthropic-version: 2023-06-01", b"x-api-key: sk-a", b"x-ft-key-openai: sk-o")
    reply, got = ask(gateway, request("/anthropic/v1/messages", json.dumps(body).encode(), JSON, *keys))
    assert (reply.status, reply.getheader("x-ft-target")) == (200, "openai/gpt-x")
    counts = {"input_tokens": 5, "output_tokens": 3, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0}
    if is_streamed:
        found = [json.loads(line[6:]) for line in got.decode().splitlines() if line.startswith("data: ")]
        assert [each["delta"]["text"] for each in found if each["type"] == "content_block_delta"] == ["Hel", "lo"]
        assert (found[-2]["delta"]["stop_reason"], found[-2]["usage"]) == ("end_turn", counts)
    else:
        assert (json.loads(got)["content"][0]["text"], json.loads(got)["usage"]) == ("Hello", counts)
    assert b"Bearer sk-o" in vendor.requests[-1]
    assert b"sk-a" not in vendor.requests[-1]
    asked = sent(vendor)
    assert asked["max_completion_tokens"] == 9
    form = {"name": "answer", "schema": WEATHER, "strict": True}
    assert asked["response_format"] == {"type": "json_schema", "json_schema": form}
    assert [(each["role"], each.get("content")) for each in asked["messages"]] == [
        ("system", '{"be": "brief"}'),
        ("user", "<tool_response>x</tool_response>"),
        ("assistant", None),
        ("tool", "rain"),
        ("user", "So?"),
    ]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_response_is_answered_by_anthropic(client: OpenAI, second: Upstream, is_streamed: bool) -> None:
    save(incumbent="anthropic/claude")
    whole = answer(json.dumps(MESSAGE).encode(), JSON)
    second.answers(*((STREAM, *events(*MESSAGE_EVENTS), chunk(b"")) if is_streamed else (whole,)))
    tool: Any = {"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}
    given: Any = client.responses.create(
        model="triage", input="Hi", instructions="Be brief.", tools=[tool], max_output_tokens=20, stream=is_streamed
    )
    found = [*given][-1].response if is_streamed else given
    assert (found.output_text, found.status, found.usage.total_tokens) == ("See:", "completed", 12)
    assert json.loads(found.output[1].arguments) == {"place": "Rome"}
    asked = sent(second)
    assert (asked["max_tokens"], asked["messages"][0]["content"][0]["text"]) == (20, "Hi")


def test_response_is_answered_by_a_host_that_has_only_chat(client: OpenAI, second: Upstream) -> None:
    save(incumbent="host/m")
    second.answers(STREAM, *events(*CHUNKS), chunk(b""))
    last = list(client.responses.create(model="triage", input="Hi", max_output_tokens=5, stream=True))[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "Hello"
    assert sent(second)["max_tokens"] == 5


def piece(call: dict[str, Any], name: str | None, arguments: Any) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [{**call, "function": function}]}}]}


CALLED_IN_PIECES = (
    [piece({"id": "a"}, "f", '{"x": 1}'), piece({"id": "b"}, "g", '{"x": 2}')],
    [piece({"id": "a"}, "f", '{"x"'), piece({}, None, ": 1}"), piece({"id": "b"}, "g", {"x": 2})],
    [
        piece({"index": n, "id": i}, w, p)
        for n, i, w in ((0, "a", "f"), (1, "b", "g"))
        for p in ('{"x": ', f"{n + 1}}}")
    ],
    [piece({"index": 0, "id": "a"}, "f", {"x": 1}), piece({"index": 1, "id": "b"}, "g", {"x": 2})],
)


def test_calls_of_hosts_that_only_resemble_openai_are_read(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="host/m")
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    text = {"choices": [{"index": 0, "delta": {"content": [thought, {"type": "text", "text": "See:"}]}}], "model": 5}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    tools = [{"name": name, "input_schema": WEATHER} for name in ("f", "g")]
    body = {"model": "triage", "max_tokens": 9, "messages": HI, "tools": tools, "stream": True}
    for calls in CALLED_IN_PIECES:
        second.answers(STREAM, *events(text, *calls, end), chunk(b""))
        _, got = ask(gateway, request("/v1/messages", json.dumps(body).encode(), JSON))
        found = [json.loads(line[6:]) for line in got.decode().splitlines() if line.startswith("data: ")]
        blocks = [each["content_block"] for each in found if each["type"] == "content_block_start"]
        assert [(each.get("id"), each.get("name")) for each in blocks] == [(None, None), ("a", "f"), ("b", "g")]
        said = ["", "", ""]
        for each in found:
            if each["type"] == "content_block_delta":
                said[each["index"]] += each["delta"].get("text") or each["delta"]["partial_json"]
        assert [said[0], *map(json.loads, said[1:])] == ["See:", {"x": 1}, {"x": 2}]


def test_calls_whose_pieces_are_mixed_come_one_after_the_other(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="host/m")
    tools = [{"name": name, "input_schema": WEATHER} for name in ("f", "g", "h")]
    body = {"model": "triage", "max_tokens": 9, "messages": HI, "tools": tools, "stream": True}
    given = [(0, "f", '{"x"'), (1, "g", '{"x":'), (2, "h", ""), (0, None, ": 1}"), (1, None, " 2}"), (2, None, "")]
    pieces = []
    for index, name, arguments in given:
        own: Any = {"index": index, "function": {"arguments": arguments}}
        if name is not None:
            own = {**own, "id": name * 2, "function": {"name": name, "arguments": arguments}}
        pieces.append({"choices": [{"index": 0, "delta": {"tool_calls": [own]}, "finish_reason": None}]})
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    second.answers(STREAM, *events(*pieces, end), chunk(b""))
    _, got = ask(gateway, request("/v1/messages", json.dumps(body).encode(), JSON))
    found = [json.loads(line[6:]) for line in got.decode().splitlines() if line.startswith("data: ")]
    blocks = [each["content_block"] for each in found if each["type"] == "content_block_start"]
    assert [(each["id"], each["name"]) for each in blocks] == [("ff", "f"), ("gg", "g"), ("hh", "h")]
    said = ["", "", ""]
    for each in found:
        if each["type"] == "content_block_delta":
            said[each["index"]] += each["delta"]["partial_json"]
    assert said == ['{"x": 1}', '{"x": 2}', ""]
    assert found[-1]["type"] == "message_stop"


def test_tokens_written_to_a_cache_are_counted(client: OpenAI, second: Upstream) -> None:
    save(incumbent="anthropic/claude")
    second.answers(answer(json.dumps({**MESSAGE, "usage": {**USAGE, "cache_creation_input_tokens": 7}}).encode(), JSON))
    found = client.chat.completions.create(model="triage", messages=TALK[:2])
    assert found.usage is not None
    assert found.usage.prompt_tokens == 5 + 4 + 7
    assert found.usage.prompt_tokens_details is not None
    assert found.usage.prompt_tokens_details.model_dump()["cache_write_tokens"] == 7


ODD: list[object] = [[5], [None], [{"function": 5}], [{"id": "a", "function": {"arguments": "{}"}}]]


def test_calls_that_are_none_are_an_error(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="host/m", fallback={"retries": 0})
    for is_streamed in (False, True):
        for calls in (*ODD, *(() if is_streamed else (5, "x", {"a": 1}))):
            choice = {"index": 0, "delta" if is_streamed else "message": {"role": "assistant", "tool_calls": calls}}
            text = json.dumps({"model": "\ud800", "choices": [{**choice, "finish_reason": "tool_calls"}]})
            streamed = (STREAM, chunk(f"data: {text}\n\n".encode()), chunk(b""))
            second.answers(*(streamed if is_streamed else (answer(text.encode(), JSON),)))
            body = {"model": "triage", "max_tokens": 9, "messages": HI, "stream": is_streamed}
            reply, got = ask(gateway, request("/v1/messages", json.dumps(body).encode(), JSON))
            is_begun = is_streamed and calls is ODD[-1]  # a name may come later
            assert reply.status == (200 if is_begun else 502), calls
            last = json.loads(got.decode().strip().rpartition("data: ")[2])
            assert (last["type"], "call" in last["error"]["message"]) == ("error", True), calls


def test_event_of_several_lines_is_one(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="host/m")
    lines = ["event: x", f"data: {json.dumps(CHUNKS[0])[:-1]}", "data: }", "", f"data: {json.dumps(CHUNKS[1])}", "", ""]
    for line_end in ("\n", "\r\n", "\r"):
        text = line_end.join(lines).encode()
        second.answers(STREAM, *(chunk(text[at : at + 7]) for at in range(0, len(text), 7)), chunk(b""))
        body = {"model": "triage", "input": "Hi", "stream": True}
        _, got = ask(gateway, request("/v1/responses", json.dumps(body).encode(), JSON))
        last = json.loads(got.decode().strip().rpartition("data: ")[2])
        assert last["response"]["output"][0]["content"][0]["text"] == "Hello"


def test_request_that_is_no_chat_is_refused_before_it_is_sent(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="anthropic/claude", fallback={"targets": ["gemini/g"]})
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages: list[Any] = [
        *({"content": "no role"}, {"role": [], "content": "x"}, {"role": "critic", "content": "x"}),
        *({"role": "user", "content": 5}, {"role": "user", "content": [{"type": "text", "text": 5}]}),
        *({"role": "assistant", "tool_calls": each} for each in (5, [5], [{**call, "function": 5}])),
    ]
    bodies: list[Any] = [{"messages": [each, *HI]} for each in messages]
    bodies += [{"messages": HI, "reasoning_effort": ""}, {"messages": HI, "temperature": float("inf")}]
    for body in bodies:
        text = json.dumps({"model": "triage", **body}).encode()
        reply, got = ask(gateway, request("/openai/v1/chat/completions", text, JSON))
        assert (reply.status, json.loads(got)["error"]["code"]) == (400, "not_translatable"), body
    tools = [{"type": "function", "parameters": WEATHER}]
    text = json.dumps({"model": "triage", "input": [{"type": "x", "name": "f"}, *HI], "tools": tools}).encode()
    assert ask(gateway, request("/openai/v1/responses", text, JSON))[0].status == 400
    assert second.requests == []


def test_image_is_an_address_or_refused(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="anthropic/claude")
    second.answers(answer(json.dumps(MESSAGE).encode(), JSON))
    for image in (None, 5, {"url": None}, {}, IMAGE):
        messages = [{"role": "user", "content": [{"type": "image_url", "image_url": image}]}]
        body = json.dumps({"model": "triage", "messages": messages}).encode()
        reply, got = ask(gateway, request("/openai/v1/chat/completions", body, JSON))
        if image != IMAGE:
            assert (reply.status, json.loads(got)["error"]["code"], second.requests) == (400, "not_translatable", [])
    assert sent(second)["messages"][0]["content"][0]["source"]["data"] == "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("address", "media_type", "data"),
    [
        ("data:image/png;charset=utf-8;base64,iVBORw0KGgo=", "image/png", "iVBORw0KGgo="),
        ("data:image/svg+xml,%3Csvg/%3E", "image/svg+xml", "PHN2Zy8+"),
    ],
)
def test_image_in_an_address_is_sent_as_its_content(
    gateway: Gateway, second: Upstream, address: str, media_type: str, data: str
) -> None:
    messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": address}}]}]
    body = json.dumps({"model": "triage", "messages": messages}).encode()
    for model, reply in (("anthropic/claude", MESSAGE), ("gemini/g", GEMINIS)):
        save(incumbent=model)
        time.sleep(READ_SECONDS)
        second.answers(answer(json.dumps(reply).encode(), JSON))
        assert ask(gateway, request("/openai/v1/chat/completions", body, JSON))[0].status == 200
    anthropic, gemini = (json.loads(each.partition(b"\r\n\r\n")[2]) for each in second.requests)
    source = {"type": "base64", "media_type": media_type, "data": data}
    assert anthropic["messages"][0]["content"] == [{"type": "image", "source": source}]
    assert gemini["contents"][0]["parts"] == [{"inlineData": {"mimeType": media_type, "data": data}}]


@pytest.mark.parametrize(
    "part", [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}, {"type": "file", "file": {}}]
)
def test_part_that_no_target_reads_is_named_in_words_for_applications(gateway: Gateway, part: Any) -> None:
    save(incumbent="anthropic/claude")
    body = json.dumps({"model": "triage", "messages": [{"role": "user", "content": [part]}]}).encode()
    reply, got = ask(gateway, request("/openai/v1/chat/completions", body, JSON))
    message = json.loads(got)["error"]["message"]
    assert (reply.status, f"{part['type']}" in message, "trained" in message) == (400, True, False), message


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"seed": 1}, "seed"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"extra_body": {"new_field": 1}}, "new_field"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, None),
    ],
)
def test_what_anthropic_has_not_is_refused_before_it_is_sent(
    client: OpenAI, vendor: Upstream, second: Upstream, more: Any, field: str | None
) -> None:
    save(incumbent="anthropic/claude", fallback={"targets": ["openai/gpt-x"]})
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(model="triage", messages=TALK[:2], **more)
    assert (refused.value.param, refused.value.code) == (field, "not_translatable")
    assert (field or "tools[0]") in str(refused.value)
    assert (vendor.requests, second.requests) == ([], [])


def test_what_a_candidate_cannot_be_asked_is_the_incumbents(
    gateway: Gateway, client: OpenAI, vendor: Upstream, second: Upstream
) -> None:
    save(candidate="anthropic/claude")
    route_changes.promote(open_database(), "default", "triage", BY_ME)
    vendor.answers(STREAM, *events(*CHUNKS), chunk(b""))
    assert len(list(client.chat.completions.create(model="triage", messages=TALK, seed=1, stream=True))) == 3
    assert second.requests == []
    assert [(each["role"], each["status"]) for each in gateway.stored()] == [("candidate", 400), ("fallback", 200)]


def test_errors_have_the_shape_of_the_application(client: OpenAI, second: Upstream) -> None:
    save(incumbent="anthropic/claude", fallback={"retries": 0})
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    second.answers(answer(json.dumps(error).encode(), JSON, status=b"429 Too Many"))
    with pytest.raises(RateLimitError, match="slow down") as failed:
        client.chat.completions.create(model="triage", messages=TALK[:2])
    assert failed.value.code == "rate_limit_error"


def test_stream_that_breaks_off_has_no_end(gateway: Gateway, second: Upstream) -> None:
    save(incumbent="anthropic/claude")
    body = json.dumps({"model": "triage", "messages": TALK, "stream": True}).encode()
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    second.answers(STREAM, *events(*MESSAGE_EVENTS[:3], overloaded), chunk(b""))
    _, got = ask(gateway, request("/openai/v1/chat/completions", body, JSON))
    assert json.loads(got.decode().strip().rpartition("data: ")[2])["error"]["message"] == "busy"
    second.answers(STREAM, *events(*MESSAGE_EVENTS[:3]), chunk(b""))
    with pytest.raises(IncompleteRead) as broken:
        ask(gateway, request("/openai/v1/chat/completions", body, JSON))
    assert b'"See:"' in broken.value.partial
    assert b"[DONE]" not in broken.value.partial


def test_stream_that_fails_before_it_says_anything_is_left_to_the_next_target(
    client: OpenAI, vendor: Upstream, second: Upstream
) -> None:
    save(incumbent="anthropic/claude", fallback={"retries": 0, "targets": ["openai/gpt-x"]})
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    second.answers(STREAM, *events(MESSAGE_EVENTS[0], overloaded), chunk(b""))
    vendor.answers(STREAM, *events(*CHUNKS), chunk(b"data: [DONE]\n\n"), chunk(b""))
    found = list(client.chat.completions.create(model="triage", messages=TALK[:2], stream=True))
    assert "".join(each.choices[0].delta.content or "" for each in found if each.choices) == "Hello"
    save(incumbent="anthropic/claude", fallback={"retries": 0})
    time.sleep(READ_SECONDS)
    with pytest.raises(InternalServerError, match="busy"):
        client.chat.completions.create(model="triage", messages=TALK[:2], stream=True)


def test_pieces_come_when_they_are_sent(client: OpenAI, second: Upstream) -> None:
    save(incumbent="anthropic/claude")
    second.answers(STREAM, *events(*MESSAGE_EVENTS[:3]), 60.0)
    with client.chat.completions.create(model="triage", messages=TALK, stream=True) as found:
        assert next(iter(found)).choices[0].delta.content == "See:"
    assert second.left.wait(30)


def test_fallback_that_cannot_be_asked_is_left_out(client: OpenAI, vendor: Upstream, second: Upstream) -> None:
    save(incumbent="openai/gpt-x", fallback={"targets": ["anthropic/claude", "gemini/g"], "retries": 0})
    vendor.answers(answer(b'{"error": {"message": "down"}}', JSON, status=b"500 Internal Server Error"))
    second.answers(answer(json.dumps(GEMINI).encode(), JSON))
    found = client.chat.completions.create(model="triage", messages=TALK, seed=1)
    assert found.model == "gemini-3-x"
    assert len(second.requests) == 1


def test_candidate_of_another_wire_in_shadow_and_canary(
    gateway: Gateway, client: OpenAI, vendor: Upstream, second: Upstream
) -> None:
    said = {**MESSAGE, "content": [{"type": "text", "text": "Hello"}], "stop_reason": "end_turn"}
    message = {"role": "assistant", "content": "Hello"}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": "gpt-x"}
    vendor.answers(answer(json.dumps(whole).encode(), JSON))
    second.answers(answer(json.dumps(said).encode(), JSON))
    save(candidate="anthropic/claude", shadow={"max_calls": 1})
    client.chat.completions.create(model="triage", messages=TALK[:2])
    wait_until(lambda: spooled().count('"role": "shadow"') == 1)
    ABTestFramework().create_test("t", "openai/gpt-4o", "anthropic/claude")
    save("canary", candidate="anthropic/claude", canary="t", ramp=[0.5, 1.0])
    time.sleep(READ_SECONDS)  # until the routes are read again
    models = {
        client.chat.completions.create(model="canary", messages=TALK[:2], user=f"user {number}").model
        for number in range(12)
    }
    assert models == {"gpt-x", "claude-x"}
    gateway.stored()
    found = agreed()
    assert (found["pairs"], found["rate"]) == (1, 1.0)
