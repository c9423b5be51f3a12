"""Limits of a request's body: its size (413), the time until it has arrived (408), and the memory of all (503)."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import Message, Receive, Scope, Send

from fine_tuning._util.arrival import Arrival
from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.server.api_errors import ApiError, answer

LINGER_SECONDS = 1.0
OVERLOADED = "the server holds as many large requests as it can; send it again later"


def check_announced_size(content_length: bytes, max_bytes: int) -> None:
    """Refuse a body that is announced to be too large.

    Raises:
        ApiError: 413.
    """
    if content_length.isdigit() and int(content_length) > max_bytes:
        message = f"the request has {int(content_length)} bytes; the limit is {max_bytes}"
        raise ApiError(413, message, code="request_too_large")


class LimitedBody:
    """A request's body, refused where the client sends more than it announced, or stops sending.

    Args:
        max_bytes: of the body.
        timeout: seconds to wait for the next piece, and for a complete body that is read here; one that is not has a
            second more for each `arrival.MIN_RATE` bytes.
        budget: of what is read here.
    """

    def __init__(self, receive: Receive, max_bytes: int, timeout: float, budget: MemoryBudget) -> None:
        self._budget, self._held = budget, 0
        self._receive = receive
        self._max_bytes = max_bytes
        self._timeout = timeout
        self._arrival = Arrival(timeout)
        self._is_complete = False
        self._buffered: list[Message] = []

    async def read(self) -> None:
        """Read the complete body; `receive` then returns its pieces. Call `release` after the request.

        Raises:
            ApiError: 408 where it does not arrive in time, 413 where it is too large, 503 where the server holds as
                many bytes as it may.
        """
        pieces: list[Message] = []
        try:
            async with asyncio.timeout(self._timeout):
                while not self._is_complete:
                    pieces.append(piece := await self.receive())
                    size = len(piece.get("body", b""))
                    if not self._budget.take(size):
                        raise self._overload_error()
                    self._held += size
        except TimeoutError:
            raise self._timeout_error() from None
        self._buffered = pieces

    def release(self) -> None:
        """The body is no longer held."""
        self._budget.give_back(self._held)
        self._held = 0

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            ApiError: it does not arrive in time, or makes the body too large; the framework takes that for a body that
                it cannot parse.
        """
        if self._buffered:
            return self._buffered.pop(0)
        if self._is_complete:  # the next message is that the client disconnects, whenever it does
            return await self._receive()
        try:
            async with self._arrival.waiting():
                message: Message = await self._receive()
        except TimeoutError:
            raise self._timeout_error() from None
        self._is_complete = not message.get("more_body", False)
        self._arrival.add(len(message.get("body", b"")))
        if self._arrival.total > self._max_bytes:
            await self._drain()
            raise self._size_error()
        return message

    async def _drain(self) -> None:
        """Discard what still arrives, for a moment: a client that is cut off while it sends may not read the answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._is_complete:
                    self._is_complete = not (await self._receive()).get("more_body", False)

    def checked_send(self, scope: Scope, send: Send) -> Send:
        """A `send` that answers 413 if the body was too large, whatever the framework answers."""

        async def checked(message: Message) -> None:
            if self._arrival.total <= self._max_bytes:
                await send(message)
            elif message["type"] == "http.response.start":
                await answer(self._size_error())(scope, self._receive, send)

        return checked

    @staticmethod
    def _overload_error() -> ApiError:
        return ApiError(503, OVERLOADED, code="server_overloaded", headers={"Retry-After": "1"})

    @staticmethod
    def _timeout_error() -> ApiError:
        return ApiError(408, "the rest of the request did not arrive in time", code="request_timeout")

    def _size_error(self) -> ApiError:
        return ApiError(413, f"the request has more than {self._max_bytes} bytes", code="request_too_large")
