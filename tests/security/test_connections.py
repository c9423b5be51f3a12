"""Headers without end, headers that never come, and one peer with all the connections."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from fine_tuning.server.app import make_app
from fine_tuning.server.http_connections import protocol
from fine_tuning.server.server_config import ServerConfig
from tests.security.requests import ask
from tests.served_app import served

ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def port(workspace: Path) -> Iterator[int]:
    limited = protocol(header_seconds=1.0, max_of_peer=20)
    config = uvicorn.Config(make_app(ServerConfig()), host="127.0.0.1", port=0, log_level="warning", http=limited)
    with served(config) as server:
        yield server.port


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def answer(connection: socket.socket) -> str:
    """All that a server sends until it closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(4096):
            received += piece
    return received.decode()


def is_well(port: int) -> bool:
    return ask("GET", f"http://127.0.0.1:{port}/healthz").status_code == 200


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("sent", [b"X-Long: " + b"x" * 70_000, b"X: y\r\n" * 12_000, b"X-" + b"a" * 70_000])
def test_headers_above_the_limit_are_refused(port: int, sent: bytes, in_pieces: bool) -> None:
    with connected(port) as connection:
        whole = ASK + sent + b"\r\n\r\n"
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(whole), 1000 if in_pieces else len(whole)):
                connection.sendall(whole[at : at + (1000 if in_pieces else len(whole))])
        assert answer(connection).startswith("HTTP/1.1 4")  # 431, or 400 where the parser refuses it first
    assert is_well(port)


def test_address_above_the_limit_is_refused(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /healthz?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer(connection).startswith("HTTP/1.1 431")


def refusal(port: int, path: str, header: bytes) -> Any:
    with connected(port) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + header + b"\r\n\r\n")
        head, _, body = answer(connection).partition("\r\n\r\n")
    assert f"content-length: {len(body)}" in head
    return json.loads(body)


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [(b"X-Long: " + b"x" * 65_600, 431, "headers_too_large"), (b"X-Odd: \x01", 400, "invalid_http")],
)
def test_refusal_has_the_shape_of_the_wire(port: int, header: bytes, status: int, code: str) -> None:
    for path in ("/openai/v1/chat/completions", "/v1/responses", "/"):
        assert refusal(port, path, header)["error"]["code"] == code
    for path in ("/anthropic/v1/messages", "/v1/messages"):
        assert refusal(port, path, header)["type"] == "error"
    assert refusal(port, "/gemini/v1beta/models/g:generateContent", header)["error"]["code"] == status


BODY = ASK.replace(b"GET /healthz", b"POST /v1/conversations") + b"Content-Type: application/json\r\n"
CHUNKED = BODY + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"


@pytest.mark.parametrize(
    "sent", [b"0\r\n" + b"X: y\r\n" * 60_000, b"0\r\nX: " + b"y" * 400_000, b"2;" + b"x" * 400_000]
)
def test_headers_and_extensions_after_a_body_are_bounded(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        with contextlib.suppress(ConnectionError):
            for at in range(0, len(sent), 1000):
                connection.sendall((b"" if at else CHUNKED) + sent[at : at + 1000])
        received = answer(connection)
        assert received[:10] in {"", "HTTP/1.1 4"}  # the answer is lost where it met what was still being sent
    assert is_well(port)


def test_headers_after_a_body_are_not_read(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(CHUNKED + b"0\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n")
        connection.sendall(ASK + b"Connection: close\r\n\r\n")
        assert answer(connection).count("HTTP/1.1 200 OK") == 2


def test_long_body_in_small_chunks_is_served(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(BODY + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in [b"{", *[b" " * 9] * 20_000, b"}"]:
            connection.sendall(b"%x;a=b\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        assert answer(connection).startswith("HTTP/1.1 200")


def test_headers_within_the_limit_are_served_again_and_again(port: int) -> None:
    with httpx.Client() as client:
        for _ in range(5):
            assert client.get(f"http://127.0.0.1:{port}/healthz", headers={"X": "x" * 50_000}).status_code == 200


@pytest.mark.parametrize("first", [b"", b"G", ASK, ASK + b"\r\n" + b"G"])
def test_headers_that_do_not_arrive_end_the_connection(port: int, first: bytes) -> None:
    with connected(port) as connection:
        started = time.monotonic()
        connection.sendall(first)
        received = answer(connection)
        assert "408 Request Timeout" in received
        assert 0.9 < time.monotonic() - started < 10


def test_trickled_headers_end_the_connection(port: int) -> None:
    with connected(port) as connection:
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for letter in ASK * 100:
                connection.sendall(bytes([letter]))
                time.sleep(0.05)
        assert time.monotonic() - started < 10


def test_connections_of_one_peer_are_counted(port: int) -> None:
    for _ in range(2):  # those that were closed count no more
        with contextlib.ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(connected(port)).sendall(ASK)
            time.sleep(0.2)
            with connected(port) as further:
                assert answer(further).startswith("HTTP/1.1 503")
        deadline = time.monotonic() + 10
        while not _serves(port):
            assert time.monotonic() < deadline


def _serves(port: int) -> bool:
    try:
        return is_well(port)
    except httpx.HTTPError:
        return False
