"""Responses that have begun, of an upstream or of this server: a status, headers, and pieces of a body as they come."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import NamedTuple, Protocol

import aiohttp
from starlette.types import ASGIApp, Message, Scope

from fine_tuning.gateway.http_headers import Headers
from fine_tuning.gateway.wire_errors import GatewayError

_log = logging.getLogger(__name__)
TURN = 16  # chunks that are passed on before others have their turn
_WAITING_PIECES = 4  # of an answer of this server, until it waits for its reader


class BrokenOff(Exception):  # noqa: N818
    """A response ended before its end."""


class Reply(Protocol):
    """A response that has begun."""

    @property
    def status(self) -> int:
        """Of the response."""

    @property
    def headers(self) -> Headers:
        """As they were sent."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The body; raises BrokenOff where it is not whole."""

    def close(self) -> None:
        """End the exchange, read to its end or not."""


class WholeReply(NamedTuple):
    """A response that has come to its end already; see `Reply`."""

    status: int
    headers: Headers
    body: bytes

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body."""
        yield self.body

    def close(self) -> None:
        """Nothing is open."""


class UpstreamReply:
    """The response of an upstream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Headers = list(response.raw_headers)
        self._is_whole = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """See `Reply`."""
        content, is_inside, number = self._response.content, True, 0
        try:
            while is_inside:  # `iter_chunks` has no end where there is no body, from the second such response on
                piece, is_chunk_end = await content.readchunk()
                is_inside = bool(piece) or (is_chunk_end and not content.at_eof())
                if piece:
                    yield piece
                number += 1
                if number % TURN == 0:  # a host may send chunks of one byte, all of which are there at once
                    await asyncio.sleep(0)
        except (aiohttp.ClientError, TimeoutError):
            raise BrokenOff from None
        self._is_whole = True

    def close(self) -> None:
        """Give the connection back, or close it where the body was not read to its end."""
        if self._is_whole:
            self._response.release()
        else:
            self._response.close()


class LocalReply:
    """The response of an ASGI application of this process, which is called without a connection."""

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes) -> None:
        self.status, self.headers = 0, Headers()
        self._body: bytes | None = body
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue(_WAITING_PIECES)
        self._left = asyncio.Event()
        self._task = asyncio.create_task(self._run(app, scope))

    @classmethod
    async def open(cls, app: ASGIApp, scope: Scope, body: bytes) -> LocalReply:
        """Send a request, and wait for the start of its response.

        Raises:
            GatewayError: there was none.
        """
        reply = cls(app, scope, body)
        try:
            started = await reply._messages.get()
        except asyncio.CancelledError:
            reply.close()
            raise
        if started is None:
            message = "this server failed before it answered; see its log"
            raise GatewayError(HTTPStatus.BAD_GATEWAY, message, "server_failed")
        reply.status, reply.headers = started["status"], list(started["headers"])
        return reply

    async def pieces(self) -> AsyncIterator[bytes]:
        """See `Reply`."""
        while (message := await self._messages.get()) is not None:
            if piece := message.get("body", b""):
                yield piece
            if not message.get("more_body", False):
                return
        raise BrokenOff

    def close(self) -> None:
        """As a client that disconnects: the application stops, and what it still sends is left out."""
        self._left.set()
        while not self._messages.empty():
            self._messages.get_nowait()

    async def _run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception:  # noqa: BLE001 - a bug, logged as one: nobody waits for this task
            _log.exception("%s failed", scope["path"])
        await self._put(None)

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] in {"http.response.start", "http.response.body"}:
            await self._put(message)

    async def _put(self, message: Message | None) -> None:
        if not self._left.is_set():
            await self._messages.put(message)
