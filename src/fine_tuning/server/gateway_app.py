"""The gateway before all other pages: a path that begins with the name of an upstream is passed on to it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fine_tuning.gateway.exchanges import Exchange, encoding_of
from fine_tuning.gateway.forwarding import Forwarder
from fine_tuning.gateway.http_headers import OWN
from fine_tuning.gateway.recorder import SPOOL, Recorder
from fine_tuning.gateway.upstreams import Upstream, read_upstreams, wire_of
from fine_tuning.gateway.wire_errors import GatewayError, send_error
from fine_tuning.server import authentication, azure_clients, caller_checks, prometheus_metrics
from fine_tuning.server.authentication import Access
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.workspace import Workspace

_KEY = b"x-ft-key"
_MOST_KEYS = 10_000
_LONGEST_TRACE_PARENT = 55  # characters
_ACCESS_SECONDS = 1.0  # a revoked key is refused after this time


class GatewayApp:
    """ASGI application; what is for no upstream goes to the application behind it."""

    def __init__(self, app: ASGIApp, config: ServerConfig, workspace: Workspace) -> None:
        self._app, self._config = app, config
        self._upstreams: Mapping[str, Upstream] = read_upstreams(workspace.settings.upstreams)
        self._forwarder = Forwarder()
        self._recorder = Recorder(workspace.settings.folder(SPOOL))
        self._accesses = _Accesses(workspace)
        prometheus_metrics.GATEWAY_DROPPED.set_function(lambda: self._recorder.dropped)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to its upstream, or to the application."""
        if scope["type"] == "http":
            name, _, path = scope["path"][1:].partition("/")
            upstream = self._upstreams.get(name)
            if upstream and not azure_clients.is_of_azure(upstream.address, f"/{path}", scope["query_string"]):
                await self._pass(upstream, f"/{path}", scope, receive, send)
                return
        await self._app(scope, receive, self._closing(send) if scope["type"] == "lifespan" else send)

    def _closing(self, send: Send) -> Send:
        """A `send` that ends the gateway, too, when the application has ended."""

        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self._forwarder.close()
                await run_in_threadpool(self._recorder.close)
            await send(message)

        return sending

    async def _pass(self, upstream: Upstream, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        exchange = Exchange(
            call_id=f"call_{uuid.uuid4().hex}",
            project="",
            upstream=upstream.name,
            address=upstream.address,
            method=scope["method"],
            path=path,
            tags=_tags(headers),
            trace_parent=headers.get(b"traceparent", b"").decode("latin-1")[:_LONGEST_TRACE_PARENT],
            request_encoding=encoding_of(scope["headers"]),
        )
        try:
            exchange.project = await self._project_of(scope, headers)
            await self._forwarder.forward(upstream, exchange, scope, receive, send)
        except GatewayError as error:
            exchange.status = int(error.status)
            await send_error(send, error, wire_of(path, headers), exchange.call_id.encode())
        prometheus_metrics.count_call(exchange)
        if exchange.project and _is_wanted(exchange):
            self._recorder.record(exchange)

    async def _project_of(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """The project of the gateway's key.

        Raises:
            GatewayError: the caller may not use the gateway.
        """
        access = await self._accesses.of(headers.get(_KEY, b"").decode("latin-1"))
        if access.project is None:
            message = "this gateway needs its own key in the header x-ft-key; create one: ft-cli keys create NAME"
            raise GatewayError(HTTPStatus.UNAUTHORIZED, message, "invalid_gateway_key")
        names, origins = self._config.allowed_hosts, self._config.allowed_origins
        if reason := caller_checks.refusal(scope, names, origins, is_open=access.key_id is None):
            raise GatewayError(HTTPStatus.FORBIDDEN, reason, "forbidden_caller")
        if access.read_only:
            message = "this key of the gateway is read-only; create another one: ft-cli keys create NAME"
            raise GatewayError(HTTPStatus.FORBIDDEN, message, "read_only_key")
        return access.project


class _Accesses:
    """What keys may do, looked up once a second."""

    def __init__(self, workspace: Workspace) -> None:
        self._database = workspace.database
        self._known: dict[str, tuple[float, Access]] = {}

    async def of(self, key: str) -> Access:
        """The access of a key."""
        now = time.monotonic()
        until, found = self._known.get(key, (0.0, None))
        if found is not None and now < until:
            return found
        found = await run_in_threadpool(authentication.access, self._database, f"Bearer {key}")
        if len(self._known) > _MOST_KEYS:
            self._known.clear()
        self._known[key] = now + _ACCESS_SECONDS, found
        return found


def _tags(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    own = ((name, value) for name, value in headers.items() if name.startswith(OWN) and name != _KEY)
    return {name[len(OWN) :].decode("latin-1"): value.decode("utf-8", "replace") for name, value in own}


def _is_wanted(exchange: Exchange) -> bool:
    """Whether a call is kept: one with a body, whose client does not want it otherwise."""
    return exchange.method == "POST" and exchange.tags.get("capture", "on") != "off"
