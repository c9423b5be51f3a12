"""A call passed to its upstream as it is, and the response passed back as it comes, piece by piece."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import NamedTuple

import aiohttp
from multidict import CIMultiDict
from starlette.types import Receive, Scope, Send
from yarl import URL

from fine_tuning.gateway.client_side import ClientLeft, ClientSide
from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.http_headers import CALL_ID, Headers, request_headers, response_headers
from fine_tuning.gateway.upstreams import Upstream
from fine_tuning.gateway.wire_errors import GatewayError

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 600.0  # as OpenAI's SDK waits for a response by default
MAX_KEPT_BYTES = 4 << 20
MAX_CONNECTIONS = 4096
MAX_HEADERS_BYTES = 64 << 10
PASSED = b"x-ft-passed"
"""Names the gateways that a call has passed, so that it does not go round in a circle."""

_AUTOMATIC = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")  # that a client library adds


class Limits(NamedTuple):
    """How long an upstream may take, in seconds, and how much of a body is kept for the record, in bytes."""

    connect: float = CONNECT_SECONDS
    silent: float = SILENT_SECONDS
    kept: int = MAX_KEPT_BYTES


class Forwarder:
    """Passes calls on. One for a process, used in one event loop; call `close` at the end."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._session: aiohttp.ClientSession | None = None
        self._name = secrets.token_hex(8).encode()

    async def close(self) -> None:
        """Close the connections to upstreams."""
        if self._session is not None:
            await self._session.close()

    async def forward(self, upstream: Upstream, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on and its response back; what passes is noted in the exchange.

        Where the response breaks off, or the client leaves, the other side's connection is closed, too.

        Raises:
            GatewayError: the upstream gave no response; nothing was sent to the client yet.
        """
        client = ClientSide(receive, exchange, self._limits.kept)
        try:
            headers = self._headers(scope)
            body = await client.body()
            if isinstance(body, bytes) or body is None:
                with client.cancelled_when_it_leaves():
                    await self._exchange(_Asked(scope, _url(upstream, scope), headers, body), exchange, send)
            else:
                await self._exchange(_Asked(scope, _url(upstream, scope), headers, body), exchange, send)
        except ClientLeft:
            return
        finally:
            exchange.end()

    def _headers(self, scope: Scope) -> CIMultiDict[str]:
        passed = next((value for name, value in scope["headers"] if name == PASSED), b"")
        if self._name in passed.split(b","):
            raise GatewayError(HTTPStatus.LOOP_DETECTED, "this upstream leads back to this gateway", "gateway_loop")
        mark = b",".join(filter(None, (passed, self._name)))
        headers = [*request_headers(scope["headers"]), (PASSED, mark)]
        try:
            return CIMultiDict((name.decode(), value.decode()) for name, value in headers)
        except UnicodeDecodeError:
            message = "a header is not in UTF-8, and cannot be passed on"
            raise GatewayError(HTTPStatus.BAD_REQUEST, message, "invalid_header") from None

    async def _exchange(self, asked: _Asked, exchange: Exchange, send: Send) -> None:
        if self._session is None:
            self._session = _session(self._limits)
        try:
            response = await self._session.request(
                asked.scope["method"],
                asked.url,
                headers=asked.headers,
                data=asked.body,
                allow_redirects=False,
                skip_auto_headers=_AUTOMATIC,
            )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _as_gateway_error(error, asked.url) from None
        async with response:
            await self._pass_back(response, exchange, send)

    async def _pass_back(self, response: aiohttp.ClientResponse, exchange: Exchange, send: Send) -> None:
        headers: Headers = list(response.raw_headers)
        exchange.has_response(response.status, headers)
        head = [*response_headers(headers), (CALL_ID, exchange.call_id.encode())]
        await send({"type": "http.response.start", "status": response.status, "headers": head})
        try:
            async for piece, _ in response.content.iter_chunks():
                exchange.keep_response(piece, self._limits.kept)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (aiohttp.ClientError, TimeoutError):
            response.close()
            return  # without the end of the body, so that the client sees that it is not whole
        exchange.is_whole = True
        await send({"type": "http.response.body", "body": b""})
        exchange.is_delivered = True


class _Asked(NamedTuple):
    scope: Scope
    url: URL
    headers: CIMultiDict[str]
    body: bytes | AsyncIterator[bytes] | None


def _url(upstream: Upstream, scope: Scope) -> URL:
    """The address of a call, whose path and query are as the client wrote them."""
    path = scope["raw_path"].decode("latin-1").partition("?")[0].removeprefix(f"/{upstream.name}")
    query = scope["query_string"].decode("latin-1")
    return URL(upstream.url(f"{path}?{query}" if query else path), encoded=True)


def _session(limits: Limits) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, enable_cleanup_closed=False),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.silent),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        max_line_size=MAX_HEADERS_BYTES,
        max_field_size=MAX_HEADERS_BYTES,
    )


def _as_gateway_error(error: Exception, url: URL) -> GatewayError:
    """What to say where an upstream gave no response; the key of a query is not repeated."""
    if isinstance(error, TimeoutError):
        return GatewayError(HTTPStatus.GATEWAY_TIMEOUT, f"{url.host} did not answer in time", "upstream_timeout")
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or "the name is not known"
        return GatewayError(HTTPStatus.BAD_GATEWAY, f"{url.host} cannot be reached: {reason}", "upstream_unreachable")
    message = f"{url.host} broke off before it answered, or its answer is no HTTP"
    return GatewayError(HTTPStatus.BAD_GATEWAY, message, "upstream_failed")
