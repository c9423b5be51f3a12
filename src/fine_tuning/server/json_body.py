"""Reading the JSON of a request: strictly, since what two readers take differently no server can check.

A body is read and checked beside the event loop, large ones one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from anyio.to_thread import run_sync
from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from fine_tuning._util.files import parse_json
from fine_tuning._util.json_counts import MAX_CONTAINERS, MAX_KEYS, MAX_VALUES, is_bounded
from fine_tuning._util.large_bodies import LARGE, LARGE_BYTES
from fine_tuning.errors import DataError
from fine_tuning.server import azure_clients
from fine_tuning.server.api_errors import ApiError, invalid

MAX_ERRORS = 100


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
            return await run_sync(self._read, text, limiter=LARGE if len(text) > LARGE_BYTES else None)
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
    if not is_bounded(text):
        limits = f"{MAX_CONTAINERS:,} objects and arrays, {MAX_KEYS:,} keys or {MAX_VALUES:,} values"
        raise invalid(f"the body has more than {limits}; send less in one request", code="request_too_large")
