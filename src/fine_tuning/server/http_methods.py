"""HEAD, OPTIONS, and the methods that a path allows, for all routes alike."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHOD_NOT_ALLOWED = 405


class HttpMethods:
    """ASGI middleware: HEAD is GET without its body, OPTIONS lists the methods, and so does every 405.

    Args:
        routes: of the application, each with the prefix of its path.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[tuple[str, BaseRoute]]) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and (allowed := self._allowed(scope)):
            await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, self._with_allowed({**scope}, _without_body(send)))
        else:
            await self._app(scope, receive, self._with_allowed({**scope}, send))

    def _allowed(self, scope: Scope) -> str:
        """The methods of a path, as the header has them; empty for an unknown path."""
        found: set[str] = set()
        for prefix, route in self._routes:
            within = {**scope, "path": scope["path"].removeprefix(prefix)}
            if scope["path"].startswith(prefix) and route.matches(within)[0] is not Match.NONE:
                found.update(getattr(route, "methods", None) or ())
        more = {"OPTIONS", *({"HEAD"} if "GET" in found else ())} if found else set()
        return ", ".join(sorted(found | more))

    def _with_allowed(self, scope: Scope, send: Send) -> Send:
        """`scope`: a copy, as routing changes it."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == METHOD_NOT_ALLOWED:
                MutableHeaders(scope=message)["Allow"] = self._allowed(scope)
            await send(message)

        return sending


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sending
