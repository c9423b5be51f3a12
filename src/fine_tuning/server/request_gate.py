"""The middleware before all routes: keys, rate limits, body limits, and the metrics of each request."""

from __future__ import annotations

import time
import uuid
from email.utils import formatdate
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fine_tuning.errors import StorageError
from fine_tuning.gateway.http_headers import CALL_ID
from fine_tuning.server import authentication, azure_clients, caller_checks, prometheus_metrics
from fine_tuning.server.api_errors import ANTHROPIC_ID, REQUEST_ID, ApiError, answer, is_anthropic, of_storage
from fine_tuning.server.body_limits import LimitedBody, check_announced_size
from fine_tuning.server.context import COUNTED, PROJECT, Context
from fine_tuning.server.rate_limits import ConcurrencyLimiter
from fine_tuning.server.server_config import MAX_FILE_BYTES, MIB, ServerConfig

FILES_PATH, UPLOADS_PATH = "/v1/files", "/v1/uploads/"
MULTIPART_OVERHEAD = MIB
UNLIMITED_PATHS = ("/healthz",)  # a busy server is still healthy


class RequestGate:
    """ASGI middleware; refused requests never reach the application."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._config = context.config
        self._database = context.database
        self._rate_limiter, self._concurrency_limiter = context.rates, context.requests
        self._uploads = ConcurrencyLimiter(context.config.max_uploads)
        self._bodies = context.bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the application, or answer with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in UNLIMITED_PATHS:
            await self._app(scope, receive, send)
            return
        scope["query_string"] = _without_unused(scope["query_string"])
        started = time.perf_counter()
        status = 500

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._pass(scope, receive, send_and_note_status)
        except ApiError as error:
            await answer(error)(scope, receive, send_and_note_status)
        except StorageError as error:  # of what is looked up before the application
            await answer(of_storage(error))(scope, receive, send_and_note_status)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            prometheus_metrics.REQUESTS.labels(scope["method"], route, str(status)).inc()
            prometheus_metrics.SECONDS.labels(scope["method"], route).observe(time.perf_counter() - started)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check key and body before the request counts as running: clients without a key must not block others.

        A request of a batch has its project already; its key was checked, and its size, when the batch was made.
        """
        if PROJECT in scope.setdefault("state", {}):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        named = headers.get(b"openai-project", b"").decode("latin-1")
        await self._check_access(scope, azure_clients.authorization(headers), named)
        is_upload = _is_upload(scope)
        max_bytes = MAX_FILE_BYTES + MULTIPART_OVERHEAD if is_upload else self._config.max_body_bytes
        check_announced_size(headers.get(b"content-length", b"0"), max_bytes)
        body = LimitedBody(receive, max_bytes, self._config.patience_seconds, self._bodies)
        try:
            if not is_upload:
                await body.read()
            places = self._uploads if is_upload else self._concurrency_limiter
            with places.running():
                await self._app(scope, body.receive, body.checked_send(scope, send))
        finally:
            body.release()

    async def _check_access(self, scope: Scope, authorization: str, named: str) -> None:
        """Count the request, unless the gateway has; then note the project.

        Args:
            named: the project that the request names, by which an owner's key chooses; empty for the key's own.
        """
        access = await run_in_threadpool(authentication.access, self._database, authorization)
        if COUNTED not in scope["state"]:
            self._rate_limiter.check(authentication.client_of(scope, access))
        if access.project is None:
            raise authentication.refusal(authorization)
        names, origins = self._config.allowed_hosts, self._config.allowed_origins
        if reason := caller_checks.refusal(scope, names, origins, is_open=access.key_id is None):
            raise ApiError(403, reason, code="forbidden_caller")
        if access.read_only and scope["method"] not in caller_checks.READING_METHODS:
            raise authentication.forbidden()
        scope["state"][PROJECT] = await run_in_threadpool(authentication.project_for, self._database, access, named)


def _without_unused(query: bytes) -> bytes:
    """A query without parameters that are empty, which SDKs send for those that are not set, and without Azure's."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if (value or "[" in name) and name != azure_clients.API_VERSION]
    return query if len(kept) == len(pairs) else urlencode(kept).encode()


def _is_upload(scope: Scope) -> bool:
    path: str = scope["path"]
    is_part = path.startswith(UPLOADS_PATH) and path.endswith("/parts")
    return scope["method"] == "POST" and (path == FILES_PATH or is_part)


class RequestIds:
    """ASGI middleware: date every response, and name its request, as support and logs of OpenAI's clients expect it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        name = f"req_{uuid.uuid4().hex}"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID], headers["date"] = name, formatdate(usegmt=True)
                if is_anthropic(scope):
                    headers[ANTHROPIC_ID] = name
            await send(message)

        if scope["type"] == "http":
            scope.setdefault("state", {})[REQUEST_ID] = name
        await self._app(scope, receive, sending)


def cross_origin(app: ASGIApp, config: ServerConfig) -> ASGIApp:
    """The application for web pages of the allowed origins (CORS), too; itself where there are none."""
    if not config.allowed_origins:
        return app

    async def of_its_own(scope: Scope, receive: Receive, send: Send) -> None:
        """Without the headers of a vendor behind the gateway, which allows origins of its own."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [each for each in message["headers"] if not each[0].lower().startswith(b"access-control-")]
                message = {**message, "headers": kept}
            await send(message)

        await app(scope, receive, sending)

    return CORSMiddleware(
        of_its_own,
        allow_origins=[*config.allowed_origins],
        allow_methods=["*"],
        allow_headers=["*"],
        allow_private_network=True,  # a page of an allowed origin may call this machine from another network
        expose_headers=[REQUEST_ID, ANTHROPIC_ID, CALL_ID.decode()],
    )


def install(app: FastAPI, context: Context) -> None:
    """Add the middleware to an application; the last one that is added comes first."""
    app.add_middleware(RequestGate, context=context)
    app.add_middleware(cross_origin, config=context.config)
    app.add_middleware(azure_clients.AzureClients)
    app.add_middleware(RequestIds)  # before CORS, which answers preflights itself
