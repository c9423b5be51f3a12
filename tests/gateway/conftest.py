"""A gateway on a port of its own, before an upstream that is scripted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.gateway.recorder import SPOOL, Recorder
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.server.gateway_app import GatewayApp
from fine_tuning.server.rate_limits import RateLimiter
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import gateway_calls
from fine_tuning.store.records.gateway_calls import GatewayCall
from fine_tuning.store.workspace import open_workspace
from tests.gateway.scripted_upstream import Upstream, upstream
from tests.served_app import served

Stored = Callable[[], list[GatewayCall]]


@dataclass
class Gateway:
    """`stop` ends it, so that all it recorded is in the spool."""

    host: str
    port: int
    stop: Callable[[], None]

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def stored(self) -> list[GatewayCall]:
        """The recorded calls, oldest first."""
        self.stop()
        workspace = open_workspace()
        store_spool(workspace, workspace.settings.folder(SPOOL))
        with workspace.database.read() as tx:
            return gateway_calls.newest(tx)[::-1]


@pytest.fixture
def vendor() -> Iterator[Upstream]:
    with upstream() as found:
        yield found


@pytest.fixture
def second() -> Iterator[Upstream]:
    """Another vendor, whose upstream is `second`."""
    with upstream() as found:
        yield found


@pytest.fixture
def gateway(vendor: Upstream, second: Upstream, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    names = dict.fromkeys(("openai", "anthropic", "gemini"), vendor.address)
    more = {"away": "http://127.0.0.1:9", "second": second.address}
    monkeypatch.setenv("FINE_TUNING_UPSTREAMS", json.dumps({**names, **more}))
    with running(FastAPI(openapi_url=None)) as found:
        yield found


@contextmanager
def running(
    behind: ASGIApp,
    config: ServerConfig | None = None,
    bodies: MemoryBudget | None = None,
    rates: RateLimiter | None = None,
) -> Iterator[Gateway]:
    """A gateway before an application."""
    app = GatewayApp(behind, config or ServerConfig(), open_workspace(), bodies, rates)
    with served(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1)) as server:
        yield Gateway("127.0.0.1", server.port, server.stop)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path / "spool")
    yield recorder
    recorder.close()
