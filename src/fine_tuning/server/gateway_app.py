"""The gateway before all other pages: a path that begins with the name of an upstream is passed on to it.

A call whose model is a route of the project goes where the route says, also one of this server's own paths.
"""

from __future__ import annotations

import time
import uuid
from functools import partial
from http import HTTPStatus

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fine_tuning._util.large_bodies import read_beside
from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.gateway import caller_keys
from fine_tuning.gateway.client_side import Body, ClientLeft, ClientSide, replayed
from fine_tuning.gateway.exchanges import Exchange, encoding_of, is_capture_allowed
from fine_tuning.gateway.forwarding import Call, Forwarder
from fine_tuning.gateway.http_headers import OWN, Headers, trace_parent
from fine_tuning.gateway.kept_bodies import BodyLimits
from fine_tuning.gateway.litellm_process import LiteLLMProcess
from fine_tuning.gateway.recorder import SPOOL, Recorder
from fine_tuning.gateway.remembered import HeldKeys
from fine_tuning.gateway.route_calls import LOCAL_UPSTREAM, Question, RouteCalls, Sources
from fine_tuning.gateway.route_table import KnownRoute, RouteTable
from fine_tuning.gateway.routed_body import RoutedBody, read_body
from fine_tuning.gateway.target_requests import RoutedCall
from fine_tuning.gateway.translation.chat_apis import model_in_path
from fine_tuning.gateway.upstreams import Upstream, read_upstreams, wire_of
from fine_tuning.gateway.wire_errors import GatewayError, send_error
from fine_tuning.server import azure_clients, prometheus_metrics, request_gate
from fine_tuning.server.body_limits import OVERLOADED
from fine_tuning.server.context import COUNTED
from fine_tuning.server.gateway_callers import GatewayCallers
from fine_tuning.server.rate_limits import RateLimiter
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.workspace import Workspace

MAX_KEPT_BYTES = 4 << 20
OWN_PATHS = frozenset(
    f"/v1/{each}".encode()
    for each in (
        *("chat/completions", "completions", "embeddings", "messages", "responses"),
        *("messages/count_tokens", "responses/input_tokens"),
    )
)


class GatewayApp:
    """ASGI application; what is for no upstream and no route goes to the application behind it.

    Args:
        bodies: the memory for what is kept of calls, of which the application takes its own share; by default
            `max_bodies_bytes` for this alone.
        rates: the application's own, so that all requests of a client count together; one by the configuration where
            the application has none.
    """

    def __init__(
        self,
        app: ASGIApp,
        config: ServerConfig,
        workspace: Workspace,
        bodies: MemoryBudget | None = None,
        rates: RateLimiter | None = None,
    ) -> None:
        self._app, self._config = app, config
        self._limits = BodyLimits(MAX_KEPT_BYTES, bodies or MemoryBudget(config.max_bodies_bytes))
        upstreams = read_upstreams(workspace.settings.upstreams)
        self._forwarder = Forwarder()
        self._recorder = Recorder(workspace.settings.folder(SPOOL))
        self._callers = GatewayCallers(workspace.database, config, rates or RateLimiter(config.requests_per_minute))
        self._held_keys = HeldKeys(workspace)
        self._routes = RouteTable(workspace.database)
        sources = Sources(upstreams, self._held_keys.of, LiteLLMProcess(workspace.settings))
        self._route_calls = RouteCalls(self._forwarder, app, sources, workspace, self._record)
        self._passing = {
            name.encode(): (each, request_gate.cross_origin(partial(self._pass, each), config))
            for name, each in upstreams.items()
            if each.vendor is None
        }
        self._answering = request_gate.cross_origin(self._own, config)
        prometheus_metrics.GATEWAY_DROPPED.set_function(lambda: self._recorder.dropped + self._recorder.lost)
        prometheus_metrics.SHADOW_DROPPED.set_function(lambda: self._route_calls.shadows.dropped)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to its upstream, to what its route names, or to the application."""
        if scope["type"] == "websocket" and self._is_api(scope):
            await _refuse_websocket(scope, send)
        elif scope["type"] != "http":
            await self._app(scope, receive, self._closing(send) if scope["type"] == "lifespan" else send)
        else:
            await self._answers(scope)(scope, receive, send)

    def _answers(self, scope: Scope) -> ASGIApp:
        """What answers a request, by its path as the client wrote it: `/openai%2F@host` names no upstream, and what
        follows a name would else be part of the address of another host.
        """
        raw = scope["raw_path"].partition(b"?")[0]
        begin, _, rest = raw.partition(b"/")
        upstream, passing = self._passing.get(rest.partition(b"/")[0], (None, self._app))
        if begin or upstream is None:
            return self._answering if raw in OWN_PATHS and scope["method"] == "POST" else self._app
        is_other = azure_clients.is_of_azure(upstream.address, _path_at(upstream, scope), scope["query_string"])
        return self._app if is_other else passing

    def _is_api(self, scope: Scope) -> bool:
        """Whether a path is one of an upstream, or of this server's API."""
        first = scope["path"].encode().lstrip(b"/").partition(b"/")[0]
        return first == b"v1" or first in self._passing

    def _closing(self, send: Send) -> Send:
        """A `send` that ends the gateway, too, when the application has ended."""

        async def sending(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":
                await self._route_calls.close()
                await self._forwarder.close()
                await run_in_threadpool(self._recorder.close)
            await send(message)

        return sending

    async def _pass(self, upstream: Upstream, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = dict(scope["headers"]), _path_at(upstream, scope)
        exchange, is_routed = self._exchange(upstream, path, scope), False
        client = ClientSide(receive, exchange, self._config.patience_seconds)
        try:
            needs_held = caller_keys.needs_held(headers, scope["query_string"])
            access = await self._callers.of(caller_keys.own_key(headers))
            self._callers.count(scope, access)
            exchange.project = self._callers.project(scope, access)
            body = await client.body()
            if (found := await self._route_of(exchange, body)) is not None:
                is_routed = True  # and each of its tries is recorded
                await self._route_calls.answer(_question(found, exchange, scope, upstream.name), client, send)
            else:
                if needs_held:
                    held = await self._held_keys.of(exchange.project, upstream.name)
                    sent = caller_keys.with_held(scope["headers"], held, wire_of(path, headers), upstream.name)
                    scope = {**scope, "headers": sent}
                await self._forwarder.forward(upstream, Call(scope, client, body), exchange, send)
        except ClientLeft:
            exchange.end()
        except GatewayError as error:
            exchange.status = int(error.status)
            await send_error(send, error, wire_of(path, headers), exchange.call_id.encode())
        finally:  # also where the server ends, and the call with it
            if not is_routed:
                self._record(exchange)

    async def _own(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call of this server's own API, which may be one of a route."""
        exchange = self._exchange(LOCAL_UPSTREAM, scope["path"], scope)
        key = azure_clients.authorization(dict(scope["headers"])).partition(" ")[2].strip()
        try:
            access = await self._callers.of(key)
            exchange.project = self._callers.project(scope, access, by_name=True)
            known = await self._routes.of(exchange.project)
        except GatewayError:
            known = {}
        if not known:  # the application says in its own words who may not call it, and that its database is away
            await self._app(scope, receive, send)
            return
        client = ClientSide(receive, exchange, self._config.patience_seconds)
        try:
            body = await client.body()
            if (found := await self._route_of(exchange, body)) is not None:
                self._callers.count(scope, access)
                await self._route_calls.answer(_question(found, exchange, scope, None), client, send)
            else:
                exchange.request = None  # the application counts the body itself
                await self._app(scope, replayed(body, receive), send)
        except ClientLeft:
            return
        except GatewayError as error:
            wire = wire_of(exchange.path, dict(scope["headers"]))
            await send_error(send, error, wire, exchange.call_id.encode())

    async def _route_of(self, exchange: Exchange, body: Body) -> tuple[KnownRoute, RoutedBody] | None:
        """The route that a call names as its model. Bodies are parsed only where the project has routes.

        Raises:
            GatewayError: 503, the body is not read since there is no memory for it: nobody knows where it should go.
        """
        if exchange.method != "POST" or body is None:
            return None
        known = await self._routes.of(exchange.project)
        if known and exchange.lacked_memory:
            raise GatewayError(HTTPStatus.SERVICE_UNAVAILABLE, OVERLOADED, "server_overloaded")
        if not known or not isinstance(body, bytes):
            return None
        read = await read_beside(len(body), read_body, body)
        route = None if read is None else known.get(model_in_path(exchange.path) or read.model or "")
        return None if read is None or route is None else (route, read)

    def _exchange(self, upstream: Upstream, path: str, scope: Scope) -> Exchange:
        return Exchange(
            call_id=f"call_{uuid.uuid4().hex}",
            project="",
            upstream=upstream.name,
            address=upstream.address,
            method=scope["method"],
            path=path,
            tags=_tags(scope["headers"]),
            limits=self._limits,
            trace_parent=trace_parent(dict(scope["headers"])),
            request_encoding=encoding_of(scope["headers"]),
        )

    def _record(self, exchange: Exchange) -> None:
        prometheus_metrics.count_call(exchange)
        if _is_wanted(exchange):
            self._recorder.record(exchange)


async def _refuse_websocket(scope: Scope, send: Send) -> None:
    """Answer the request for a websocket with an error, which its client shows."""
    message = "websockets are not passed on, and this server has none: use HTTP and its streams"
    error = GatewayError(HTTPStatus.NOT_IMPLEMENTED, message, "websocket_not_supported")

    async def sending(part: Message) -> None:
        await send({**part, "type": f"websocket.{part['type']}"})

    await send_error(sending, error, wire_of("", dict(scope["headers"])), f"call_{uuid.uuid4().hex}".encode())


def _path_at(upstream: Upstream, scope: Scope) -> str:
    """The path behind the name of an upstream, without its escapes."""
    return scope["path"][len(upstream.name) + 1 :] or "/"


def _question(found: tuple[KnownRoute, RoutedBody], exchange: Exchange, scope: Scope, origin: str | None) -> Question:
    route, body = found
    scope = {**scope, "state": {**scope.get("state", {}), COUNTED: True}}  # this server's own tries count no more
    call = RoutedCall(scope, body, origin, exchange.path, wire_of(exchange.path, dict(scope["headers"])))
    return Question(
        route, call, exchange.project, exchange.tags, exchange.call_id, exchange.limits, time.perf_counter()
    )


def _tags(headers: Headers) -> dict[str, str]:
    """The headers for the gateway, but keys."""
    own = (
        (name, value) for name, value in headers if name.startswith(OWN) and not name.startswith(caller_keys.OWN_KEY)
    )
    return {name[len(OWN) :].decode("latin-1"): value.decode("utf-8", "replace") for name, value in own}


def _is_wanted(exchange: Exchange) -> bool:
    """Whether a call is kept: one with a body, whose client does not want it otherwise."""
    return bool(exchange.project) and exchange.method == "POST" and is_capture_allowed(exchange.tags)
