"""An upstream that keeps the bytes that it gets, and sends bytes as it is told, piece by piece."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Piece = bytes | float  # to send, or seconds to wait


@dataclass
class Upstream:
    """`reply` is what it answers; with `closes` it closes the connection afterwards, whether that was whole or not."""

    address: str
    reply: Sequence[Piece] = ()
    closes: bool = False
    requests: list[bytes] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)  # a request came
    left: threading.Event = field(default_factory=threading.Event)  # the gateway closed a connection

    def answers(self, *reply: Piece, closes: bool = False) -> None:
        self.reply, self.closes = reply, closes


@contextmanager
def upstream() -> Iterator[Upstream]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        state = Upstream(f"http://127.0.0.1:{listener.getsockname()[1]}")
        threading.Thread(target=_accept, args=(listener, state), daemon=True).start()
        yield state
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, state: Upstream) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, state), daemon=True).start()


def _serve(connection: socket.socket, state: Upstream) -> None:
    with connection, suppress(OSError):
        while request := read_message(connection.recv):
            state.requests.append(request)
            state.asked.set()
            for piece in state.reply:
                if isinstance(piece, bytes):
                    connection.sendall(piece)
                else:
                    _wait(connection, piece, state)
            if state.closes:
                return


def _wait(connection: socket.socket, seconds: float, state: Upstream) -> None:
    until = time.monotonic() + seconds
    connection.settimeout(0.02)
    while time.monotonic() < until:
        with suppress(TimeoutError):
            if not connection.recv(1, socket.MSG_PEEK):
                state.left.set()
                raise OSError("left")
    connection.settimeout(None)


def read_message(receive: Callable[[int], bytes]) -> bytes:
    """A message with its headers and a body of the announced length; empty where the connection ended."""
    found = b""
    while b"\r\n\r\n" not in found:
        if not (piece := receive(65536)):
            return b""
        found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    length = next((int(value) for name, _, value in lines if name.lower() == b"content-length"), 0)
    while len(body) < length and (piece := receive(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """A whole response."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)
