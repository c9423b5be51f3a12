"""Open pages of a revoked key: the server closes their sockets, whatever the page does; pages write no logs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from fine_tuning.server import authentication
from fine_tuning.store.database import open_database
from tests.dashboard.conftest import Serving
from tests.security.requests import ask

WITHIN = 5.0


def signed_in(address: str, key: str) -> str:
    """The cookie of a session."""
    answer = ask("POST", f"{address}/sign-in", data={"key": key}, headers={"Origin": address})
    return f"ft_session={answer.cookies['ft_session']}"


@contextmanager
def socket_of(address: str, cookie: str, page: str = "/jobs") -> Iterator[tuple[Any, str]]:
    """An open socket of a page, as a browser has it after its handshake, and the page's id."""
    html = ask("GET", f"{address}{page}", headers={"Cookie": cookie}).text
    found = re.search(r"client_id[^0-9a-f]+([0-9a-f-]{36})", html)
    assert found is not None
    query = f"EIO=4&transport=websocket&client_id={found[1]}&tab_id=a&document_id=b&implicit_handshake=true"
    url = f"{address.replace('http', 'ws')}/_nicegui_ws/socket.io/?{query}"
    with connect(url, origin=address, additional_headers={"Cookie": cookie}) as socket:
        assert str(socket.recv(10)).startswith("0")
        socket.send("40")
        yield socket, found[1]


def seconds_until_closed(socket: Any, patience: float) -> float | None:
    """How long a socket is open that answers what it is asked; None where it stays open."""
    started = time.monotonic()
    while (left := started + patience - time.monotonic()) > 0:
        try:
            if socket.recv(left) == "2":  # a ping
                socket.send("3")
        except TimeoutError:
            return None
        except ConnectionClosed:
            return time.monotonic() - started
    return None


@pytest.mark.slow
@pytest.mark.parametrize("read_only", [False, True])
def test_sockets_of_a_revoked_key_are_closed_by_the_server(workspace: Path, serving: Serving, read_only: bool) -> None:
    with serving() as address:
        key, record = authentication.create(open_database(), "ann", read_only=read_only)
        other, _ = authentication.create(open_database(), "bob")
        opened = (socket_of(address, signed_in(address, each)) for each in (key, other))
        with next(opened) as (socket, _), next(opened) as (others, _):
            assert seconds_until_closed(socket, 3.0) is None
            authentication.revoke(open_database(), record["id"])
            taken = seconds_until_closed(socket, 2 * WITHIN)
            assert taken is not None
            assert taken < WITHIN
            assert seconds_until_closed(others, 1.0) is None


@pytest.mark.slow
def test_sockets_of_guests_are_closed_when_a_key_is_created(workspace: Path, serving: Serving) -> None:
    with serving() as address, socket_of(address, "ft_guest=0123") as (socket, _):
        authentication.create(open_database(), "ann")
        taken = seconds_until_closed(socket, 2 * WITHIN)
        assert taken is not None
        assert taken < WITHIN


@pytest.mark.slow
def test_pages_cannot_write_into_the_log(workspace: Path, serving: Serving, capfd: pytest.CaptureFixture[str]) -> None:
    with serving() as address, socket_of(address, "ft_guest=0123") as (socket, page):
        socket.send(f'42["log",{{"client_id":"{page}","level":"error","message":"forged line"}}]')
        assert seconds_until_closed(socket, 1.0) is None
    assert "forged" not in capfd.readouterr().err
