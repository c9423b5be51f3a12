"""Reading the JSON of a request: strictly, since what two readers take differently no server can check.

A body is read and checked beside the event loop, and large ones one after the other, so that the worst of them holds up
nobody else: Python's lock is held while C code parses or validates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from fine_tuning._util.files import parse_json
from fine_tuning.errors import DataError
from fine_tuning.server import azure_clients
from fine_tuning.server.api_errors import ApiError, invalid

MAX_CONTAINERS, MAX_KEYS, MAX_VALUES = 20_000, 50_000, 500_000  # objects and arrays; keys; commas between values
LARGE_BYTES = 64 << 10
MAX_ERRORS = 100
_LARGE = CapacityLimiter(1)
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[,:\[{]', re.DOTALL)


class JsonRoute(APIRoute):
    """A route whose body, where it is JSON, is UTF-8, has no key twice and a bounded number of values; the class of all
    routes under /v1.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI's guide to custom requests."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            body = _JsonRequest(request, self.body_field)
            try:
                return await handler(body)
            except HTTPException:
                if body.error is not None:  # which FastAPI would take for a body that is no JSON
                    raise body.error from None
                raise

        return handle


class BodyField(Protocol):
    """What FastAPI validates the body of a route with."""

    def validate(self, value: object, *, loc: tuple[str, ...]) -> tuple[object, list[dict[str, Any]]]:
        """The model, and what is wrong."""


class _JsonRequest(Request):
    """A request with its body as the model of its route; `error` is why it has none.

    FastAPI validates again what `json` returns, which takes no time for a model.
    """

    def __init__(self, request: Request, field: BodyField | None) -> None:
        super().__init__(request.scope, request.receive)
        self._field = field
        self.error: ApiError | RequestValidationError | None = None

    async def json(self) -> Any:
        """The validated body.

        Raises:
            HTTPException: it is invalid, see `error`.
        """
        text = await self.body()
        try:
            return await run_sync(self._read, text, limiter=_LARGE if len(text) > LARGE_BYTES else None)
        except (ApiError, RequestValidationError) as error:
            self.error = error
            raise HTTPException(400) from None

    def _read(self, text: bytes) -> Any:
        _check_counts(text)
        try:
            value = parse_json(text, unique_keys=True)
        except DataError as error:
            found = {"type": "json_invalid", "loc": ("body", 0), "msg": "", "input": {}, "ctx": {"error": str(error)}}
            raise RequestValidationError([found]) from None
        if self._field is None:
            return value
        model, errors = self._field.validate(azure_clients.with_model(self.scope, value), loc=("body",))
        if errors:
            raise RequestValidationError(errors[:MAX_ERRORS])
        return model


def _check_counts(text: bytes) -> None:
    """Refuse a body with more values than anyone needs, before they are built.

    Raises:
        ApiError: 400.
    """
    if len(text) <= MAX_CONTAINERS or _is_within(
        text.count(b"[") + text.count(b"{"), text.count(b":"), text.count(b",")
    ):
        return
    containers = keys = values = 0
    for token in _TOKEN.finditer(text):  # which leaves out what stands in texts
        sign = token[0]
        values += sign == b","
        keys += sign == b":"
        containers += sign in (b"[", b"{")
        if not _is_within(containers, keys, values):
            limits = f"{MAX_CONTAINERS:,} objects and arrays, {MAX_KEYS:,} keys or {MAX_VALUES:,} values"
            raise invalid(f"the body has more than {limits}; send less in one request", code="request_too_large")


def _is_within(containers: int, keys: int, values: int) -> bool:
    return containers <= MAX_CONTAINERS and keys <= MAX_KEYS and values < MAX_VALUES
