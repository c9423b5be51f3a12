"""What one caller may ask of the server: how much, how often, how many at once. Also counts and times every request."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fine_tuning.server import authentication, prometheus_metrics
from fine_tuning.server.api_errors import ApiError, answer
from fine_tuning.server.authentication import Access
from fine_tuning.server.server_config import MAX_FILE_BYTES, MIB, ServerConfig
from fine_tuning.store.database import Database

UPLOADS = ("/v1/files", "/v1/uploads/")
MULTIPART_OVERHEAD = MIB
LINGER_SECONDS = 1.0
GUARDED = ("/v1/", "/metrics")
FREE = ("/healthz",)  # a busy server is not a dead one
READING = ("GET", "HEAD", "OPTIONS")


class Limits:
    """ASGI middleware; refused requests never reach the application."""

    def __init__(self, app: ASGIApp, config: ServerConfig, database: Database) -> None:
        self._app = app
        self._config = config
        self._database = database
        self._running = 0
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rate = None if config.requests_per_minute is None else RateLimitItemPerMinute(config.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer why not."""
        if scope["type"] != "http" or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._within(scope, receive, watched)
        except ApiError as error:
            await answer(error)(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            prometheus_metrics.REQUESTS.labels(scope["method"], route, str(status)).inc()
            prometheus_metrics.SECONDS.labels(scope["method"], route).observe(time.perf_counter() - started)

    async def _within(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Whoever has no key, or takes forever to say what he wants, never takes a place from those who work."""
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        access = Access(None, authentication.DEFAULT_PROJECT)
        if scope["path"].startswith(GUARDED):
            access = await run_in_threadpool(authentication.access, self._database, authorization)
        self._check_rate(access.key_id, scope)
        if access.project is None:
            raise authentication.refusal(authorization)
        if access.read_only and scope["method"] not in READING:
            raise authentication.forbidden()
        scope.setdefault("state", {})["project"] = access.project
        limit = MAX_FILE_BYTES + MULTIPART_OVERHEAD if _is_upload(scope) else self._config.max_body_bytes
        _check_length(headers.get(b"content-length", b"0"), limit)
        body = _Body(receive, limit, self._config.patience_seconds)
        if not _is_upload(scope):
            await body.read()
        if self._running >= self._config.max_concurrent:
            raise ApiError(
                429,
                "The server is working on as many requests as it may; try again",
                code="concurrency_limit",
                headers={"Retry-After": "1"},
            )
        self._running += 1
        try:
            await self._app(scope, body.receive, body.watched(scope, send))
        finally:
            self._running -= 1

    def _check_rate(self, key_id: str | None, scope: Scope) -> None:
        """Count by key; where there is no valid one, by address."""
        if self._rate is None:
            return
        caller = key_id or (scope["client"][0] if scope.get("client") else "")
        if self._limiter.hit(self._rate, caller):
            return
        until = self._limiter.get_window_stats(self._rate, caller).reset_time
        wait = max(1, math.ceil(until - time.time()))
        raise ApiError(
            429,
            f"Rate limit of {self._rate.amount} requests a minute reached; try again in {wait} s",
            code="rate_limit_exceeded",
            headers={"Retry-After": str(wait)},
        )


def _is_upload(scope: Scope) -> bool:
    path: str = scope["path"]
    is_part = path.startswith(UPLOADS[1]) and path.endswith("/parts")
    return scope["method"] == "POST" and (path == UPLOADS[0] or is_part)


def _check_length(length: bytes, limit: int) -> None:
    if length.isdigit() and int(length) > limit:
        raise ApiError(413, f"the request has {int(length)} bytes; at most {limit} are read", code="request_too_large")


class _Body:
    """A request's body, cut short where a client sends more than it announced, or nothing more.

    Args:
        patience: seconds to wait for the next piece, and for the whole of a body that is read here.
    """

    def __init__(self, receive: Receive, limit: int, patience: float) -> None:
        self._receive = receive
        self._limit = limit
        self._patience = patience
        self._total = 0
        self._is_complete = False
        self._ahead: list[Message] = []

    async def read(self) -> None:
        """Read the whole body; `receive` then hands it out.

        Raises:
            ApiError: 408 where it does not arrive, 413 where it is too large.
        """
        ahead: list[Message] = []
        try:
            async with asyncio.timeout(self._patience):
                while not self._is_complete:
                    ahead.append(await self.receive())
        except TimeoutError:
            raise self._late() from None
        self._ahead = ahead

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            ApiError: it is one too many, or does not come; the framework takes that for a body it cannot read.
        """
        if self._ahead:
            return self._ahead.pop(0)
        if self._is_complete:  # what comes now is that the client has left, whenever that is
            return await self._receive()
        try:
            async with asyncio.timeout(self._patience):
                message: Message = await self._receive()
        except TimeoutError:
            raise self._late() from None
        self._is_complete = not message.get("more_body", False)
        self._total += len(message.get("body", b""))
        if self._total > self._limit:
            await self._let_finish()
            raise self._error()
        return message

    async def _let_finish(self) -> None:
        """Throw away what still comes, for a moment: a client cut off while it sends may not read the answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while not self._is_complete:
                    self._is_complete = not (await self._receive()).get("more_body", False)

    @staticmethod
    def _late() -> ApiError:
        return ApiError(408, "the rest of the request did not arrive in time", code="request_timeout")

    def watched(self, scope: Scope, send: Send) -> Send:
        """A `send` that tells of a body that is too large, whatever the framework made of it."""

        async def sent(message: Message) -> None:
            if self._total <= self._limit:
                await send(message)
            elif message["type"] == "http.response.start":
                await answer(self._error())(scope, self._receive, send)

        return sent

    def _error(self) -> ApiError:
        return ApiError(413, f"the request has more than {self._limit} bytes", code="request_too_large")


def install(app: FastAPI, config: ServerConfig, database: Database) -> None:
    """Put the limits in front of an application."""
    app.add_middleware(Limits, config=config, database=database)
