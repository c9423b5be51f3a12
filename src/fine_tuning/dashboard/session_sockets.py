"""Sockets of open pages: they are closed once the session has ended that opened them, whatever their page does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CHECK_SECONDS = 2.0
POLICY_VIOLATION = 1008  # see RFC 6455


class SessionSocket:
    """Passes messages between a socket and the application, as long as its session lasts.

    Args:
        is_valid: whether the session still has the access that it had.
    """

    def __init__(self, receive: Receive, send: Send, is_valid: Callable[[], Awaitable[bool]]) -> None:
        self._receive, self._send, self._is_valid = receive, send, is_valid
        self._ended = asyncio.Event()

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        """Run the application until it, the client or the session ends."""
        watching = asyncio.create_task(self._watch())
        try:
            await app(scope, self._receive_or_end, self._send_or_drop)
        finally:
            watching.cancel()

    async def _watch(self) -> None:
        while await self._is_valid():
            await asyncio.sleep(CHECK_SECONDS)
        self._ended.set()
        with suppress(Exception):  # the client has closed it meanwhile
            await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})

    async def _receive_or_end(self) -> Message:
        incoming, ending = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((incoming, ending), return_when=asyncio.FIRST_COMPLETED)
            if not self._ended.is_set():
                return incoming.result()
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
        finally:
            incoming.cancel()
            ending.cancel()

    async def _send_or_drop(self, message: Message) -> None:
        if not self._ended.is_set():
            await self._send(message)
