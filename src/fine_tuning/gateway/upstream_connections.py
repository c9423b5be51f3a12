"""Connections to upstreams, which may send what they like: a host is left that announces a response again and again."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

MAX_CONNECTIONS = 4096
READ_BYTES = 32 << 10
MOST_INFORMATIONAL = 100  # responses with a status of 1xx before a response; hosts send one or two


def connector(socket: Path | None) -> aiohttp.BaseConnector:
    """The connections of a session; call it in the event loop.

    Args:
        socket: of the program that all go to, in place of the hosts that requests name.
    """
    if socket is not None:
        return aiohttp.UnixConnector(str(socket), limit=MAX_CONNECTIONS)
    found = aiohttp.TCPConnector(limit=MAX_CONNECTIONS, enable_cleanup_closed=False)
    # aiohttp reads responses with a status of 1xx for as long as they come, and has no argument for that.
    found._factory = partial(_Connection, loop=asyncio.get_running_loop())  # type: ignore[assignment]
    return found


class _Connection(ResponseHandler):
    _informational = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Read a little at once: aiohttp takes chunks of one byte one by one, and nothing else runs meanwhile."""
        super().connection_made(transport)
        if hasattr(transport, "max_size"):  # of asyncio's own event loop
            transport.max_size = READ_BYTES

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take a response that was read."""
        is_one_more = data[0].code < 200 or self._informational > MOST_INFORMATIONAL
        self._informational = self._informational + 1 if is_one_more else 0
        if self._informational <= MOST_INFORMATIONAL:
            super().feed_data(data, size)
        elif self.transport is not None:
            self.transport.abort()
            self.set_exception(aiohttp.ServerDisconnectedError("too many responses that are none"))
