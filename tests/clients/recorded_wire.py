"""A listener between two programs: passes on every byte, and keeps a copy, from which it reads what was said."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

_END = b"\r\n\r\n"
_WITHOUT_BODY = (b"204", b"304")


class Message(NamedTuple):
    """A request or a response: its first line, headers in their order and as they are written, and body with chunks."""

    first: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    is_whole: bool = True

    @property
    def content(self) -> bytes:
        """The body without the frames of its chunks."""
        if self.header(b"transfer-encoding").lower() != b"chunked":
            return self.body
        found, rest = b"", self.body
        while size := int(rest.partition(b"\r\n")[0].partition(b";")[0] or b"0", 16):
            rest = rest.partition(b"\r\n")[2]
            found, rest = found + rest[:size], rest[size + 2 :]
        return found

    def header(self, name: bytes) -> bytes:
        """The value of a header, whose name is given in lower case; empty without one."""
        return next((value for each, value in self.headers if each.lower() == name), b"")


@dataclass
class RecordedWire:
    """What went over each connection: what the client has sent, and what it got."""

    address: str
    connections: list[tuple[bytearray, bytearray]] = field(default_factory=list)

    def exchanges(self) -> list[tuple[Message, Message]]:
        """Every request with its response."""
        found: list[tuple[Message, Message]] = []
        for sent, got in self.connections:
            requests = list(_messages(bytes(sent)))
            found += zip(requests, _messages(bytes(got), requests), strict=False)  # a client may leave
        return found


@contextmanager
def recorded(address: str) -> Iterator[RecordedWire]:
    """A listener before a server: its address, and what passes it while the block runs."""
    parts = urlsplit(address)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = RecordedWire(f"http://127.0.0.1:{listener.getsockname()[1]}")
        target = (str(parts.hostname), int(parts.port or 80))
        threading.Thread(target=_accept, args=(listener, target, wire), daemon=True).start()
        yield wire
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, target: tuple[str, int], wire: RecordedWire) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            wire.connections.append((bytearray(), bytearray()))
            threading.Thread(target=_serve, args=(client, target, *wire.connections[-1]), daemon=True).start()


def _serve(client: socket.socket, target: tuple[str, int], sent: bytearray, got: bytearray) -> None:
    with client, socket.create_connection(target) as server:
        back = threading.Thread(target=_pass, args=(server, client, got), daemon=True)
        back.start()
        _pass(client, server, sent)
        back.join()


def _pass(source: socket.socket, target: socket.socket, copy: bytearray) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            copy += piece
            target.sendall(piece)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _messages(raw: bytes, requests: list[Message] | None = None) -> Iterator[Message]:
    """The messages of one direction; responses need the requests that they answer."""
    number = 0
    while raw:
        head, _, raw = raw.partition(_END)
        first, *lines = head.split(b"\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        found = Message(first, headers)
        is_head = requests is not None and requests[number].first.startswith(b"HEAD ")
        length = 0 if is_head or first.split(b" ")[1] in _WITHOUT_BODY else _length(found, raw)
        yield found._replace(body=raw[:length], is_whole=length is not None and length <= len(raw))
        raw, number = b"" if length is None else raw[length:], number + 1


def _length(message: Message, raw: bytes) -> int | None:
    """How many bytes of what follows are the body; None where its chunks have no end."""
    if message.header(b"transfer-encoding").lower() != b"chunked":
        return int(message.header(b"content-length") or 0)
    place = 0
    while (end := raw.find(b"\r\n", place)) >= 0:
        if not (size := int(raw[place:end].partition(b";")[0], 16)):
            return raw.index(_END, place) + len(_END)
        place = end + 2 + size + 2
    return None


_CHANGED = frozenset(  # headers of one connection, of the address, and what the gateway adds or takes
    {
        *(b"host", b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"expect"),
        *(b"x-ft-passed", b"x-ft-call-id"),
    }
)


def check_equal(before: RecordedWire, behind: RecordedWire, name: str) -> int:
    """Compare what a gateway got and gave with what its upstream got and gave, byte for byte.

    Args:
        name: of the upstream, the first part of the path before the gateway.

    Returns:
        The number of requests that were compared.
    """
    prefix, known, count = f"/{name}/".encode(), behind.exchanges(), 0
    for asked, answered in before.exchanges():
        method, path, _ = asked.first.split(b" ")
        if not path.startswith(prefix):
            continue
        line = b" ".join([method, path.removeprefix(prefix[:-1]), b"HTTP/1.1"])
        same = [(at, given) for at, (other, given) in enumerate(known) if _is_same_request(asked, line, other)]
        place = next((at for at, given in same if _is_same_answer(answered, given)), None)
        assert place is not None, f"{asked}\n{answered}\n{[given for _, given in same]}"
        del known[place]
        count += 1
    return count


def _is_same_request(asked: Message, line: bytes, other: Message) -> bool:
    return (line, asked.content, _headers(asked)) == (other.first, other.content, _headers(other))


def _is_same_answer(answered: Message, given: Message) -> bool:
    if (answered.first, _headers(answered)) != (given.first, _headers(given)):
        return False
    if not (answered.is_whole and given.is_whole):  # the client has left
        return given.content.startswith(answered.content)
    is_framed = b"chunked" in (answered.header(b"transfer-encoding"), given.header(b"transfer-encoding"))
    return (answered.body == given.body) if is_framed else (answered.content == given.content)


def _headers(message: Message) -> list[tuple[bytes, bytes]]:
    named = ((name.lower(), value) for name, value in message.headers)
    return [(name, value) for name, value in named if name not in _CHANGED]
