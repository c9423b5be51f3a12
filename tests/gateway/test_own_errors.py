"""Errors of the gateway itself, in the shape of the API that the client speaks."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from openai import AuthenticationError, InternalServerError, OpenAI

from fine_tuning.errors import ConfigurationError
from fine_tuning.gateway.upstreams import read_upstreams
from fine_tuning.server import authentication
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.database import open_database
from tests.gateway.conftest import Gateway, running
from tests.gateway.scripted_upstream import Upstream, answer, chunk
from tests.gateway.test_pass_through import ask, request

MESSAGES: Any = [{"role": "user", "content": "Hi"}]
PAGE = "https://page.example"


def test_upstream_that_is_away_is_an_error_of_each_wire(gateway: Gateway) -> None:
    with OpenAI(base_url=f"{gateway.address}/away/v1", api_key="sk", max_retries=0) as client:
        with pytest.raises(InternalServerError, match="cannot be reached") as failed:
            client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
        assert (failed.value.status_code, failed.value.code) == (502, "upstream_unreachable")
        assert (failed.value.request_id or "").startswith("call_")
    response, body = ask(gateway, request("/away/v1/messages", b"{}", b"anthropic-version: 2023-06-01"))
    assert (response.status, json.loads(body)["type"], json.loads(body)["error"]["type"]) == (502, "error", "api_error")
    assert response.getheader("request-id") == response.getheader("x-ft-call-id")
    response, body = ask(gateway, request("/away/v1beta/models/g:generateContent?key=AIza-secret", b"{}"))
    assert (json.loads(body)["error"]["code"], json.loads(body)["error"]["status"]) == (502, "UNAVAILABLE")
    assert b"AIza" not in body
    assert {call["status"] for call in gateway.stored()} == {502}


def test_answer_that_is_no_http_is_an_error(gateway: Gateway, vendor: Upstream) -> None:
    odd = (b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n")
    for reply in (b"SSH-2.0-x\r\n\r\n", b"", *odd):
        vendor.answers(reply, closes=True)
        response, body = ask(gateway, request("/openai/v1/chat/completions", b"{}"))
        assert (response.status, json.loads(body)["error"]["code"]) == (502, "upstream_failed")


@pytest.mark.parametrize("path", ["/openai/v1/realtime", "/v1/responses"])
def test_websocket_is_refused_with_a_reason(gateway: Gateway, vendor: Upstream, path: str) -> None:
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    upgrade = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13", key)
    reply, got = ask(gateway, request(path, b"", *upgrade, method="GET"))
    assert (reply.status, json.loads(got)["error"]["code"]) == (501, "websocket_not_supported")
    assert vendor.requests == []


def test_body_that_the_connection_compressed_is_an_error(gateway: Gateway, vendor: Upstream) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    vendor.answers(head, chunk(gzip.compress(b"hello")), chunk(b""))
    reply, got = ask(gateway, request("/openai/v1/files", b"{}"))
    assert (reply.status, json.loads(got)["error"]["code"]) == (502, "upstream_failed")


def test_circle_is_refused(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(answer(b"{}"))
    ask(gateway, request("/openai/v1/models", method="GET"))
    (line,) = [each for each in vendor.requests[0].split(b"\r\n") if each.startswith(b"x-ft-passed")]
    response, body = ask(gateway, request("/openai/v1/models", b"", line, method="GET"))
    assert (response.status, json.loads(body)["error"]["code"]) == (508, "gateway_loop")
    assert response.getheader("x-should-retry") == "false"


def test_id_of_a_call_is_this_gateways(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(answer(b"{}", b"X-FT-Call-Id: call_of_another"))
    response, _ = ask(gateway, request("/openai/v1/files", b"{}"))
    assert response.getheader("x-ft-call-id") == gateway.stored()[0]["id"]


def test_gateway_with_keys_asks_for_its_own(gateway: Gateway, vendor: Upstream) -> None:
    key, _ = authentication.create(open_database(), "app", "shop")
    reading, _ = authentication.create(open_database(), "eyes", read_only=True)
    vendor.answers(answer(b"{}"))
    with OpenAI(base_url=f"{gateway.address}/openai/v1", api_key="sk-vendor", max_retries=0) as client:
        with pytest.raises(AuthenticationError, match="x-ft-key"):
            client.models.list()
        assert client.with_options(default_headers={"x-ft-key": key}).get("/models", cast_to=str) == "{}"
    (got,) = vendor.requests
    assert b"sk-vendor" in got
    assert key.encode() not in got
    response, _ = ask(gateway, request("/openai/v1/models", b"", f"x-ft-key: {reading}".encode()))
    assert response.status == 403


def test_page_of_another_site_cannot_use_an_open_gateway(gateway: Gateway, vendor: Upstream) -> None:
    response, body = ask(gateway, request("/openai/v1/chat/completions", b"{}", b"Origin: https://evil.example"))
    assert (response.status, json.loads(body)["error"]["code"]) == (403, "forbidden_caller")
    for sent in (b"Origin: https://evil.example", b"Sec-Fetch-Site: cross-site"):  # the vendor may let every page read
        response, _ = ask(gateway, request("/openai/v1/files", b"", sent, method="GET"))
        assert response.status == 403
    assert vendor.requests == []


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("v1", "https://a.example"),
        ("Upper", "https://a.example"),
        ("a", "ftp://a.example"),
        ("a", "a.example"),
        ("a", "https://user:secret@a.example"),
        ("a", "https://a.example?key=1"),
    ],
)
def test_upstream_without_sense_is_refused_by_name(name: str, address: str) -> None:
    with pytest.raises(ConfigurationError, match=f"FINE_TUNING_UPSTREAMS: '?{name}") as refused:
        read_upstreams({name: address})
    assert "secret" not in str(refused.value)


def test_page_of_an_allowed_origin_reads_errors_of_a_gateway_with_keys(
    vendor: Upstream, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({"openai": vendor.address}))
    key, _ = authentication.create(open_database(), "app", "shop")
    asked = b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-ft-key"
    vendor.answers(answer(b"{}", b"Access-Control-Allow-Origin: *"))
    with running(FastAPI(openapi_url=None), ServerConfig(allowed_origins=(PAGE,))) as gateway:
        path, found = "/openai/v1/chat/completions", []
        for origin in (PAGE, "https://evil.example"):
            near = f"Origin: {origin}".encode()
            found.append(ask(gateway, request(path, b"", near + b"\r\n" + asked, method="OPTIONS"))[0])
            found.append(ask(gateway, request(path, b"{}", near))[0])
        answered, _ = ask(gateway, request(path, b"{}", f"Origin: {PAGE}\r\nx-ft-key: {key}".encode()))
    assert [each.status for each in (*found, answered)] == [200, 401, 400, 401, 200]
    allowed = [each.headers.get_all("access-control-allow-origin") for each in (*found, answered)]
    assert allowed == [[PAGE], [PAGE], None, None, [PAGE]]
    assert "x-ft-call-id" in found[1].headers["access-control-expose-headers"]
    assert len(vendor.requests) == 1
