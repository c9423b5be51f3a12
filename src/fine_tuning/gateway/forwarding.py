"""A call passed to its upstream as it is, and the response passed back as it comes, piece by piece."""

from __future__ import annotations

import asyncio
import io
import secrets
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import aiohttp
from multidict import CIMultiDict
from starlette.types import Scope, Send
from yarl import URL

from fine_tuning.gateway.client_side import Body, ClientSide
from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.http_headers import CALL_ID, Headers, request_headers, response_headers
from fine_tuning.gateway.kept_bodies import PIECE_BYTES
from fine_tuning.gateway.replies import BrokenOff, Reply, UpstreamReply
from fine_tuning.gateway.upstream_connections import connector
from fine_tuning.gateway.upstreams import Upstream
from fine_tuning.gateway.wire_errors import GatewayError

CONNECT_SECONDS = 10.0
SILENT_SECONDS = 600.0  # as OpenAI's SDK waits for a response by default
MAX_HEADERS_BYTES = 64 << 10
STATUSES = range(200, 600)  # of responses; 101 would begin another protocol, and no client was asked for that
PASSED = b"x-ft-passed"
"""Names the gateways that a call has passed, so that it does not go round in a circle."""

_AUTOMATIC = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")  # that a client library adds


class Limits(NamedTuple):
    """How long an upstream may take, in seconds; `shadow` for an answer that nobody waits for, from its first byte."""

    connect: float = CONNECT_SECONDS
    silent: float = SILENT_SECONDS
    shadow: float = SILENT_SECONDS


class Forwarder:
    """Passes calls on. One for a process, used in one event loop; call `close` at the end.

    Args:
        socket: of the program that all calls go to, in place of the hosts that they name.
    """

    def __init__(self, limits: Limits | None = None, socket: Path | None = None) -> None:
        self.limits, self._socket = limits or Limits(), socket
        self._session: aiohttp.ClientSession | None = None
        self._name = secrets.token_hex(8).encode()

    async def close(self) -> None:
        """Close the connections to upstreams."""
        if self._session is not None:
            await self._session.close()

    async def forward(self, upstream: Upstream, call: Call, exchange: Exchange, send: Send) -> None:
        """Pass a call on and its response back; what passes is noted in the exchange.

        Where the response breaks off, or the client leaves, the other side's connection is closed, too.

        Raises:
            GatewayError: the upstream gave no response; nothing was sent to the client yet.
        """
        request = UpstreamRequest(call.scope["method"], _url(upstream, call.scope), self.headers(call.scope), call.body)
        try:
            if isinstance(call.body, bytes) or call.body is None:
                with call.client.cancelled_when_it_leaves():
                    await self._exchange(request, exchange, send)
            else:
                await self._exchange(request, exchange, send)
        finally:
            exchange.is_cancelled = call.client.has_left and not exchange.is_delivered
            exchange.end()

    def headers(self, scope: Scope) -> CIMultiDict[str]:
        """What an upstream gets of a client's headers.

        Raises:
            GatewayError: the call came from this gateway, or a header is in no known encoding.
        """
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

    async def _exchange(self, request: UpstreamRequest, exchange: Exchange, send: Send) -> None:
        reply = await self.open(request)
        try:
            await pass_back(reply, reply.pieces(), exchange, send)
        finally:
            reply.close()

    async def open(self, request: UpstreamRequest) -> UpstreamReply:
        """Send a request, and wait for the start of its response.

        Raises:
            GatewayError: there was none.
        """
        if self._session is None:
            self._session = _session(self.limits, self._socket)
        try:
            response = await self._session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=_in_pieces(request.body),
                allow_redirects=False,
                skip_auto_headers=_AUTOMATIC,
            )
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _as_gateway_error(error, request.url) from None
        if response.status not in STATUSES or _is_encoded_on_its_way(response):
            response.close()
            raise _no_answer(request.url)
        return UpstreamReply(response)


def _is_encoded_on_its_way(response: aiohttp.ClientResponse) -> bool:
    """Whether the connection itself compresses the body, which nobody asked for, and whose end only it knows."""
    return response.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked"


async def pass_back(
    reply: Reply, pieces: AsyncIterator[bytes], exchange: Exchange, send: Send, more: Headers | None = None
) -> None:
    """Send a response to the client, piece by piece; one that breaks off gets no end, so that the client sees it.

    Args:
        more: headers of the gateway itself.
    """
    exchange.has_response(reply.status, reply.headers)
    head = [*response_headers(reply.status, reply.headers), (CALL_ID, exchange.call_id.encode()), *(more or ())]
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": head})
        async for piece in pieces:
            exchange.keep_response(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        exchange.is_whole = True
        await send({"type": "http.response.body", "body": b""})
        exchange.is_delivered = True
    except BrokenOff:
        return
    except asyncio.CancelledError:
        exchange.was_left()
        raise


class Call(NamedTuple):
    """A call of a client, with its body, or what there is of a large one."""

    scope: Scope
    client: ClientSide
    body: Body


class UpstreamRequest(NamedTuple):
    """A request to an upstream."""

    method: str
    url: URL
    headers: CIMultiDict[str]
    body: Body


def _in_pieces(body: Body) -> Body | io.BytesIO:
    """A large body as a stream: whole, it would be copied for as long as the upstream does not take it."""
    return io.BytesIO(body) if isinstance(body, bytes) and len(body) > PIECE_BYTES else body


def _url(upstream: Upstream, scope: Scope) -> URL:
    """The address of a call, whose path and query are as the client wrote them."""
    path = scope["raw_path"].decode("latin-1").partition("?")[0].removeprefix(f"/{upstream.name}")
    query = scope["query_string"].decode("latin-1")
    return URL(upstream.url(f"{path}?{query}" if query else path), encoded=True)


def _session(limits: Limits, socket: Path | None) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector(socket),
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
    return _no_answer(url)


def _no_answer(url: URL) -> GatewayError:
    message = f"{url.host} broke off before it answered, or its answer is no HTTP"
    return GatewayError(HTTPStatus.BAD_GATEWAY, message, "upstream_failed")
