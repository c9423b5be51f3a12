"""Limits of the gateway: how many calls of a key a minute, wherever they go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI, RateLimitError

from fine_tuning.server import authentication
from fine_tuning.server.app import make_app
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.database import open_database
from tests.gateway.conftest import Gateway, running
from tests.gateway.scripted_upstream import Upstream, answer
from tests.gateway.test_pass_through import ask, request
from tests.gateway.test_recording import JSON, MESSAGES
from tests.gateway.test_route_calls import CHATS, WHOLE, body
from tests.gateway.test_routes import BASE, save

FAILED = answer(b'{"error": {}}', JSON, status=b"500 Internal Server Error")


def status(gateway: Gateway, path: str, key: str, *, method: str = "POST", sent: bytes = body("gpt-4o")) -> int:
    name = "Authorization: Bearer" if path.startswith("/v1/") else "x-ft-key:"
    return ask(gateway, request(path, sent, JSON, f"{name} {key}".encode(), method=method))[0].status


def test_calls_of_a_key_count_once_wherever_they_go(
    workspace: Path, vendor: Upstream, second: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstreams = {"openai": vendor.address, "anthropic": vendor.address, "gemini": vendor.address}
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({**upstreams, "second": second.address}))
    key, other = (authentication.create(open_database(), name)[0] for name in ("app", "other"))
    save(incumbent="second/m", fallback={"targets": ["openai/x"], "retries": 1})
    vendor.answers(WHOLE)
    second.answers(FAILED)
    config = ServerConfig(requests_per_minute=4)
    api = make_app(config)
    with running(api, config, api.state.context.bodies, api.state.context.rates) as gateway:
        assert status(gateway, CHATS, key) == 200
        assert status(gateway, "/openai/v1/files", key, method="GET", sent=b"") == 200
        assert status(gateway, "/v1/chat/completions", key, sent=body()) == 200
        assert len(second.requests) == 2  # tries of one call
        assert status(gateway, "/v1/models", key, method="GET", sent=b"") == 200
        asked = len(vendor.requests)
        for path in (CHATS, "/v1/chat/completions", "/v1/models"):
            method = "GET" if path == "/v1/models" else "POST"
            assert status(gateway, path, key, sent=body(), method=method) == 429
        assert _errors(gateway, key) == ["rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"]
        assert (len(vendor.requests), len(second.requests)) == (asked, 2)
        assert status(gateway, "/v1/models", other, method="GET", sent=b"") == 200


def test_call_that_this_server_answers_for_a_route_counts_once(workspace: Path) -> None:
    key = authentication.create(open_database(), "app")[0]
    save(incumbent=BASE)
    config = ServerConfig(requests_per_minute=3)
    api = make_app(config)
    with running(api, config, api.state.context.bodies, api.state.context.rates) as gateway:
        found = [status(gateway, "/v1/embeddings", key, sent=body(input="x")) for _ in range(4)]
    assert found == [400, 400, 400, 429]  # a chat model has no embeddings


def _errors(gateway: Gateway, key: str) -> list[str]:
    """What each wire calls the refusal, which says when to come back."""
    with OpenAI(
        base_url=f"{gateway.address}/openai/v1", api_key="sk", max_retries=0, default_headers={"x-ft-key": key}
    ) as client:
        messages: Any = MESSAGES
        with pytest.raises(RateLimitError) as refused:
            client.chat.completions.create(model="gpt-4o", messages=messages)
    seconds, retry = (refused.value.response.headers[name] for name in ("retry-after", "x-should-retry"))
    assert (1 <= int(seconds) <= 60, retry) == (True, "true")
    own = f"x-ft-key: {key}".encode()
    messages_, body_ = ask(gateway, request("/anthropic/v1/messages", b"{}", own))
    contents, found = ask(gateway, request("/gemini/v1beta/models/g:generateContent", b"{}", own))
    assert messages_.getheader("retry-after")
    assert contents.getheader("retry-after")
    return [str(refused.value.code), json.loads(body_)["error"]["type"], json.loads(found)["error"]["status"]]
