"""What the worst JSON costs: it is refused before it is built, and nobody else waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from scripts import fuzz_requests

from fine_tuning._util.json_counts import MAX_CONTAINERS, MAX_VALUES
from fine_tuning._util.large_bodies import LARGE_BYTES
from fine_tuning.server.server_config import MIB, ServerConfig
from tests.dashboard.conftest import Serving
from tests.security.requests import ask
from tests.security.worst_bodies import ASKED, of_keys, worst_bodies
from tests.server.conftest import listening

JSON = {"Content-Type": "application/json"}
PATIENCE = 5.0  # seconds, since other tests share the processors; unbounded bodies took a minute


@pytest.mark.slow
def test_worst_bodies_hold_up_no_other_request(workspace: Path, serving: Serving) -> None:
    worst = worst_bodies()
    with serving() as address, fuzz_requests.watched(address) as seconds:
        for name, body in worst.items():
            answer = ask("POST", f"{address}/v1/chat/completions", content=body, headers=JSON)
            assert answer.status_code in {400, 404}, name
            assert len(answer.content) < 1000, name
    assert len(seconds) > len(worst)
    assert min(seconds) > 0  # one that failed is -1
    assert max(seconds) < PATIENCE


def posted(address: str, path: str, body: bytes) -> dict[str, object]:
    answer = ask("POST", f"{address}/{path}", content=body, headers=JSON)
    return {"status": answer.status_code, **answer.json().get("error", {})}


@pytest.fixture
def address(workspace: Path) -> Iterator[str]:
    with listening(ServerConfig()) as found:
        yield found


def test_values_are_counted_outside_of_texts(address: str) -> None:
    text = '[{,\\"' * MAX_CONTAINERS
    found = posted(
        address, "chat/completions", f'{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}'.encode()
    )
    assert (found["status"], found["code"]) == (404, "model_not_found")  # the body was read
    numbers = ",".join(["1"] * (MAX_VALUES - 1))
    found = posted(address, "embeddings", f'{{"model":"m","input":[{numbers}]}}'.encode())
    assert found["code"] != "request_too_large"
    found = posted(address, "embeddings", f'{{"model":"m","input":[1,{numbers}]}}'.encode())
    assert (found["status"], found["code"]) == (400, "request_too_large")
    assert "500,000 values" in str(found["message"])


@pytest.mark.parametrize("padding", [0, 2 * LARGE_BYTES])
def test_large_and_small_bodies_are_checked_alike(address: str, padding: int) -> None:
    for sent, code, param in (
        ("{", "invalid_json", None),
        ('{"model":1,"messages":[]}', "invalid_type", "model"),
        ('{"model":"m","model":"m"}', "invalid_json", None),
        (f'{{{ASKED},"n":"1"}}', "invalid_type", "n"),
        (of_keys(f'{{{ASKED},"logit_bias":{{', "}}", 1025).decode(), "object_above_max_properties", "logit_bias"),
    ):
        found = posted(address, "chat/completions", (" " * padding + sent).encode())
        assert (found["status"], found["code"], found["param"]) == (400, code, param), sent[:50]
    assert posted(address, "responses", b'{"model":"m","input":[{}]}')["status"] == 400


def held(address: str, size: int) -> HTTPConnection:
    """A connection whose request lacks the last byte of its body."""
    parts = urlsplit(address)
    connection = HTTPConnection(str(parts.hostname), parts.port)
    connection.putrequest("POST", "/v1/embeddings")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(size + 1))
    connection.endheaders()
    connection.send(b" " * size)
    return connection


def test_bodies_under_way_have_one_budget(workspace: Path) -> None:
    config = ServerConfig(max_bodies_bytes=3 * MIB, max_body_bytes=2 * MIB, patience_seconds=60)
    large = b" " * (3 * MIB // 2)
    with listening(config) as address:
        deadline, seconds = time.monotonic() + 60, 0.5
        while True:
            with closing(held(address, MIB)), closing(held(address, MIB)):
                time.sleep(seconds)  # for them to arrive, or the third one takes their place
                found = posted(address, "embeddings", large)
                if found["status"] == 503:
                    assert posted(address, "embeddings", b"{}")["status"] == 400  # small ones have a place
                    break
            seconds *= 2
            assert time.monotonic() < deadline
        assert found["code"] == "server_overloaded"
        while posted(address, "embeddings", large)["status"] != 400:  # what is held no more gives place
            assert time.monotonic() < deadline
