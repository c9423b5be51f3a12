"""Keys, projects, limits, and what the server tells of itself."""

from __future__ import annotations

import json
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from fine_tuning import FineTuningCLI
from fine_tuning.server import authentication
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.database import open_database
from tests.server.conftest import ALIAS, client_of, listening

ASKED: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]


def get(url: str) -> str:
    with urllib.request.urlopen(url) as reply:
        return str(reply.read().decode())


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    def command(*argv: str) -> tuple[int, str, str]:
        code = FineTuningCLI().run(list(argv))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_keys_create_list_and_revoke(run: Any, address: str, workspace: Path) -> None:
    assert client_of(address).models.list().data
    made = json.loads(run("keys", "create", "app", "--project", "shop", "--json")[1])
    with pytest.raises(openai.AuthenticationError, match="Incorrect API key") as caught:
        client_of(address).models.list()
    assert made["key"] not in str(caught.value)
    assert client_of(address, made["key"]).models.list().data
    listed = run("keys", "list", "--json")[1]
    assert made["key"] not in listed
    assert json.loads(listed)[0]["project"] == "shop"
    assert made["key"].encode() not in b"".join(path.read_bytes() for path in workspace.glob("fine_tuning.db*"))
    client_of(address, json.loads(run("keys", "create", "other", "--json")[1])["key"]).models.list()
    assert run("keys", "revoke", made["id"])[0] == 0
    with pytest.raises(openai.AuthenticationError):
        client_of(address, made["key"]).models.list()
    assert run("keys", "revoke", made["id"])[0] == 1
    assert run("keys", "create", "x", "--project", "../up")[0] == 2


def test_serve_beyond_loopback_requires_a_key(run: Any) -> None:
    code, _, err = run("serve", "--host", "0.0.0.0")
    assert code == 2
    assert "needs a key" in err


def test_serve_taken_port_or_invalid_alias_prints_one_line(run: Any, address: str) -> None:
    port = address.split(":")[2].split("/")[0]
    code, _, err = run("serve", "--port", port, "--slots", "0")
    assert (code, f"cannot listen on 127.0.0.1:{port}" in err) == (2, True)
    assert run("serve", "--alias", "gpt-4o")[0] == 2


def test_log_has_neither_keys_nor_prompts(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key, _ = authentication.create(open_database(), "a")
    client = client_of(address, key)
    secret = "the vault opens at nine"
    client.chat.completions.create(model=ALIAS, messages=[{"role": "user", "content": secret}], max_tokens=2)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=ALIAS, messages=[{"role": "user", "content": secret}], n=0)
    logged = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("fine_tuning", "uvicorn"))
    )
    assert key not in logged
    assert secret not in logged


def test_rate_limit_exceeded_returns_429_with_retry_after(config: ServerConfig) -> None:
    (key, _), (other, _) = (authentication.create(open_database(), name) for name in ("one", "another"))
    with listening(replace(config, requests_per_minute=3)) as address:
        client = client_of(address, key)
        for _ in range(3):
            client.models.list()
        with pytest.raises(openai.RateLimitError) as caught:
            client.models.list()
        assert 1 <= int(caught.value.response.headers["Retry-After"]) <= 60
        assert client_of(address, other).models.list().data
        for number in range(3):
            with pytest.raises(openai.AuthenticationError):
                client_of(address, f"guess {number}").models.list()
        with pytest.raises(openai.RateLimitError):  # guesses are counted by address
            client_of(address, "guess 4").models.list()
        assert "ok" in get(f"{address.removesuffix('/v1')}/healthz")


def test_concurrency_limit_exceeded_returns_429(config: ServerConfig) -> None:
    def ask(client: OpenAI) -> str | None:
        try:
            client.chat.completions.create(model=ALIAS, messages=ASKED, max_tokens=200)
        except openai.RateLimitError as error:
            return error.response.headers["Retry-After"]
        return None

    alone = replace(config, max_concurrent=1)
    with listening(alone) as address, ThreadPoolExecutor(6) as pool:
        client = client_of(address)
        waits = list(pool.map(lambda _: ask(client), range(6)))
    assert set(waits) == {None, "1"}


def test_body_too_large_returns_413(config: ServerConfig) -> None:
    with listening(replace(config, max_body_bytes=1000)) as address:
        client = client_of(address)
        with pytest.raises(openai.APIStatusError) as caught:
            client.chat.completions.create(model=ALIAS, messages=[{"role": "user", "content": "x" * 2000}])
        assert caught.value.status_code == 413
        request = urllib.request.Request(f"{address}/chat/completions", method="POST", data=iter([b"x" * 800] * 3))
        request.add_header("Content-Type", "application/json")
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        with refused.value:
            assert refused.value.code == 413
        assert client.files.create(file=("x", b"x" * 5000), purpose="batch").bytes == 5000


def test_errors_outside_routes_have_openai_shape(address: str) -> None:
    def body(path: str, method: str = "GET", data: bytes | None = None) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(f"{address}{path}", method=method, data=data)
        request.add_header("Content-Type", "application/json")
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        with caught.value as reply:
            return reply.code, json.loads(reply.read())["error"]

    for path, method, data, code in (
        ("/nowhere", "GET", None, 404),
        ("/models", "PUT", None, 405),
        ("/chat/completions", "POST", b"{not json", 400),
        ("/chat/completions", "POST", b'{"model": 1e999}', 400),
        ("/files?limit=0", "GET", None, 400),
        ("/fine_tuning/jobs/x/events?after=ftevent-99999999999999999999", "GET", None, 404),
    ):
        status, error = body(path, method, data)
        assert status == code, path
        assert set(error) == {"message", "type", "param", "code"}


def test_healthz_and_metrics_report_the_server(address: str) -> None:
    root = address.removesuffix("/v1")
    assert json.loads(get(f"{root}/healthz")) == {"status": "ok"}
    client_of(address).models.list()
    told = get(f"{root}/metrics")
    assert 'ft_requests_total{method="GET",route="/models",status="200"}' in told
    assert "ft_loaded_model_bytes" in told
    assert "swagger" in get(f"{root}/docs").lower()


def test_memory_limit_unloads_idle_models(config: ServerConfig, tiny_model_dir: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(tiny_model_dir, tmp_path / "second")
    both = {**config.aliases, "second": str(tmp_path / "second")}
    with listening(replace(config, aliases=both, memory_limit_mib=1)) as address:
        client = client_of(address)
        for model in (ALIAS, "second", ALIAS, "second"):
            client.chat.completions.create(model=model, messages=ASKED, max_tokens=2)
        told = get(f"{address.removesuffix('/v1')}/metrics")
        loaded = [line for line in told.splitlines() if line.startswith("ft_loaded_model_bytes{")]
        assert len(loaded) in {1, 2}


def test_healthz_of_a_busy_server_returns_ok(config: ServerConfig) -> None:
    with listening(replace(config, max_concurrent=50)) as address:
        clients = [client_of(address) for _ in range(50)]
        with ThreadPoolExecutor(50) as pool:
            running = [
                pool.submit(client.chat.completions.create, model=ALIAS, messages=ASKED, max_tokens=200)
                for client in clients
            ]
            time.sleep(0.2)
            assert "ok" in get(f"{address.removesuffix('/v1')}/healthz")
            assert not all(each.done() for each in running)  # it did not wait for them
            assert all(each.result().choices for each in running)


def test_requests_without_key_or_end_do_not_count_as_running(config: ServerConfig) -> None:
    key, _ = authentication.create(open_database(), "mine")
    with listening(replace(config, max_concurrent=2, patience_seconds=1.0)) as address:
        host, port = address.removeprefix("http://").removesuffix("/v1").split(":")
        slow = [_begin(host, int(port), each) for each in ("no-key", "no-key", "no-key", key, key, key)]
        assert client_of(address, key).models.list().data
        answers = [each.recv(300) for each in slow]
        for each in slow:
            each.close()
    assert [answer.split(b" ")[1] for answer in answers] == [b"401"] * 3 + [b"408"] * 3


def _begin(host: str, port: int, key: str) -> socket.socket:
    """A request whose body never comes."""
    connection = socket.create_connection((host, port), timeout=10)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    return connection


def test_metrics_have_no_paths(config: ServerConfig, workspace: Path) -> None:
    with listening(config) as address:
        client_of(address).chat.completions.create(model=ALIAS, messages=ASKED, max_tokens=1)
        told = get(f"{address.removesuffix('/v1')}/metrics")
    assert 'ft_loaded_model_bytes{model="' in told
    assert str(workspace.parent) not in told


def test_docs_page_loads_nothing_external(address: str) -> None:
    root = address.removesuffix("/v1")
    page = get(f"{root}/docs")
    assert "cdn" not in page
    assert "SwaggerUIBundle" in get(f"{root}/static-offline-docs/swagger-ui-bundle.js")
