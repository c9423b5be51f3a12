"""Reading the JSON of a request: strictly, since what two readers take differently no server can check."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from json import JSONDecodeError
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from fine_tuning._util.files import parse_json
from fine_tuning.errors import DataError


class JsonRoute(APIRoute):
    """A route whose body, where it is JSON, is UTF-8 and has no key twice; the class of all routes under /v1."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI's guide to custom requests."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            return await handler(_JsonRequest(request.scope, request.receive))

        return handle


class _JsonRequest(Request):
    async def json(self) -> Any:
        """The value of the body.

        Raises:
            JSONDecodeError: it has none; FastAPI passes this on, with the message, to what answers errors.
        """
        try:
            return parse_json(await self.body(), unique_keys=True)
        except DataError as error:
            raise JSONDecodeError(str(error), "", 0) from None
