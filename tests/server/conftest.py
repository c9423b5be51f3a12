"""A real server on a port of its own, asked by the real SDK; its models are tiny."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from openai import NotFoundError, OpenAI

from fine_tuning.server.app import make_app
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.worker_pool import Pool
from tests.served_app import served

ALIAS = "gpt-4o-mini"


@contextmanager
def listening(config: ServerConfig, host: str = "127.0.0.1") -> Iterator[str]:
    """The address of a server with these settings, for as long as the block runs; it listens on `host`."""
    with served(uvicorn.Config(make_app(config), host=host, port=0, log_level="warning")) as server:
        yield f"http://127.0.0.1:{server.port}/v1"


_clients: list[OpenAI] = []


def client_of(address: str, key: str = "any") -> OpenAI:
    """A client that is closed after the test."""
    _clients.append(OpenAI(base_url=address, api_key=key, max_retries=0))
    return _clients[-1]


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    yield
    while _clients:
        _clients.pop().close()


@pytest.fixture
def config(tiny_model_dir: Path) -> ServerConfig:
    return ServerConfig(aliases={ALIAS: str(tiny_model_dir)})


@pytest.fixture
def address(config: ServerConfig, workspace: Path) -> Iterator[str]:
    with listening(config) as found:
        yield found


@pytest.fixture
def client(address: str) -> OpenAI:
    return client_of(address)


def refused_alike(client: OpenAI, model: str) -> str:
    """The one text with which every resource says that there is no such model."""
    asked: Any = [{"role": "user", "content": "q"}]
    calls: list[Callable[[], object]] = [
        lambda: client.models.retrieve(model),
        lambda: client.models.delete(model),
        lambda: client.fine_tuning.checkpoints.permissions.list(model),
        lambda: client.fine_tuning.jobs.create(model=model, training_file="file-none"),
        lambda: client.chat.completions.create(model=model, messages=asked),
        lambda: client.responses.create(model=model, input="q"),
        lambda: client.completions.create(model=model, prompt="q"),
        lambda: client.embeddings.create(model=model, input="q"),
    ]
    found = set()
    for call in calls:
        with pytest.raises(NotFoundError) as caught:
            call()
        found.add((caught.value.code, caught.value.param, caught.value.message))
    ((code, param, message),) = found
    assert (code, param) == ("model_not_found", "model")
    return str(message)


def chats(count: int) -> bytes:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Please add {number} and {number + 1} for me."},
                {"role": "assistant", "content": f"That makes {2 * number + 1}."},
            ]
        }
        for number in range(count)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def upload(client: OpenAI) -> Callable[..., str]:
    def make(content: bytes | None = None) -> str:
        return client.files.create(file=("chats.jsonl", content or chats(12)), purpose="fine-tune").id

    return make


@pytest.fixture
def pool(workspace: Path) -> Iterator[Pool]:
    """A pool of one slot whose rounds the test asks for; its trainers are stopped at the end."""
    made = Pool(open_workspace())
    yield made
    made.shut_down()


@pytest.fixture
def finish(client: OpenAI, pool: Pool) -> Callable[[str], Any]:
    """Work until a job has ended."""

    def work(job_id: str) -> Any:
        while (job := client.fine_tuning.jobs.retrieve(job_id)).status not in {"succeeded", "failed", "cancelled"}:
            pool.step()
            threading.Event().wait(0.1)
        return job

    return work
