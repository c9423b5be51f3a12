"""Uploads that never end, fill the server's places, or bring more than they announced."""

from __future__ import annotations

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from fine_tuning.server.server_config import ServerConfig
from tests.security.requests import ask
from tests.server.conftest import listening

HEAD = (
    b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
)


def test_dripping_uploads_end_and_take_no_place_of_others() -> None:
    with (
        listening(ServerConfig(max_uploads=2, max_concurrent=2, patience_seconds=1.5)) as address,
        ExitStack() as open_,
    ):
        at = urlsplit(address)
        dripping = [open_.enter_context(socket.create_connection((at.hostname, at.port))) for _ in range(2)]
        for each in dripping:
            each.sendall(HEAD)
        started = time.monotonic()
        time.sleep(0.3)
        assert ask("GET", f"{address}/models").status_code == 200
        assert ask("POST", f"{address}/files", files={"file": b"{}"}, data={"purpose": "batch"}).status_code == 429
        told = [dripped(each) for each in dripping]
        assert all(b" 408 " in each.partition(b"\r\n")[0] for each in told), told
        assert time.monotonic() - started < 20
        assert ask("POST", f"{address}/files", files={"file": b"{}"}, data={"purpose": "batch"}).status_code == 200


def dripped(connection: socket.socket) -> bytes:
    """Send a byte again and again; the answer."""
    connection.settimeout(0.1)
    for _ in range(100):
        try:
            connection.sendall(b"x")
            if found := connection.recv(1 << 16):
                return found
        except TimeoutError:
            continue
        except OSError:
            break
    return b""


def part(address: str, upload: str, content: bytes) -> httpx.Response:
    return ask("POST", f"{address}/uploads/{upload}/parts", files={"data": content})


def begun(address: str, size: int) -> str:
    made = {"filename": "a", "purpose": "batch", "bytes": size, "mime_type": "text/plain"}
    return str(ask("POST", f"{address}/uploads", json=made).json()["id"])


def test_parts_at_once_obey_announced_size(workspace: Path) -> None:
    with listening(ServerConfig()) as address:
        upload = begun(address, 250)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda number: part(address, upload, bytes([number]) * 100), range(6)))
        assert sorted(each.status_code for each in answers) == [200, 200, 400, 400, 400, 400]
        kept = [each.json()["id"] for each in answers if each.status_code == 200]
        assert sorted(each.stem for each in (workspace / "files").glob("*")) == sorted(kept)


def test_part_that_is_sent_again_is_the_same() -> None:
    with listening(ServerConfig()) as address:
        upload = begun(address, 4)
        first, again = part(address, upload, b"part"), part(address, upload, b"part")
        assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])


def test_doctor_finds_parts_without_upload(workspace: Path, cli: Any) -> None:
    with listening(ServerConfig()) as address:
        known = part(address, begun(address, 4), b"part").json()["id"]
    lost = workspace / "files" / "part_lost.part"
    lost.write_bytes(b"x")
    for each in (workspace / "files").iterdir():
        os.utime(each, (1, 1))
    code, out, err = cli("doctor")
    assert code == 1
    assert "part_lost.part" in out + err
    assert known not in out + err
    cli("doctor", "--fix")
    assert [each.stem for each in (workspace / "files").iterdir()] == [known]


@pytest.mark.parametrize("name", ["..%2F..%2Fx", "%00", "%20", "a%0Ab", "%F0%9F%92%A9", "x" * 5000, "%FF", "."])
@pytest.mark.parametrize("place", ["files/{}", "files/{}/content", "uploads/{}/cancel", "fine_tuning/jobs/{}"])
def test_odd_ids_are_not_found(odd_ids: str, place: str, name: str) -> None:
    method = "POST" if place.endswith("cancel") else "GET"
    answer = ask(method, f"{odd_ids}/{place.format(name)}")
    assert answer.status_code in ({200, 404, 405} if name == "." else {400, 404})
    assert "Traceback" not in answer.text


@pytest.fixture(scope="module")
def odd_ids(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINE_TUNING_HOME", str(tmp_path_factory.mktemp("odd")))
        with listening(ServerConfig()) as address:
            yield address
