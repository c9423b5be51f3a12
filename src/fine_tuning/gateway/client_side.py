"""The client's side of a call: its body as it arrives, and whether it still waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from starlette.types import Message, Receive

from fine_tuning._util.arrival import Arrival
from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.kept_bodies import KeptBody
from fine_tuning.gateway.wire_errors import GatewayError

PATIENCE_SECONDS = 30.0
Body = bytes | AsyncIterator[bytes] | None


class ClientLeft(Exception):  # noqa: N818
    """The client closed its connection while it sent."""


class ClientSide:
    """Reads the body of a request, then watches whether the client leaves.

    A body that the exchange keeps is read before the call is passed on; others are passed on while they arrive.

    Args:
        patience: see `Arrival`.
    """

    def __init__(self, receive: Receive, exchange: Exchange, patience: float = PATIENCE_SECONDS) -> None:
        self._receive, self._exchange, self._arrival = receive, exchange, Arrival(patience)
        self._is_complete = self.has_left = False

    async def body(self) -> Body:
        """The body, or its pieces where it is not kept; None where it is empty.

        Raises:
            ClientLeft: the client did.
            GatewayError: it stopped sending, or there is no place for more.
        """
        async for piece in self._pieces():
            begun = self._exchange.request
            self._exchange.keep_request(piece)
            if self._exchange.request is None:
                return self._streamed(begun, piece)
        return None if self._exchange.request is None else self._exchange.request.whole() or None

    async def _streamed(self, begun: KeptBody | None, piece: bytes) -> AsyncIterator[bytes]:
        if begun is not None:
            for kept in begun.pieces():
                yield kept
            del begun  # it is counted until now
        yield piece
        async for piece in self._pieces():
            yield piece

    async def _pieces(self) -> AsyncIterator[bytes]:
        while not self._is_complete:
            try:
                async with self._arrival.waiting():
                    message = await self._receive()
            except TimeoutError:
                reason = "the rest of the request did not arrive in time"
                raise GatewayError(HTTPStatus.REQUEST_TIMEOUT, reason, "request_timeout") from None
            if message["type"] == "http.disconnect":
                raise ClientLeft
            piece: bytes = message.get("body", b"")
            self._arrival.add(len(piece))
            self._is_complete = not message.get("more_body", False)
            if piece:
                yield piece

    @contextmanager
    def cancelled_when_it_leaves(self) -> Iterator[None]:
        """Cancel what runs in the block when the client leaves, and go on behind the block."""
        task: asyncio.Task[object] = asyncio.current_task()  # type: ignore[assignment]  # there is one in a coroutine
        watching = asyncio.create_task(self._watch(task))
        try:
            yield
        except asyncio.CancelledError:
            if not self.has_left:
                raise
            task.uncancel()
        finally:
            watching.cancel()

    async def _watch(self, task: asyncio.Task[object]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.has_left = True
        task.cancel()


def replayed(body: Body, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already, and then what comes behind it."""
    pieces = _pieces_of(body)

    async def again() -> Message:
        piece = await anext(pieces, None)
        return await receive() if piece is None else piece

    return again


async def _pieces_of(body: Body) -> AsyncIterator[Message]:
    if isinstance(body, AsyncIterator):
        async for piece in body:
            yield {"type": "http.request", "body": piece, "more_body": True}
        body = b""
    yield {"type": "http.request", "body": body or b"", "more_body": False}
