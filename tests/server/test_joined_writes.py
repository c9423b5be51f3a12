"""What a connection writes in one turn of the event loop goes out together, in its order, and not later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from fine_tuning.server.http_connections import MAX_HELD_BYTES, JoinedWrites, protocol
from tests.served_app import served


class Recorded(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


class Turns:
    """A loop whose turns the test ends, and a transport over one that keeps what is written."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.below = Recorded()
        self.transport = JoinedWrites(self.below, self.loop)

    def end_turn(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def turns() -> Iterator[Turns]:
    turns = Turns()
    yield turns
    turns.loop.close()


def test_writes_of_a_turn_are_one(turns: Turns) -> None:
    for piece in (b"head", b"first", b"second"):
        turns.transport.write(piece)
    assert turns.below.written == []
    turns.end_turn()
    assert turns.below.written == [b"headfirstsecond"]
    turns.transport.write(b"third")
    turns.end_turn()
    assert turns.below.written[1:] == [b"third"]


def test_much_is_not_held(turns: Turns) -> None:
    turns.transport.write(b"a")
    turns.transport.write(b"b" * MAX_HELD_BYTES)
    assert [len(each) for each in turns.below.written] == [MAX_HELD_BYTES + 1]
    turns.transport.write(b"c")
    turns.end_turn()
    assert turns.below.written[1:] == [b"c"]


def test_all_is_written_before_the_end(turns: Turns) -> None:
    turns.transport.write(b"last words")
    turns.transport.close()
    assert (turns.below.written, turns.below.is_closed) == ([b"last words"], True)
    turns.transport.write(b"too late")
    turns.end_turn()
    assert turns.below.written == [b"last words"]


def test_another_protocol_gets_the_transport_itself(turns: Turns) -> None:
    turns.transport.write(b"before")
    assert turns.transport.alone() is turns.below
    assert turns.below.written == [b"before"]


PIECES = [b"first", b"second", b"third"]


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in pieces, the last of which comes half a second later."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in PIECES[:-1]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await asyncio.sleep(0.5)
    await send({"type": "http.response.body", "body": PIECES[-1]})


def test_chunks_keep_their_boundaries_and_wait_for_no_later_one() -> None:
    config = uvicorn.Config(tell, host="127.0.0.1", port=0, log_level="warning", http=protocol())
    with served(config) as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/")
        response = connection.getresponse()
        started = time.perf_counter()
        pieces = [response.read1() for _ in PIECES[:-1]]
        first = time.perf_counter() - started
        pieces.append(response.read1())
        assert pieces == PIECES
        assert time.perf_counter() - started - first > 0.25  # the others were there well before it
        connection.close()
