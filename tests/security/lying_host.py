"""A host that sends what it likes: bodies without end, sizes that are wrong, pages that go on for ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from tests.wire import serving


class Reply(NamedTuple):
    """What is sent: the status, headers, and the pieces of the body, whose size is not told unless a header does."""

    pieces: Iterable[bytes]
    status: int = 200
    headers: Mapping[str, str] = {}


def as_json(value: object, status: int = 200) -> Reply:
    """An honest reply in JSON."""
    return Reply([json.dumps(value).encode()], status)


@dataclass
class LyingHost:
    """Replies by path, each a function of the path with its query.

    `asked` has the requests and their headers, `bodies` what was sent to a path without its query.
    """

    url: str
    replies: dict[str, Callable[[str], Reply]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[tuple[str, bytes]] = field(default_factory=list)


def lying_host() -> AbstractContextManager[LyingHost]:
    """A host on the loopback interface for the length of a block."""
    return serving(_Handler, LyingHost)


class _Handler(BaseHTTPRequestHandler):
    def _reply(self) -> None:
        state: LyingHost = self.server.state  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        state.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        path = self.path.partition("?")[0].removeprefix("/v1")
        state.bodies.append((path, body))
        reply = state.replies.get(path, lambda _: as_json({"error": {"message": "unknown"}}, 404))(self.path)
        with suppress(ConnectionError):  # the client has had enough
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in reply.pieces:
                self.wfile.write(piece)

    do_GET = do_POST = do_DELETE = _reply  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
