"""What a client and its vendor see of each other through the gateway: the bytes that the other one sent."""

from __future__ import annotations

import gzip
import socket
import time
from http.client import HTTPResponse
from itertools import pairwise
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from fine_tuning.server.gateway_app import GatewayApp
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.workspace import open_workspace
from tests.gateway.conftest import Gateway
from tests.gateway.scripted_upstream import Upstream, answer, chunk

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = [b'data: {"a": 1}\n', b"\n", b"data: [DONE]\n\n"]


def request(path: str, body: bytes = b"", *headers: bytes, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def ask(gateway: Gateway, sent: bytes) -> tuple[HTTPResponse, bytes]:
    with socket.create_connection((gateway.host, gateway.port), timeout=20) as connection:
        connection.sendall(sent)
        response = HTTPResponse(connection)
        response.begin()
        return response, response.read()


@pytest.mark.parametrize(
    "body",
    [b'{"model":  "gpt-4o", "unknown_field": [1.50, "\xc3\xa9"]}', b"", b"\x00\xff not JSON", b"x" * (5 << 20)],
    ids=["json", "nothing", "bytes", "large"],
)
def test_request_arrives_as_it_was_sent(gateway: Gateway, vendor: Upstream, body: bytes) -> None:
    vendor.answers(answer(b"{}"))
    headers = (b"Authorization: Bearer sk-vendor", b"OpenAI-Beta: assistants=v2", b"X-FT-Domain: mail")
    ask(gateway, request("/openai/v1/new%2Fendpoint?a=%20b&a=&c", body, *headers))
    (got,) = vendor.requests
    head, _, sent = got.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert first == b"POST /v1/new%2Fendpoint?a=%20b&a=&c HTTP/1.1"
    assert sent == body
    named = {line.partition(b":")[0].lower(): line.partition(b": ")[2] for line in lines}
    assert named.pop(b"x-ft-passed")
    assert named == {
        b"host": vendor.address.removeprefix("http://").encode(),
        b"content-length": str(len(body)).encode(),
        b"authorization": b"Bearer sk-vendor",
        b"openai-beta": b"assistants=v2",
    }


@pytest.mark.parametrize(
    ("status", "body", "encoding"),
    [
        (b"200 OK", b'{"id": "1",   "new": true}', b"identity"),
        (b"429 Too Many Requests", b'{"error": {"message": "slow down"}}', b"identity"),
        (b"200 OK", gzip.compress(b'{"id": "1"}'), b"gzip"),
        (b"302 Found", b"", b"identity"),
        (b"204 No Content", b"", b"identity"),
        (b"500 Internal Server Error", b"<html>", b"identity"),
    ],
    # gzip has the time in it, which no name of a test may have
    ids=[
        "json",
        "refusal",
        "gzip",
        "elsewhere",
        "nothing",
        "page",
    ],  # gzip has the time in it, which no name of a test may have
)
def test_response_arrives_as_it_was_sent(
    gateway: Gateway, vendor: Upstream, status: bytes, body: bytes, encoding: bytes
) -> None:
    headers = [
        b"Retry-After: 7",
        b"Content-Encoding: " + encoding,
        b"Location: /else",
        b"Set-Cookie: a",
        b"Set-Cookie: b",
    ]
    vendor.answers(answer(body, *headers, b"Connection: X-Of-Link", b"X-Of-Link: 1", status=status))
    response, got = ask(gateway, request("/openai/v1/chat/completions", b"{}"))
    assert (response.status, got) == (int(status[:3]), body)
    assert response.headers.get_all("set-cookie") == ["a", "b"]
    assert [response.getheader(name) for name in ("retry-after", "location", "x-of-link")] == ["7", "/else", None]
    assert response.getheader("content-encoding") == encoding.decode()
    assert (response.getheader("x-ft-call-id") or "").startswith("call_")


def test_stream_arrives_chunk_by_chunk_when_it_is_sent(gateway: Gateway, vendor: Upstream) -> None:
    pieces = [part for event in EVENTS for part in (chunk(event), 0.3)]
    vendor.answers(STREAM, *pieces, chunk(b""))
    times, got = [], []
    with socket.create_connection((gateway.host, gateway.port), timeout=20) as connection:
        connection.sendall(request("/openai/v1/chat/completions", b'{"stream": true}'))
        while not b"".join(got).endswith(b"0\r\n\r\n"):
            got.append(connection.recv(65536))
            times.append(time.monotonic())
    assert b"".join(got).partition(b"\r\n\r\n")[2] == b"".join([*map(chunk, EVENTS), chunk(b"")])
    assert sum(after - before > 0.2 for before, after in pairwise(times)) >= 2


def test_client_that_leaves_ends_the_call(gateway: Gateway, vendor: Upstream) -> None:
    for reply in ((60.0,), (STREAM, chunk(EVENTS[0]), 60.0)):
        vendor.asked.clear()
        vendor.left.clear()
        vendor.answers(*reply)
        with socket.create_connection((gateway.host, gateway.port), timeout=20) as connection:
            connection.sendall(request("/openai/v1/chat/completions", b"{}"))
            if len(reply) > 1:
                connection.recv(10)
            assert vendor.asked.wait(30)  # a client that leaves earlier needs no upstream
        assert vendor.left.wait(30)
    whole = [(call["is_whole"], call["is_delivered"], call["not_captured"]) for call in gateway.stored()]
    assert whole == [(False, False, "the call failed"), (False, False, "the response broke off")]


def test_call_under_way_when_the_gateway_ends_is_recorded(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(STREAM, chunk(EVENTS[0]), 60.0)
    with socket.create_connection((gateway.host, gateway.port), timeout=20) as connection:
        connection.sendall(request("/openai/v1/chat/completions", b"{}"))
        got = b""
        while not got.endswith(chunk(EVENTS[0])):
            got += connection.recv(65536)
        (call,) = gateway.stored()
        assert not connection.recv(65536)
    assert (call["status"], call["is_whole"], call["not_captured"]) == (200, False, "the response broke off")


def test_response_that_breaks_off_is_seen_to(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(STREAM, chunk(EVENTS[0]), closes=True)
    with socket.create_connection((gateway.host, gateway.port), timeout=20) as connection:
        connection.sendall(request("/openai/v1/chat/completions", b"{}"))
        got = b""
        while piece := connection.recv(65536):
            got += piece
    assert got.endswith(chunk(EVENTS[0]))
    (call,) = gateway.stored()
    assert (call["is_whole"], call["example_id"]) == (False, None)


@pytest.mark.parametrize(
    "path", ["/openai%2F@{}/v1/x", "/%6Fpenai/v1/x", "/openai%2Fv1/x", "//openai@{}/v1", "/openai%3F@{}"]
)
def test_path_that_only_looks_like_an_upstream_is_passed_to_nobody(
    gateway: Gateway, vendor: Upstream, second: Upstream, path: str
) -> None:
    response, _ = ask(gateway, request(path.format(second.address.removeprefix("http://")), b"{}"))
    assert response.status == 404
    assert (vendor.requests, second.requests) == ([], [])


@pytest.mark.parametrize(
    ("method", "reply"),
    [
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 200\r\nETag: x\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\nETag: x\r\n\r\n"),
        ("DELETE", b"HTTP/1.1 204 No Content\r\nETag: x\r\n\r\n"),
        ("POST", answer(b"", b"ETag: x")),
    ],
)
def test_responses_without_a_body_end(gateway: Gateway, vendor: Upstream, method: str, reply: bytes) -> None:
    vendor.answers(reply)
    for _ in range(3):  # what stands for no body is one object for all responses
        with socket.create_connection((gateway.host, gateway.port), timeout=20) as connection:
            connection.sendall(request("/openai/v1/files/f", method=method))
            response = HTTPResponse(connection, method=method)
            response.begin()
            assert (response.getheader("etag"), response.read()) == ("x", b"")


AZURES = "/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21"


def test_call_of_azures_client_to_this_server_is_not_passed_to_openai(workspace: Path) -> None:
    app = FastAPI()
    app.add_api_route("/{path:path}", lambda path: path, methods=["POST"])
    with TestClient(GatewayApp(app, ServerConfig(), open_workspace())) as client:
        assert client.post(AZURES).json() == "openai/deployments/gpt-4o-mini/chat/completions"


def test_call_of_azures_client_is_passed_to_an_upstream_of_azure(gateway: Gateway, vendor: Upstream) -> None:
    vendor.answers(answer(b"{}"))  # which the setting names openai
    ask(gateway, request(AZURES))
    assert vendor.requests[0].startswith(f"POST {AZURES.removeprefix('/openai')} ".encode())
