"""Connections to the server: how large and how slow the headers of a request may be, and how many one peer may open.

Uvicorn bounds none of them, so that a client that sends headers without end, or nothing at all, costs it nothing. It
also adds headers that follow a body (trailers) to those of the request, which were checked already: they are left out.

What is written in one turn of the event loop goes out together: each chunk of a stream would be a call of its own.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from http import HTTPStatus
from typing import Any, ClassVar, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fine_tuning.gateway.upstreams import Wire, wire_of
from fine_tuning.gateway.wire_errors import GatewayError, error_body

MAX_HEADER_BYTES = 64 << 10
HEADER_SECONDS = 10.0
MAX_OF_PEER = 1024
MAX_HELD_BYTES = 64 << 10
_BETWEEN = len(": \r\n")
_TOO_LARGE = GatewayError(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"address and headers have more than {MAX_HEADER_BYTES:,} bytes",
    "headers_too_large",
)
_TOO_SLOW = GatewayError(HTTPStatus.REQUEST_TIMEOUT, "the headers did not arrive in time", "headers_too_slow")
_TOO_MANY = GatewayError(HTTPStatus.SERVICE_UNAVAILABLE, "your address has too many connections", "server_overloaded")
_INVALID = GatewayError(
    HTTPStatus.BAD_REQUEST, "this is no HTTP request, such as for a control character in a header", "invalid_http"
)


def protocol(header_seconds: float = HEADER_SECONDS, max_of_peer: int = MAX_OF_PEER) -> type[HttpToolsProtocol]:
    """Uvicorn's protocol with these limits, for its setting `http`; a server has one.

    Args:
        header_seconds: until the headers of a request have arrived.
        max_of_peer: open connections of an address; those of a proxy count as one peer's.
    """
    limits = {"header_seconds": header_seconds, "max_of_peer": max_of_peer, "peers": Counter[str]()}
    return type("LimitedConnection", (_LimitedConnection,), limits)


class JoinedWrites:
    """The transport of a connection, which holds what is written until the event loop's turn is over.

    What comes later than that, such as the next token of a model, is not waited for; more than `MAX_HELD_BYTES` go out
    at once, so that the transport can say that its client is slow.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []
        self._held_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write after what was written before."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > MAX_HELD_BYTES:
            self._flush()

    def close(self) -> None:
        """Close the connection, once all is written."""
        self._flush()
        self._transport.close()

    def alone(self) -> asyncio.Transport:
        """The transport itself, all written that was held."""
        self._flush()
        return self._transport

    def _flush(self) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))


class _LimitedConnection(HttpToolsProtocol):
    """Uvicorn's protocol with limits; see `protocol`, whose classes have them."""

    header_seconds: ClassVar[float]
    max_of_peer: ClassVar[int]
    peers: ClassVar[Counter[str]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._peer: str | None = None
        self._header_bytes = 0
        self._has_begun = self._has_headers = self._is_refused = False
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, JoinedWrites(transport, self.loop)))
        self._peer = self.client[0] if self.client else ""
        self.peers[self._peer] += 1
        if self.peers[self._peer] > self.max_of_peer:
            self._refuse(_TOO_MANY)
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._release()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._header_bytes += len(data)  # what is no header, such as a piece of the body, sets it to 0
        super().data_received(data)
        if self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._has_headers = False
        self._wait()
        super().on_message_begin()
        self._has_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._has_headers = True
        self._stop_waiting()
        size = len(self.url) + sum(len(name) + len(value) + _BETWEEN for name, value in self.headers)
        self._header_bytes = 0
        if size > MAX_HEADER_BYTES:
            self._refuse(_TOO_LARGE)
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._header_bytes = 0
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._header_bytes = 0
        if not self._is_refused:
            super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._release()  # another protocol goes on
        self.transport = cast(JoinedWrites, self.transport).alone()
        super().handle_websocket_upgrade()

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.header_seconds, self._refuse, _TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it says no more
        self._refuse(_INVALID)

    def _refuse(self, error: GatewayError) -> None:
        self._is_refused = True
        self._stop_waiting()
        if not self.transport.is_closing():
            self.transport.write(_response(error, self._wire()))
            self.transport.close()

    def _wire(self) -> Wire:
        """That of the request, as far as it has come."""
        path, headers = (self.url.decode("latin-1"), dict(self.headers)) if self._has_begun else ("", {})
        _, _, behind = path[1:].partition("/")  # the name of an upstream
        return wire_of(path if path.startswith("/v1") else f"/{behind}", headers)

    def _release(self) -> None:
        self._stop_waiting()
        if self._peer is not None:
            self.peers[self._peer] -= 1
            if not self.peers[self._peer]:
                del self.peers[self._peer]
            self._peer = None


def _response(error: GatewayError, wire: Wire) -> bytes:
    body = json.dumps(error_body(wire, int(error.status), str(error), error.code)).encode()
    head = (
        f"HTTP/1.1 {int(error.status)} {error.status.phrase}\r\nconnection: close\r\ncontent-type: application/json\r\n"
    )
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
