"""Requests that the server makes of itself: through the application, without a connection."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

from fine_tuning.server.api_errors import CLIENT_CLOSED_REQUEST
from fine_tuning.server.context import PROJECT


class Answer(NamedTuple):
    """Status, id and body of a response."""

    status: int
    request_id: str
    body: bytes

    @property
    def is_stopped(self) -> bool:
        """Whether the request was stopped before its end."""
        return self.status == CLIENT_CLOSED_REQUEST


async def post(app: ASGIApp, project: str, path: str, body: bytes, stop: asyncio.Event) -> Answer:
    """Send JSON to the application as a client of a project.

    Args:
        stop: when it is set, the client counts as disconnected.
    """
    exchange = _Exchange(body, stop)
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        "state": {PROJECT: project},
    }
    try:
        await app(scope, exchange.receive, exchange.send)
    except Exception:
        if not exchange.status:  # else it was answered with 500, and logged
            raise
    return Answer(exchange.status, exchange.request_id, bytes(exchange.received))


class _Exchange:
    """The two directions of a request."""

    def __init__(self, body: bytes, stop: asyncio.Event) -> None:
        self._unsent: bytes | None = body
        self._stop = stop
        self.status, self.request_id, self.received = 0, "", bytearray()

    async def receive(self) -> Message:
        """The body, then the disconnection."""
        if self._unsent is not None:
            body, self._unsent = self._unsent, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._stop.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Collect the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.request_id = Headers(raw=message["headers"]).get("x-request-id", "")
        elif message["type"] == "http.response.body":
            self.received += message.get("body", b"")
