"""A host with failures: passes requests on to a real server, but some come back refused, broken off or not at all."""

from __future__ import annotations

import random
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.wire import serving

WORST = 2  # failures in a row of one request


@dataclass
class Faulty:
    """Attributes:
    rate: of requests that fail.
    seen: method and path of each request; failed: how many of them failed.
    in_a_row: failures of a request since it last succeeded.
    before: called with the path before a request is passed on.
    """

    url: str
    upstream: str
    rate: float = 0.0
    seen: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    in_a_row: Counter[tuple[str, bytes]] = field(default_factory=Counter)
    before: Callable[[str], None] = lambda _: None
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    lock: threading.Lock = field(default_factory=threading.Lock)


def faulty(upstream: str) -> AbstractContextManager[Faulty]:
    """A host on the loopback interface that passes on to `upstream` (an address ending in /v1)."""
    return serving(_Handler, lambda url: Faulty(url, upstream.removesuffix("/v1")))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        state: Faulty = self.server.state  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = f"{self.command} {self.path}"
        said = body if self.headers.get("Content-Type") == "application/json" else b""  # a form differs when sent again
        with state.lock:
            state.seen.append(f"{self.command} {self.path.partition('?')[0]}")
            fails = state.chance.random() < state.rate and state.in_a_row[key, said] < WORST
            state.failed[key] += fails
            state.in_a_row[key, said] = state.in_a_row[key, said] + 1 if fails else 0
            kind = state.chance.choice(["429", "500", "503", "drop", "half"]) if fails else ""
        if kind.isdigit():
            self._answer(int(kind), b'{"error": {"message": "not now"}}', {"Retry-After-Ms": "1"})
            return
        if kind == "drop":
            self.close_connection = True
            return
        state.before(self.path)
        request = urllib.request.Request(
            state.upstream + self.path, body or None, dict(self.headers), method=self.command
        )
        try:
            with urllib.request.urlopen(request) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        if kind == "half":
            self.close_connection = True
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            return
        self._answer(status, content, {"Content-Type": "application/json"})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # whatever the method
            return self._pass_on
        raise AttributeError(name)

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
