"""What one caller may ask of the server: how much, how often, how many at once. Also counts and times every request."""

from __future__ import annotations

import hashlib
import math
import time

from fastapi import FastAPI
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fine_tuning.server import metrics
from fine_tuning.server.config import MAX_FILE_BYTES, MIB, ServerConfig
from fine_tuning.server.errors import ApiError, answer

UPLOADS = ("/v1/files", "/v1/uploads/")
MULTIPART_OVERHEAD = MIB
FREE = ("/healthz",)  # a busy server is not a dead one


class Limits:
    """ASGI middleware; refused requests never reach the application."""

    def __init__(self, app: ASGIApp, config: ServerConfig) -> None:
        self._app = app
        self._config = config
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
            metrics.REQUESTS.labels(scope["method"], route, str(status)).inc()
            metrics.SECONDS.labels(scope["method"], route).observe(time.perf_counter() - started)

    async def _within(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        self._check_rate(headers.get(b"authorization", b""), scope)
        limit = MAX_FILE_BYTES + MULTIPART_OVERHEAD if _is_upload(scope) else self._config.max_body_bytes
        _check_length(headers.get(b"content-length", b"0"), limit)
        if self._running >= self._config.max_concurrent:
            raise ApiError(
                429,
                "The server is working on as many requests as it may; try again",
                code="concurrency_limit",
                headers={"Retry-After": "1"},
            )
        self._running += 1
        try:
            body = _Body(receive, limit)
            await self._app(scope, body.receive, body.watched(scope, send))
        finally:
            self._running -= 1

    def _check_rate(self, authorization: bytes, scope: Scope) -> None:
        if self._rate is None:
            return
        client = scope["client"][0] if scope.get("client") else ""
        caller = hashlib.sha256(authorization or client.encode()).hexdigest()
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
    """A request's body, cut short where a client sends more than it announced, or announced nothing."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._total = 0

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            ApiError: it is one too many; the framework takes that for a body it cannot read, see `watched`.
        """
        message: Message = await self._receive()
        self._total += len(message.get("body", b""))
        if self._total > self._limit:
            raise self._error()
        return message

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


def install(app: FastAPI, config: ServerConfig) -> None:
    """Put the limits in front of an application."""
    app.add_middleware(Limits, config=config)
