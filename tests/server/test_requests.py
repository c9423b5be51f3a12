"""Requests as any client sends them: headers, methods, browsers, and words for what is wrong."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.responses import StreamingResponse
from openai import OpenAI

from fine_tuning.server.app import make_app
from fine_tuning.server.client_disconnect import check_connected
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.server.sse_stream import event_stream
from tests.server.conftest import ALIAS, listening

ASKED = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": ALIAS, "messages": ASKED, "max_tokens": 4}
PAGE = "http://localhost:5173"


def post(address: str, **fields: Any) -> httpx.Response:
    return httpx.post(f"{address}/chat/completions", json=CHAT | fields, timeout=30)


def test_every_response_names_its_request(address: str) -> None:
    root = address.removesuffix("/v1")
    found = [
        httpx.get(f"{address}/models"),
        httpx.get(f"{address}/models/none"),
        httpx.get(f"{address}/none"),
        httpx.get(f"{root}/healthz"),
        httpx.delete(f"{address}/models"),
        post(address),
        post(address, temperature=9),
        post(address, stream=True),
    ]
    ids = [each.headers["x-request-id"] for each in found]
    assert all(re.fullmatch(r"req_[0-9a-f]{32}", each) for each in ids)
    assert len(set(ids)) == len(found)


NO = {"type": "refusal", "refusal": "I may not."}
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
REFUSAL = "messages[0].refusal goes with role 'assistant' only, not 'user'"
TOOL_CALLS = "messages[0].tool_calls goes with role 'assistant' only, not 'user'"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"stop": [*"abcde"]}, "Invalid 'stop': expected an array of at most 4 items, but got 5."),
    ({"stop": 5}, "Invalid type for 'stop': expected a string or an array, but got an integer instead."),
    ({"temperature": "hot"}, "Invalid type for 'temperature': expected a number, but got a string instead."),
    ({"temperature": 3}, "Invalid 'temperature': expected a value of at most 2.0, but got 3."),
    ({"max_tokens": 1.5}, "Invalid type for 'max_tokens': expected an integer, but got a number instead."),
    ({"messages": "hi"}, "Invalid type for 'messages': expected an array, but got a string instead."),
    ({"messages": []}, "Invalid 'messages': this array may not be empty."),
    ({"messages": [{"role": "user", "content": []}]}, "Invalid 'messages[0].content': this array may not be empty."),
    ({"messages": [{"role": "user", "content": None}]}, "Missing required parameter: 'messages[0].content'."),
    ({"messages": [{"role": "user", "content": [NO]}]}, REFUSAL),
    ({"messages": [{"role": "user", "content": "x", "tool_calls": [CALL]}]}, TOOL_CALLS),
    ({"messages": [{"content": "x"}]}, "Missing required parameter: 'messages[0].role'."),
    ({"messages": [None]}, "Invalid type for 'messages[0]': expected an object, but got null instead."),
    ({"tool_choice": "some"}, "Invalid 'tool_choice': expected one of 'none', 'auto' or 'required', but got \"some\"."),
    ({"party": True}, "Unknown parameter: 'party'."),
    ({"stream": "maybe"}, "Invalid type for 'stream': expected a boolean, but got a string instead."),
    ({"stream": "true"}, "Invalid type for 'stream': expected a boolean, but got a string instead."),
    ({"store": 1}, "Invalid type for 'store': expected a boolean, but got an integer instead."),
    ({"temperature": "0.5"}, "Invalid type for 'temperature': expected a number, but got a string instead."),
    ({"top_p": True}, "Invalid type for 'top_p': expected a number, but got a boolean instead."),
    ({"n": True}, "Invalid type for 'n': expected an integer, but got a boolean instead."),
    ({"max_tokens": "4"}, "Invalid type for 'max_tokens': expected an integer, but got a string instead."),
    ({"logit_bias": {"1": "2"}}, "Invalid type for 'logit_bias.1': expected a number, but got a string instead."),
    ({"model": ""}, "Invalid 'model': this string may not be empty."),
    ({"logit_bias": {"x": 1}}, "Invalid 'logit_bias.x': expected a string that matches ^[0-9]{1,9}$, but got \"x\"."),
    (
        {"logit_bias": {"-1": 1}},
        "Invalid 'logit_bias.-1': expected a string that matches ^[0-9]{1,9}$, but got \"-1\".",
    ),
    ({"logit_bias": {"1": 200}}, "Invalid 'logit_bias.1': expected a value of at most 100.0, but got 200."),
]


@pytest.mark.parametrize(("fields", "words"), WRONG, ids=[words for _, words in WRONG])
def test_wrong_field_is_named_with_what_to_send(address: str, fields: dict[str, Any], words: str) -> None:
    error = post(address, **fields).json()["error"]
    assert (error["message"], error["type"]) == (words, "invalid_request_error")


JUDGE = {"type": "score_model", "name": "j", "model": ALIAS, "input": [{"role": "user", "content": "x"}]}
TYPED: list[tuple[str, dict[str, Any], str]] = [
    ("responses", {"input": "x", "temperature": "1"}, "temperature"),
    ("responses", {"input": "x", "store": "false"}, "store"),
    ("responses", {"input": "x", "tools": [{"type": "function", "name": "f", "strict": "true"}]}, "tools[0].strict"),
    ("completions", {"prompt": "x", "top_k": "1"}, "top_k"),
    ("completions", {"prompt": "x", "echo": "true"}, "echo"),
    ("embeddings", {"input": "x", "dimensions": "8"}, "dimensions"),
    ("fine_tuning/jobs", {"training_file": "f", "seed": "1"}, "seed"),
    ("fine_tuning/jobs", {"training_file": "f", "hyperparameters": {"n_epochs": "3"}}, "hyperparameters.n_epochs"),
    ("uploads", {"filename": "f", "purpose": "batch", "bytes": "1", "mime_type": "a"}, "bytes"),
    (
        "batches",
        {
            "input_file_id": "f",
            "endpoint": "/v1/responses",
            "completion_window": "24h",
            "output_expires_after": {"anchor": "created_at", "seconds": "3600"},
        },
        "output_expires_after.seconds",
    ),
    (
        "fine_tuning/alpha/graders/run",
        {"grader": {**JUDGE, "sampling_params": {"temperature": "0"}}, "model_sample": "x"},
        "sampling_params.temperature",
    ),
]


@pytest.mark.parametrize(("path", "fields", "param"), TYPED)
def test_number_or_boolean_as_text_is_refused_in_every_body(
    address: str, path: str, fields: dict[str, Any], param: str
) -> None:
    named = {} if path in {"uploads", "batches"} or "graders" in path else {"model": ALIAS}
    found = httpx.post(f"{address}/{path}", json=named | fields, timeout=30)
    error = found.json()["error"]
    assert found.status_code == 400
    assert error["param"].endswith(param), error
    assert error["code"] in {"invalid_type", "invalid_value"}  # the latter where "auto" is a value too


def test_names_of_forms_are_those_that_openai_takes(address: str) -> None:
    for name in ("a b!", "", "ä", "x" * 65):
        schema = {"name": name, "schema": {"type": "object"}}
        chat = post(address, response_format={"type": "json_schema", "json_schema": schema})
        text = {"format": {"type": "json_schema", **schema}}
        response = httpx.post(f"{address}/responses", json={"model": ALIAS, "input": "x", "text": text})
        params = [each.json()["error"]["param"] for each in (chat, response)]
        assert params == ["response_format.json_schema.name", "text.format.name"]


def test_body_without_a_content_type_says_what_to_send(address: str) -> None:
    body = json.dumps(CHAT).encode()
    for content in (body, b"[]", b""):
        found = httpx.post(f"{address}/chat/completions", content=content)
        assert found.status_code == 400
        assert "Content-Type: application/json" in found.json()["error"]["message"]


@pytest.mark.parametrize("path", ["chat/completions", "fine_tuning/jobs", "uploads"])
@pytest.mark.parametrize("value", [None, True, -1, 0.5, "x" * 300, [], [[1]], {}, {"type": 1}])
def test_wrong_values_of_any_field_are_told_in_our_words(address: str, path: str, value: object) -> None:
    names = {
        "chat/completions": ["messages", "stop", "tools", "tool_choice", "response_format", "n", "stream_options"],
        "fine_tuning/jobs": ["training_file", "method", "hyperparameters", "suffix", "seed", "metadata"],
        "uploads": ["filename", "purpose", "bytes", "mime_type", "expires_after"],
    }[path]
    for name in names:
        found = httpx.post(f"{address}/{path}", json={"model": ALIAS, name: value}, timeout=30)
        if found.status_code != 200:
            error = found.json()["error"]
            assert 400 <= found.status_code < 500
            assert not re.search(
                r"[Ii]nput should|valid (string|dict)|pydantic|Error\b|/(home|root|tmp)", error["message"]
            )


def test_sampling_beyond_openai_is_accepted(address: str) -> None:
    extras = {"top_k": 1, "min_p": 0.1, "repetition_penalty": 1.1}
    first, second = (post(address, **extras, temperature=1.5, seed=seed) for seed in (1, 2))
    assert first.json()["choices"] == second.json()["choices"]  # of one token there is no choice


def test_seed_gives_the_same_text_from_the_first_answer_on(client: OpenAI) -> None:
    for text in ("Invent a word", "A line about rain"):
        asked: list[Any] = [{"role": "user", "content": text}]
        settings: dict[str, Any] = {"messages": asked, "seed": 7, "temperature": 1, "max_tokens": 12}
        answers = [client.chat.completions.create(model=ALIAS, **settings).choices[0].message for _ in range(3)]
        assert answers[0] == answers[1] == answers[2]


def test_head_and_options_answer_for_every_path(address: str) -> None:
    got, head = httpx.get(f"{address}/models"), httpx.head(f"{address}/models")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(got.content)))
    assert httpx.options(f"{address}/files").headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert httpx.delete(f"{address}/files").headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert httpx.head(f"{address}/embeddings").headers["allow"] == "OPTIONS, POST"
    assert httpx.put(f"{address}/files/f").headers["allow"] == "DELETE, GET, HEAD, OPTIONS"
    assert httpx.options(f"{address}/none").status_code in {404, 405}


def test_empty_filters_and_cursors_are_not_set(address: str) -> None:
    for path in ("files?after=&purpose=", "fine_tuning/jobs?after=&limit=", "chat/completions?after=&model=&order="):
        assert httpx.get(f"{address}/{path}").json()["data"] == []


def test_pages_of_other_origins_are_served_where_they_are_allowed(tiny_model_dir: Path) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origins, expected in (((), None), ((PAGE,), PAGE)):
        config = ServerConfig(aliases={ALIAS: str(tiny_model_dir)}, allowed_origins=origins)
        with listening(config) as address:
            asked = httpx.options(f"{address}/chat/completions", headers={"Origin": PAGE, **preflight})
            other = httpx.options(f"{address}/chat/completions", headers={"Origin": "http://evil.example", **preflight})
            answered = httpx.get(f"{address}/models", headers={"Origin": PAGE})
            near = {"Origin": PAGE, **preflight, "Access-Control-Request-Private-Network": "true"}
            private = httpx.options(f"{address}/chat/completions", headers=near)
        assert private.headers.get("access-control-allow-private-network") == (expected and "true")
        assert [each.headers.get("access-control-allow-origin") for each in (asked, answered)] == [expected] * 2
        assert "access-control-allow-origin" not in other.headers
        assert all(each.headers["x-request-id"] for each in (asked, other, answered))


def test_answer_to_a_bug_names_its_request(config: ServerConfig, workspace: Path, caplog: Any) -> None:
    app = make_app(config)
    app.add_api_route("/broken", lambda: 1 // 0)

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/broken")

    found = asyncio.run(get())
    assert (found.status_code, found.json()["error"]["type"]) == (500, "server_error")
    assert found.headers["x-request-id"] in caplog.text


def test_description_of_the_routes_is_made_once_however_many_ask(config: ServerConfig, workspace: Path) -> None:
    app = make_app(config)
    describe, times = app.openapi, 0

    def counted() -> dict[str, Any]:
        nonlocal times
        times += 1
        return describe()

    app.openapi = counted  # type: ignore[method-assign]  # FastAPI's own way to extend it

    async def get() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await asyncio.gather(*(client.get("/openapi.json") for _ in range(20)))

    found = asyncio.run(get())
    assert times == 1
    assert {len(each.headers.get_list("x-request-id")) for each in found} == {1}
    assert len({each.headers["x-request-id"] for each in found}) == 20
    assert all("/v1/files" in each.json()["paths"] for each in found)


def test_stream_of_a_reader_who_left_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def chunks() -> Generator[dict[str, object], None, None]:
        yield {"a": 1}
        check_connected(lambda: True)

    async def read(response: StreamingResponse) -> list[object]:
        return [part async for part in response.body_iterator]

    parts = asyncio.run(read(event_stream(chunks())))
    assert len(parts) == 2
    assert "disconnected" in str(parts[1])
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_reader_who_leaves_a_stream_with_tools_frees_the_place(tiny_model_dir: Path) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    endless: dict[str, Any] = {"logit_bias": {"2": -100}, "max_tokens": 100_000, "tools": [tool], "stream": True}
    config = ServerConfig(aliases={ALIAS: str(tiny_model_dir)}, max_concurrent=1)
    with listening(config) as address:
        for _ in range(3):
            with httpx.stream("POST", f"{address}/chat/completions", json=CHAT | endless, timeout=30) as stream:
                next(stream.iter_lines())
            found = [post(address).status_code for _ in range(20)]
            assert found[-1] == 200
