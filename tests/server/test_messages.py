"""Anthropic's Messages, asked as its SDKs ask, answered by llama.cpp with a tiny model.

The SDK itself is in tests/clients, which `make clients` installs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from fine_tuning.data_io.formats import vendor_request
from fine_tuning.server import authentication
from fine_tuning.server.message_request import MessageRequest
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.workspace import open_workspace
from tests.server.conftest import ALIAS, listening

QUESTION = {"role": "user", "content": "What is the capital of France?"}
ASKED: dict[str, Any] = {"model": ALIAS, "max_tokens": 8, "temperature": 0, "messages": [QUESTION]}
VERSION = {"anthropic-version": "2023-06-01", "anthropic-beta": "context-1m-2025-08-07"}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"place": {"enum": ["Rome"]}}, "required": ["place"]}
SCHEMA |= {"additionalProperties": False}
WEATHER = {"name": "weather", "description": "Weather", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Rom\u00e9"}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "no map"}]}
TURNS: list[Any] = [
    QUESTION,
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "s"},
            {"type": "text", "text": "I look.", "citations": None},
            USE,
        ],
    },
    {"role": "user", "content": [{**RESULT, "is_error": True}, {"type": "text", "text": "And now?"}]},
]


@pytest.fixture
def api(address: str) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=address, headers={**VERSION, "x-api-key": "any"}, timeout=60) as found:
        yield found


def ask(api: httpx2.Client, **more: Any) -> Any:
    reply = api.post("/messages?beta=true", json={**ASKED, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()


def streamed(api: httpx2.Client, **more: Any) -> list[Any]:
    """The events; each has its type as its name."""
    text = api.post("/messages", json={**ASKED, **more, "stream": True}).text
    found = []
    for part in text.removesuffix("\n\n").split("\n\n"):
        name, data = part.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def refusal(api: httpx2.Client, status: int = 400, path: str = "/messages", **more: Any) -> tuple[str, str]:
    """The type and the words of an error."""
    reply = api.post(path, json={**ASKED, **more})
    body = reply.json()
    assert (reply.status_code, body["type"], body.keys()) == (status, "error", {"type", "error", "request_id"}), body
    assert body["request_id"] == reply.headers["request-id"]
    return body["error"]["type"], body["error"]["message"]


def test_create_equals_the_chat_completion(api: httpx2.Client, client: OpenAI) -> None:
    answer = ask(api, system=[{"type": "text", "text": "Be brief."}], metadata={"user_id": "u"}, service_tier="auto")
    messages: Any = [{"role": "system", "content": "Be brief."}, QUESTION]
    chat = client.chat.completions.create(model=ALIAS, messages=messages, max_tokens=8, temperature=0)
    assert [block["text"] for block in answer["content"]] == [chat.choices[0].message.content]
    assert chat.usage is not None
    assert answer["usage"] == {"input_tokens": chat.usage.prompt_tokens, "output_tokens": 8}
    assert (answer["type"], answer["role"], answer["model"]) == ("message", "assistant", ALIAS)
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("max_tokens", None)


def test_stream_has_the_message_and_its_counts(api: httpx2.Client) -> None:
    answer, events = ask(api), streamed(api)
    assert events[0]["type"] == "message_start"
    assert events[0]["message"]["usage"]["input_tokens"] == answer["usage"]["input_tokens"]
    text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    assert text == answer["content"][0]["text"]
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    assert events[-2]["usage"] == answer["usage"]


def test_stop_sequence_is_named(api: httpx2.Client) -> None:
    text = ask(api)["content"][0]["text"]
    stop = text[len(text) // 2 :][:2]
    answer = ask(api, stop_sequences=["never", stop])
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", stop)
    assert streamed(api, stop_sequences=["never", stop])[-2]["delta"]["stop_sequence"] == stop


def test_tool_is_called_and_its_result_read(api: httpx2.Client) -> None:
    choice = {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}
    asked: dict[str, Any] = {"tools": [WEATHER], "tool_choice": choice, "max_tokens": 200}
    answer = ask(api, **asked)
    (use,) = answer["content"]
    assert (answer["stop_reason"], use["name"], use["input"]) == ("tool_use", "weather", {"place": "Rome"})
    events = streamed(api, **asked)
    pieces = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == {"place": "Rome"}
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": "sunny"}
    turns = [QUESTION, {"role": "assistant", "content": answer["content"]}, {"role": "user", "content": [result]}]
    assert ask(api, messages=turns, tools=[WEATHER], tool_choice={"type": "none"})["content"]


def test_output_config_holds_the_answer_to_a_schema(api: httpx2.Client) -> None:
    form = {"type": "json_schema", "schema": SCHEMA}
    for more in ({"output_config": {"format": form, "effort": "low"}}, {"output_format": form}):
        assert json.loads(ask(api, **more, max_tokens=200)["content"][0]["text"]) == {"place": "Rome"}


def test_count_tokens_is_the_usage_of_an_answer(api: httpx2.Client) -> None:
    prompt = {"model": ALIAS, "messages": TURNS, "system": "Be brief.", "tools": [WEATHER]}
    counted = api.post("/messages/count_tokens", json=prompt).json()
    assert counted == {"input_tokens": ask(api, **prompt)["usage"]["input_tokens"]}


def test_messages_are_read_as_rows_to_train_on_are() -> None:
    body = {**ASKED, "messages": TURNS, "system": "Be brief."}
    found = vendor_request.read_request(body)
    asked = MessageRequest.model_validate(body).chat_request()
    assert [each.plain() for each in asked.messages] == [{"content": "", **each} for each in found.messages]
    assert asked.messages[3].content == "Error: no map"


def test_what_goes_together_in_the_wrong_order_is_refused(api: httpx2.Client) -> None:
    answered = {"role": "user", "content": [RESULT]}
    called = {"role": "assistant", "content": [USE]}
    for turns, words in (
        ([QUESTION, called], "toolu_1"),
        ([QUESTION, called, QUESTION], "messages.1: `tool_use` ids were found without `tool_result`"),
        ([QUESTION, answered], "unexpected `tool_use_id`"),
        ([QUESTION, called, {"role": "user", "content": [RESULT, RESULT]}], "unexpected `tool_use_id`"),
        ([QUESTION, called, {"role": "user", "content": [{"type": "text", "text": "a"}, RESULT]}], "must come before"),
        ([QUESTION, {"role": "assistant", "content": "It is"}], "prefill"),
        ([QUESTION, {"role": "user", "content": [USE]}], "role 'assistant' only"),
        ([{"role": "user", "content": []}], "non-empty"),
        ([{"role": "assistant", "content": []}], "user message"),
    ):
        kind, message = refusal(api, messages=turns)
        assert (kind, words in message) == ("invalid_request_error", True), message


def test_parts_of_a_turn_may_be_messages_of_their_own(api: httpx2.Client) -> None:
    first, second = ({**USE, "id": name} for name in ("a", "b"))
    results = [{"role": "user", "content": [{**RESULT, "tool_use_id": name}]} for name in ("b", "a")]
    calls = [{"role": "assistant", "content": [each]} for each in (first, second)]
    asked = {"messages": [QUESTION, {"role": "assistant", "content": "I look."}, *calls, *results]}
    assert ask(api, **asked)["content"]
    thought = {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]}
    assert ask(api, messages=[QUESTION, thought, {"role": "system", "content": "Be brief."}, QUESTION])["content"]


UNSUPPORTED: list[tuple[dict[str, Any], str]] = [
    ({"nothing": 1}, "nothing"),
    ({"max_tokens": None}, "max_tokens"),
    ({"temperature": 1.5}, "temperature"),
    ({"mcp_servers": []}, "mcp_servers is not supported"),
    ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "web_search_20250305"),
    ({"tools": [{**WEATHER, "allowed_callers": ["code_execution_20250825"]}]}, "allowed_callers"),
    ({"tool_choice": {"type": "auto"}}, "tool_choice goes with tools"),
    ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "news"}}, "names news"),
    ({"tools": [WEATHER], "tool_choice": {"type": "any", "name": "weather"}}, "tool_choice.name"),
    ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "messages.0.content.0: a bl"),
    (
        {"messages": [*TURNS[:2], {"role": "user", "content": [{**RESULT, "content": [{"type": "image"}]}]}]},
        "image",
    ),
    ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
]


def test_what_is_not_supported_is_refused_by_name(api: httpx2.Client) -> None:
    for more, words in UNSUPPORTED:
        kind, message = refusal(api, **more)
        assert (kind, words in message) == ("invalid_request_error", True), message


def test_strict_tool_may_have_optional_properties(api: httpx2.Client) -> None:
    optional = {**WEATHER, "strict": True, "input_schema": {"type": "object", "properties": {"a": {"enum": ["b"]}}}}
    assert ask(api, tools=[optional], tool_choice={"type": "any"})["stop_reason"] in {"tool_use", "max_tokens"}


def test_errors_have_the_types_of_their_statuses(api: httpx2.Client, config: ServerConfig) -> None:
    assert refusal(api, 404, model="none")[0] == "not_found_error"
    assert refusal(api, 404, "/messages/batches")[0] == "not_found_error"
    long = [{"role": "user", "content": "word " * 9000}]
    for stream in (False, True):
        kind, message = refusal(api, messages=long, stream=stream)
        assert (kind, "too long" in message) == ("invalid_request_error", True)
    with (
        listening(replace(config, max_body_bytes=64, requests_per_minute=2)) as address,
        httpx2.Client(base_url=address) as limited,
    ):
        for status, expected in ((413, "request_too_large"), (413, "request_too_large"), (429, "rate_limit_error")):
            assert refusal(limited, status)[0] == expected


def test_full_memory_of_bodies_is_an_overload(config: ServerConfig, workspace: Path) -> None:
    with (
        listening(replace(config, max_bodies_bytes=64)) as address,
        httpx2.Client(base_url=address) as full,
    ):
        assert refusal(full, 529)[0] == "overloaded_error"
        assert full.post("/chat/completions", json=ASKED).status_code == 503


def test_keys_come_in_either_header(api: httpx2.Client) -> None:
    database = open_workspace().database
    key, _ = authentication.create(database, "app")
    reading, _ = authentication.create(database, "reader", read_only=True)
    assert refusal(api, 401)[0] == "authentication_error"
    for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}", "x-api-key": "none"}):
        assert api.post("/messages", json=ASKED, headers=headers).status_code == 200
    api.headers["x-api-key"] = reading
    assert refusal(api, 403)[0] == "permission_error"


def test_models_are_listed_page_by_page_as_anthropic_lists_them(address: str) -> None:
    def get(path: str = "", **query: Any) -> Any:
        return httpx2.get(f"{address}/models{path}", params=query, headers=VERSION)

    whole = get().json()
    names = [each["id"] for each in whole["data"]]
    assert (ALIAS in names, len(names) > 2, whole["has_more"]) == (True, True, False)
    assert (whole["first_id"], whole["last_id"]) == (names[0], names[-1])
    pages = [get(limit=1).json(), get(limit=1, after_id=names[0]).json(), get(limit=1, before_id=names[2]).json()]
    assert [(each["data"][0]["id"], each["has_more"]) for each in pages] == [
        (names[0], True),
        (names[1], True),
        (names[1], True),
    ]
    assert get(after_id=names[-1]).json() == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert [get(**{"lifecycle[]": each}).json()["data"] == [] for each in ("active", "retired")] == [False, True]
    one = get(f"/{ALIAS}", beta="true").json()
    assert (one["type"], one["display_name"], one["created_at"]) == ("model", ALIAS, "1970-01-01T00:00:00Z")
    assert one == whole["data"][names.index(ALIAS)]
    for failed in (get(after_id="none"), get(limit=0), get(after_id=ALIAS, before_id=ALIAS), get(after="x")):
        assert (failed.status_code, failed.json()["error"]["type"]) == (400, "invalid_request_error")
        assert failed.headers["request-id"] == failed.json()["request_id"]
    assert get("/none").json()["error"]["type"] == "not_found_error"
    assert httpx2.get(f"{address}/models", params={"limit": 1}).json()["error"]["param"] == "limit"
