"""Calls of routes: the model is rewritten and nothing else, and another target answers where one fails."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.routed_body import read_body
from fine_tuning.gateway.vendor_keys import VendorKeys, new_secret
from fine_tuning.server import authentication
from fine_tuning.server.app import make_app
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.settings import get_settings
from fine_tuning.store.database import open_database
from tests.gateway.conftest import Gateway, running
from tests.gateway.scripted_upstream import Upstream, answer, chunk
from tests.gateway.test_feedback import say
from tests.gateway.test_pass_through import EVENTS, STREAM, ask, request
from tests.gateway.test_recording import CHAT, JSON, MESSAGES
from tests.gateway.test_routes import BY_ME, save
from tests.server.conftest import listening

CHATS = "/openai/v1/chat/completions"
WHOLE = answer(json.dumps(CHAT).encode(), JSON)
OWN_KEY = b"Authorization: Bearer sk-vendor"


def body(model: str = "triage", **more: Any) -> bytes:
    return json.dumps({"model": model, "messages": MESSAGES, **more}).encode()


def test_model_is_rewritten_and_nothing_else(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o")
    vendor.answers(WHOLE)
    sent = b'{ "n": 1.50, "model" :\t"triage", "x": {"model": "triage"}, "\\u00e9": [1e3,"\xc3\xa9"], "n": 2 }'
    reply, got = ask(gateway, request(f"{CHATS}?a=%20", sent, JSON, OWN_KEY))
    assert (reply.status, got, reply.getheader("x-ft-target")) == (200, json.dumps(CHAT).encode(), "openai/gpt-4o")
    ask(gateway, request(CHATS, body("gpt-4o"), JSON))
    (routed, plain) = vendor.requests
    assert routed.startswith(b"POST /v1/chat/completions?a=%20 HTTP/1.1\r\n")
    assert routed.partition(b"\r\n\r\n")[2] == sent.replace(b'\t"triage"', b'\t"gpt-4o"')
    assert b"sk-vendor" in routed
    assert plain.endswith(body("gpt-4o"))
    first, second = gateway.stored()
    assert (first["route"], first["revision"], first["target"], first["role"]) == (
        "triage",
        1,
        "openai/gpt-4o",
        "incumbent",
    )
    assert (second["route"], second["role"]) == (None, None)
    assert first["id"] == reply.getheader("x-ft-call-id")


@pytest.mark.parametrize("raw", [b"", b"[1]", b'{"model": "a"', b"\xff", b'{"model"', b"{" * 9, b'{"a": ' * 99_999])
def test_body_that_is_no_object_is_not_read(raw: bytes) -> None:
    assert read_body(raw) is None


def test_unit_is_what_the_apis_call_the_user() -> None:
    for fields, unit in (
        ({"user": "u", "safety_identifier": "s"}, "s"),
        ({"user": "u"}, "u"),
        ({"metadata": {"user_id": "m"}}, "m"),
        ({"user": 7}, "c"),
    ):
        read = read_body(json.dumps({"model": "m", **fields}).encode())
        assert read is not None
        assert read.unit({"conversation": "c"}) == unit
        assert read.unit({"unit": "x"}) == "x"


def test_failing_target_is_asked_again_then_the_next_with_no_foreign_key(
    gateway: Gateway, vendor: Upstream, second: Upstream
) -> None:
    save(incumbent="openai/gpt-4o", fallback={"targets": ["away/m", "second/other"]})
    vendor.answers(answer(b'{"error": {}}', JSON, status=b"500 Internal Server Error"))
    second.answers(STREAM, *map(chunk, EVENTS), chunk(b""))
    keys = (OWN_KEY, b"x-ft-key-second: key-of-second", b"x-ft-key-away: key-of-away")
    reply, got = ask(gateway, request(CHATS, body(stream=True), JSON, *keys))
    assert (reply.status, got, reply.getheader("x-ft-target")) == (200, b"".join(EVENTS), "second/other")
    assert len(vendor.requests) == 2
    assert all(b"sk-vendor" in each and b"key-of" not in each for each in vendor.requests)
    (asked,) = second.requests
    assert b"Bearer key-of-second" in asked
    assert b"sk-vendor" not in asked
    assert b"key-of-away" not in asked
    calls = gateway.stored()
    assert [(each["role"], each["status"], each["target"]) for each in calls] == [
        ("incumbent", 500, "openai/gpt-4o"),
        ("incumbent", 500, "openai/gpt-4o"),
        ("fallback", 502, "away/m"),
        ("fallback", 502, "away/m"),
        ("fallback", 200, "second/other"),
    ]
    assert "key-of" not in json.dumps(calls, default=str)


def test_held_key_goes_to_the_upstream_that_it_is_of(
    gateway: Gateway, vendor: Upstream, second: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_SECRET_KEY", new_secret())
    VendorKeys(get_settings()).hold(open_database(), "default", "second", "sk-held")
    gateway.stop()
    with running(FastAPI(openapi_url=None)) as found:  # which knows the secret
        save(incumbent="second/m", candidate="openai/gpt-4o")
        second.answers(WHOLE)
        for path in (CHATS, "/v1/chat/completions"):
            reply, _ = ask(found, request(path, body(), JSON, OWN_KEY))
            assert (reply.status, reply.getheader("x-ft-target")) == (200, "second/m")
    assert len(second.requests) == 2
    for asked in second.requests:
        assert b"sk-vendor" not in asked
        assert asked.count(b"Bearer sk-held") == 1
    assert vendor.requests == []


def test_target_without_a_first_byte_is_replaced(gateway: Gateway, vendor: Upstream, second: Upstream) -> None:
    fallback = {"targets": ["second/m"], "timeout_seconds": 0.3, "retries": 0}
    save(incumbent="openai/gpt-4o", fallback=fallback)
    second.answers(WHOLE)
    for reply in ((STREAM, 60.0), (STREAM,)):  # it hangs; it breaks off
        vendor.answers(*reply, closes=True)
        assert ask(gateway, request(CHATS, body(), JSON))[0].getheader("x-ft-target") == "second/m"
    vendor.answers(STREAM, chunk(EVENTS[0]), closes=True)  # after the first byte it is too late
    with socket.create_connection((gateway.host, gateway.port), timeout=30) as connection:
        connection.sendall(request(CHATS, body(), JSON))
        got = b""
        while piece := connection.recv(65536):
            got += piece
    assert got.endswith(chunk(EVENTS[0]))
    assert len(second.requests) == 2


def test_last_failure_is_the_vendors_own(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="away/m", fallback={"targets": ["openai/gpt-4o"], "retries": 0})
    vendor.answers(answer(b'{"error": {"message": "slow down"}}', JSON, b"Retry-After: 60", status=b"429 Too Many"))
    reply, got = ask(gateway, request(CHATS, body(), JSON))
    assert (reply.status, got) == (429, b'{"error": {"message": "slow down"}}')
    vendor.answers(answer(b"{}", JSON, status=b"400 Bad Request"))
    assert ask(gateway, request(CHATS, body(), JSON))[0].status == 400
    save(incumbent="away/m", fallback={"retries": 0})
    time.sleep(1.1)  # until the routes are read again
    reply, got = ask(gateway, request("/anthropic/v1/messages", body(), JSON))
    assert (reply.status, json.loads(got)["error"]["type"]) == (502, "api_error")


@pytest.mark.parametrize("status", [b"400 Bad Request", b"401 Unauthorized", b"404 Not Found", b"413 Too Large"])
def test_call_that_the_candidate_refuses_is_the_incumbents(
    gateway: Gateway, vendor: Upstream, second: Upstream, status: bytes
) -> None:
    save(candidate="second/m")
    route_changes.promote(open_database(), "default", "triage", BY_ME)
    second.answers(answer(b'{"error": {"message": "too long"}}', JSON, status=status))
    vendor.answers(WHOLE)
    reply, _ = ask(gateway, request(CHATS, body(), JSON))
    assert (reply.status, reply.getheader("x-ft-target")) == (200, "openai/gpt-4o")
    vendor.answers(answer(b'{"error": {"message": "the call is wrong"}}', JSON, status=b"400 Bad Request"))
    reply, got = ask(gateway, request(CHATS, body(), JSON))
    assert (reply.status, b"the call is wrong" in got) == (400, True)
    assert len(second.requests) == 2  # it would say the same again
    code = int(status[:3])
    assert [(each["role"], each["status"]) for each in gateway.stored()] == [
        ("candidate", code),
        ("fallback", 200),
        ("candidate", code),
        ("fallback", 400),
    ]


def test_client_that_leaves_ends_the_try(gateway: Gateway, vendor: Upstream, second: Upstream) -> None:
    save(incumbent="openai/gpt-4o", fallback={"targets": ["second/m"], "hedge_seconds": 0.1})
    vendor.answers(60.0)
    second.answers(60.0)
    with socket.create_connection((gateway.host, gateway.port), timeout=30) as connection:
        connection.sendall(request(CHATS, body(), JSON))
        assert second.asked.wait(30)
    assert vendor.left.wait(30)
    assert second.left.wait(30)
    assert {(each["status"], each["is_whole"]) for each in gateway.stored()} == {(None, False)}
    assert {(each["is_cancelled"], each["was_slower"]) for each in gateway.stored()} == {(True, False)}


def test_slow_target_is_hedged(gateway: Gateway, vendor: Upstream, second: Upstream) -> None:
    save(incumbent="openai/gpt-4o", fallback={"targets": ["second/m"], "hedge_seconds": 0.2})
    vendor.answers(60.0)
    second.answers(WHOLE)
    assert ask(gateway, request(CHATS, body(), JSON))[0].getheader("x-ft-target") == "second/m"
    assert vendor.left.wait(30)
    assert sorted((each["target"], each["status"]) for each in gateway.stored() if each["status"]) == [
        ("second/m", 200)
    ]
    assert {each["target"]: (each["is_cancelled"], each["was_slower"]) for each in gateway.stored()} == {
        "second/m": (False, False),
        "openai/gpt-4o": (True, True),
    }


def test_identical_call_is_answered_from_the_cache(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o", cache={"seconds": 600})
    vendor.answers(answer(json.dumps(CHAT).encode(), JSON, b"Set-Cookie: session=1", b"X-Request-Id: req_1"))
    found = [ask(gateway, request(CHATS, body(seed=seed), JSON)) for seed in (1, 1, 2)]
    assert [each for _, each in found] == [json.dumps(CHAT).encode()] * 3
    names = ("set-cookie", "x-request-id")
    assert [[each.getheader(name) for name in names] for each, _ in found] == [
        ["session=1", "req_1"],
        [None, "req_1"],  # a cookie is the first client's own
        ["session=1", "req_1"],
    ]
    assert len(vendor.requests) == 2
    calls = gateway.stored()
    assert [each["role"] for each in calls] == ["incumbent", "cache", "incumbent"]
    assert calls[1]["not_captured"] == "it was answered from the cache"


def test_cache_tells_repeated_headers_apart(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o", cache={"seconds": 600})
    vendor.answers(WHOLE)
    for first in (b"one", b"two", b"one"):
        ask(gateway, request(CHATS, body(), JSON, b"OpenAI-Beta: " + first, b"OpenAI-Beta: z"))
    assert len(vendor.requests) == 2


def test_feedback_on_a_cached_answer_rates_the_call_that_a_model_answered(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o", cache={"seconds": 600})
    vendor.answers(WHOLE)
    for _ in range(2):
        ask(gateway, request(CHATS, body(), JSON))
    first, cached = gateway.stored()
    with listening(ServerConfig()) as address:
        assert say(address, call_id=cached["id"], rating=2)["status"] == "applied"
    (example,) = DistillationDataCollector().find_examples()
    assert (example["id"], example["rating"]) == (first["example_id"], 2)


def test_answer_of_a_fallback_is_not_kept_as_that_of_the_target(
    gateway: Gateway, vendor: Upstream, second: Upstream
) -> None:
    fallback = {"targets": ["second/m"], "retries": 0}
    save(incumbent="openai/gpt-4o", fallback=fallback, cache={"seconds": 600})
    vendor.answers(answer(b"{}", JSON, status=b"503 Service Unavailable"))
    second.answers(WHOLE)
    assert ask(gateway, request(CHATS, body(), JSON))[0].getheader("x-ft-target") == "second/m"
    vendor.answers(WHOLE)
    for _ in range(2):
        assert ask(gateway, request(CHATS, body(), JSON))[0].getheader("x-ft-target") == "openai/gpt-4o"
    assert [each["role"] for each in gateway.stored()] == ["incumbent", "fallback", "incumbent", "cache"]


def test_call_that_is_no_chat_is_refused_by_a_target_of_another_wire(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="anthropic/claude", fallback={"targets": ["openai/gpt-4o"]})
    reply, got = ask(gateway, request("/openai/v1/embeddings", body(input="x"), JSON))
    assert (reply.status, json.loads(got)["error"]["code"]) == (400, "not_translatable")
    assert vendor.requests == []


def test_call_that_counts_tokens_is_none_of_the_routes(gateway: Gateway, vendor: Upstream, second: Upstream) -> None:
    save(incumbent="anthropic/claude", candidate="second/m", shadow={"share": 1})
    counted = b'{"input_tokens": 5}'
    vendor.answers(answer(counted, JSON))
    for path in ("/anthropic/v1/messages/count_tokens", "/v1/messages/count_tokens"):
        reply, got = ask(gateway, request(path, body(), JSON, b"anthropic-version: 2023-06-01"))
        assert (reply.status, got, reply.getheader("x-ft-target")) == (200, counted, "anthropic/claude")
    assert [(each["route"], each["role"], each["upstream"]) for each in gateway.stored()] == [
        (None, None, "anthropic")
    ] * 2
    assert second.requests == []


def test_same_name_is_another_route_in_another_project(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(WHOLE)
    keys = {name: authentication.create(open_database(), "app", name)[0] for name in ("shop", "mail", "none")}
    for project in ("shop", "mail"):
        save(project=project, incumbent=f"openai/{project}-model")
    for project in keys:
        ask(gateway, request(CHATS, body(), JSON, f"x-ft-key: {keys[project]}".encode()))
    models = [json.loads(each.partition(b"\r\n\r\n")[2])["model"] for each in vendor.requests]
    assert models == ["shop-model", "mail-model", "triage"]
    assert [(each["project"], each["route"]) for each in gateway.stored()] == [
        ("shop", "triage"),
        ("mail", "triage"),
        ("none", None),
    ]


@pytest.mark.slow
def test_models_of_this_server_answer_routes_on_every_path(
    workspace: Path, tiny_model_dir: Path, vendor: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({"openai": vendor.address}))
    monkeypatch.setenv("FINE_TUNING_ALIASES", json.dumps({"mine": str(tiny_model_dir)}))
    key, _ = authentication.create(open_database(), "app")
    save(incumbent="local/mine", candidate="openai/gpt-4o")
    config = ServerConfig(aliases={"mine": str(tiny_model_dir)})
    told = {"max_tokens": 4, "temperature": 0}  # drawn, an answer of this model may have no text
    asked, streams = body(**told), body(**told, stream=True)
    with running(make_app(config), config) as gateway:
        for path, name in ((CHATS, "x-ft-key"), ("/v1/chat/completions", "authorization")):
            bearer = "Bearer " if name == "authorization" else ""
            reply, got = ask(gateway, request(path, asked, JSON, f"{name}: {bearer}{key}".encode()))
            assert (reply.status, reply.getheader("x-ft-target")) == (200, "local/mine"), got
        streamed = request("/v1/messages", streams, JSON, f"x-api-key: {key}".encode())
        assert b"event: message_stop" in ask(gateway, streamed)[1]
        reply, _ = ask(gateway, request("/v1/chat/completions", asked, JSON, b"authorization: Bearer none"))
        assert reply.status == 401
        plain = request(
            "/v1/chat/completions", body("mine", max_tokens=4), JSON, f"authorization: Bearer {key}".encode()
        )
        reply, _ = ask(gateway, plain)
        assert (reply.status, reply.getheader("x-ft-target")) == (200, None)
        calls = gateway.stored()
    assert vendor.requests == []
    assert [(each["target"], each["is_whole"], each["not_captured"]) for each in calls] == [
        ("local/mine", True, None)
    ] * 3


def test_forty_clients_at_once_are_answered(gateway: Gateway, vendor: Upstream) -> None:
    save(incumbent="openai/gpt-4o")
    vendor.answers(WHOLE)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(ask(gateway, request(CHATS, body(), JSON))[0].status))
        for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 40
