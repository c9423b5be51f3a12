"""What large calls through the gateway cost: they have one budget of memory, and none is refused or cut for it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from fastapi import FastAPI
from scripts import fuzz_requests

from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.gateway.kept_bodies import BodyLimits, KeptBody
from fine_tuning.gateway.replies import BrokenOff
from fine_tuning.gateway.routed_body import read_body
from fine_tuning.gateway.translation.event_reader import MAX_EVENT_BYTES, EventReader
from fine_tuning.server.server_config import MIB, ServerConfig
from tests.dashboard.conftest import Serving
from tests.gateway.conftest import running
from tests.gateway.test_routes import save
from tests.security.test_uploads import dripped

PATIENCE = 30.0
LACKED = "the server had no memory left to keep the call"


class Vendor:
    """A vendor that answers with what it was sent, once so many calls are there at the same time."""

    def __init__(self, together: int) -> None:
        self._all_are_there = threading.Barrier(together)
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                vendor.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 256

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        pieces = []
        if "content-length" in call.headers:
            pieces.append(call.rfile.read(int(call.headers["content-length"])))
        else:
            while size := int(call.rfile.readline(), 16):
                pieces.append(call.rfile.read(size))
                call.rfile.readline()
            call.rfile.readline()
        self._all_are_there.wait(PATIENCE)
        body = b"".join(pieces)
        call.send_response(200)
        call.send_header("Content-Length", str(len(body)))
        call.end_headers()
        call.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Vendor]]:
    made: list[Vendor] = []

    def make(together: int) -> Vendor:
        made.append(Vendor(together))
        monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({"openai": made[0].address}))
        return made[0]

    yield make
    for each in made:
        each.close()


def asked(address: str, body: bytes, *, is_chunked: bool = False) -> tuple[int, bytes]:
    """The status and the body of the answer to a call."""
    at = urlsplit(address)
    connection = HTTPConnection(str(at.hostname), at.port, timeout=PATIENCE)
    sent = iter([body[: len(body) // 2], body[len(body) // 2 :]]) if is_chunked else body
    connection.request("POST", "/openai/v1/chat/completions", sent, encode_chunked=is_chunked)
    answer = connection.getresponse()
    got = answer.read()
    connection.close()
    return answer.status, got


def is_echoed(address: str, body: bytes, *, is_chunked: bool = False) -> bool:
    return asked(address, body, is_chunked=is_chunked) == (200, body)


def body_of(number: int, size: int) -> bytes:
    head = b'{"model":"m","messages":[{"role":"user","content":"%d ' % number
    return head + b"x" * (size - len(head) - 4) + b'"}]}'


def test_large_calls_beyond_the_budget_pass_whole_and_are_counted(
    workspace: Path, vendor: Callable[[int], Vendor]
) -> None:
    count, memory = 24, MemoryBudget(8 * MIB)
    vendor(count)
    with running(FastAPI(openapi_url=None), ServerConfig(), memory) as gateway, ThreadPoolExecutor(count) as pool:
        whole = pool.map(
            lambda number: is_echoed(gateway.address, body_of(number, MIB), is_chunked=number % 2 == 0), range(count)
        )
        assert all(whole)
        reasons = Counter(call["not_captured"] for call in gateway.stored())
    assert sum(reasons.values()) == count
    assert reasons[LACKED] >= count - 8
    assert memory.take(8 * MIB)  # all is given back


def test_call_that_may_be_of_a_route_is_refused_without_memory(
    workspace: Path, vendor: Callable[[int], Vendor]
) -> None:
    vendor(1)
    body, memory = body_of(0, 1000), MemoryBudget(MIB)
    memory.take(MIB - 100)
    with running(FastAPI(openapi_url=None), ServerConfig(), memory) as gateway:
        assert is_echoed(gateway.address, body)
        save()
        time.sleep(1.5)  # routes are read once a second
        status, got = asked(gateway.address, body)
        assert (status, json.loads(got)["error"]["code"]) == (503, "server_overloaded")
        memory.give_back(MIB - 100)
        assert is_echoed(gateway.address, body)
        stored = gateway.stored()
    assert [call["not_captured"] for call in stored][:2] == [LACKED, "the call failed"]


@pytest.mark.parametrize("size", [100, 101, 4 * MIB, 4 * MIB + 1])
def test_call_whose_last_piece_finds_no_place_passes(
    workspace: Path, vendor: Callable[[int], Vendor], size: int
) -> None:
    vendor(1)
    with running(FastAPI(openapi_url=None), ServerConfig(), MemoryBudget(100 if size < MIB else 64 * MIB)) as gateway:
        for is_chunked in (False, True):
            assert is_echoed(gateway.address, body_of(0, size), is_chunked=is_chunked)


@pytest.mark.parametrize("length", [1000, 8 * MIB], ids=["kept", "streamed"])
def test_call_that_drips_ends(workspace: Path, vendor: Callable[[int], Vendor], length: int) -> None:
    vendor(1)
    began = time.monotonic()
    with (
        running(FastAPI(openapi_url=None), ServerConfig(patience_seconds=1.5), MemoryBudget(100)) as gateway,
        socket.create_connection((gateway.host, gateway.port)) as connection,
    ):
        head = f"POST /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        told = dripped(connection)
    assert told.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 502 "))
    assert time.monotonic() - began < 20


@pytest.mark.slow
def test_many_large_calls_take_a_bounded_memory(
    workspace: Path, vendor: Callable[[int], Vendor], serving: Serving
) -> None:
    count, size = 160, 4 * MIB - 100
    vendor(count)
    with serving() as address, fuzz_requests.watched(address) as seconds, ThreadPoolExecutor(count) as pool:
        servers = psutil.Process().children(recursive=True)
        before = max(each.memory_info().rss for each in servers)
        peak = before
        calls = [pool.submit(is_echoed, address, body_of(number, size)) for number in range(count)]
        while not all(call.done() for call in calls):
            peak = max(peak, *(each.memory_info().rss for each in servers))
            time.sleep(0.02)
        assert all(call.result() for call in calls)
    assert min(seconds) > 0
    assert peak - before < count * size  # 256 MiB are kept; each call had three copies of its body, and its answer


def test_kept_body_counts_its_bytes_while_it_is_held() -> None:
    memory = MemoryBudget(10)
    body = KeptBody(BodyLimits(8, memory))
    assert body.add(b"12345")
    assert not body.add(b"6789")  # more than 8
    assert not body.lacked_memory
    other = KeptBody(BodyLimits(8, memory))
    assert not other.add(b"123456")
    assert other.lacked_memory
    assert body.add(b"678")
    assert body.whole() == b"12345678"
    assert b"".join(body.pieces()) == b"12345678"
    assert not memory.take(3)
    del body
    assert memory.take(10)


def test_routed_body_of_too_many_values_is_not_read() -> None:
    assert read_body(b'{"model":"m","messages":[%s]}' % b",".join([b"[]"] * 100)) is not None
    assert read_body(b'{"model":"m","messages":[%s]}' % b",".join([b"[]"] * 30_000)) is None


def test_event_without_end_is_searched_once_and_refused() -> None:
    reader, began = EventReader(), time.monotonic()
    with pytest.raises(BrokenOff):
        for _ in range(2 * MAX_EVENT_BYTES // 1000):
            list(reader.add(b"x" * 1000))
    assert time.monotonic() - began < 10  # it took minutes
    reader = EventReader()
    pieces = [b'data: {"a": 1}\r', b"\n\r", b'\ndata: {"a": 2}\n', b'\ndata: {"a": 3}']
    assert [event for piece in pieces for event in reader.add(piece)] == [{"a": 1}, {"a": 2}]
    assert list(reader.end()) == [{"a": 3}]
    with pytest.raises(BrokenOff):
        list(EventReader().add(b'data: {"a": [' + b"[]," * 30_000 + b"1]}\n\n"))
