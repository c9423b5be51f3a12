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

from fine_tuning.server.json_body import LARGE_BYTES, MAX_CONTAINERS, MAX_KEYS, MAX_VALUES
from fine_tuning.server.server_config import MIB, ServerConfig
from tests.dashboard.conftest import Serving
from tests.security.requests import ask
from tests.server.conftest import listening

ASKED = '"model":"m","messages":[{"role":"user","content":"x"}]'
JSON = {"Content-Type": "application/json"}
CALL = '{"id":"a","type":"function","function":{"name":"a","arguments":""}}'
SIZE = 8 * MIB
PATIENCE = 5.0  # seconds, since other tests share the processors; unbounded bodies took a minute


def filled(head: str, item: str, tail: str, between: str = ",", size: int = SIZE) -> bytes:
    """A body of this size: an item again and again."""
    item = item.encode()
    times = (size - len(head) - len(tail)) // (len(item) + len(between))
    return head.encode() + between.encode().join([item] * times) + tail.encode()


def of_keys(head: str, tail: str, count: int) -> bytes:
    return (head + ",".join(f'"{number}":1' for number in range(count)) + tail).encode()


WORST = {
    "messages": filled('{"model":"m","messages":[', '{"role":"user","content":"x"}', "]}"),
    "empty arrays": filled('{"model":"m","messages":[', "[]", "]}"),
    "numbers": filled('{"model":"m","messages":[', "1", "]}"),
    "keys of logit_bias": of_keys(f'{{{ASKED},"logit_bias":{{', "}}", 400_000),
    "unknown keys": of_keys(f"{{{ASKED},", "}", 400_000),
    "fewer unknown keys": of_keys(f"{{{ASKED},", "}", MAX_KEYS - 9),
    "few unknown keys": of_keys(f"{{{ASKED},", "}", 4_990),
    "parts": filled('{"model":"m","messages":[{"role":"user","content":[', '{"type":"text","text":"x"}', "]}]}"),
    "wrong parts": filled('{"model":"m","messages":[{"role":"user","content":[', "{}", "]}]}"),
    "few wrong parts": filled(
        '{"model":"m","messages":[{"role":"user","content":[', "{}", "]}]}", size=3 * MAX_CONTAINERS - 99
    ),
    "escapes": filled('{"model":"m","messages":[{"role":"user","content":"', "\\u00e9", '"}]}', ""),
    "letters": filled('{"model":"m","messages":[{"role":"user","content":"', "é", '"}]}', ""),
    "tools": filled(f'{{{ASKED},"tools":[', '{"type":"function","function":{"name":"a"}}', "]}"),
    "tool calls": filled('{"model":"m","messages":[{"role":"assistant","tool_calls":[', CALL, "]}]}"),
    "stops": filled(f'{{{ASKED},"stop":[', '"a"', "]}"),
    "nesting": b'{"model":"m","messages":' + b"[" * (SIZE // 2) + b"]" * (SIZE // 2) + b"}",
    "open string": b'{"model":"m","messages":"' + b"\\" * (SIZE | 1),
    "no object": filled("[", "1", "]"),
}


@pytest.mark.slow
def test_worst_bodies_hold_up_no_other_request(workspace: Path, serving: Serving) -> None:
    with serving() as address, fuzz_requests.watched(address) as seconds:
        for name, body in WORST.items():
            answer = ask("POST", f"{address}/v1/chat/completions", content=body, headers=JSON)
            assert answer.status_code in {400, 404}, name
            assert len(answer.content) < 1000, name
    assert len(seconds) > len(WORST)
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
