"""Middleware of the dashboard: finds the session of a request and refuses requests from other sites."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from secrets import token_hex
from urllib.parse import quote, urlsplit

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.dashboard import waiting_pages
from fine_tuning.dashboard.session_sockets import SessionSocket
from fine_tuning.dashboard.sessions import COOKIE, GUEST, Session, Sessions
from fine_tuning.server import caller_checks
from fine_tuning.server.api_errors import ApiError
from fine_tuning.server.body_limits import LimitedBody
from fine_tuning.store.workspace import Workspace

PAGES = {
    "Overview": "/",
    "Calls": "/calls",
    "Routes": "/routes",
    "Review": "/review",
    "Datasets": "/datasets",
    "Jobs": "/jobs",
    "Models": "/models",
    "Experiments": "/experiments",
    "Bake-offs": "/bakeoffs",
    "Costs": "/costs",
    "Playground": "/playground",
}
BELOW = tuple(f"{path}/" for path in PAGES.values() if path != "/")
OPEN = ("/sign-in", "/dashboard.css", "/_nicegui/", "/favicon.ico")  # contain nothing of the workspace
SOCKET = "/_nicegui_ws/"
OURS = ("/sign-out", SOCKET, *OPEN)
BUSY = "too many pages are being opened; try again in a few seconds"
MAX_BODY = 1 << 20  # bytes of a request to the dashboard; longer content comes through its socket
MAX_BODIES = 64 << 20  # bytes of all that are under way
PATIENCE_SECONDS = 30.0  # until a body has arrived
# Everything comes from this server. The library compiles its templates in the browser, which needs unsafe-eval.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'self'"
)


class Gate:
    """Sends requests for the dashboard's pages to `app`, with a `PageState`, and all others to `api`.

    Args:
        aliases: base models by their alias.
        names: see `caller_checks.refusal`.
    """

    def __init__(
        self,
        app: ASGIApp,
        api: ASGIApp | None,
        *,
        workspace: Workspace,
        sessions: Sessions,
        aliases: Mapping[str, str],
        names: Collection[str] = (),
    ) -> None:
        self.app, self._api = app, api
        self._workspace, self._sessions, self._aliases = workspace, sessions, aliases
        self._names = names
        self._bodies = MemoryBudget(MAX_BODIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, redirect it to the sign-in page, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif not _is_ours(scope["path"]):
            await (self._api or PlainTextResponse("not found", 404))(scope, receive, send)
        else:
            await self._ours(scope, receive, send)

    async def _ours(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        cookies = cookie_parser(headers.get("cookie", ""))  # whatever other programs of this machine have set too
        known = re.fullmatch("[0-9a-f]{4}", cookies.get(GUEST, ""))
        guest = known[0] if known else token_hex(2)
        cookie = cookies.get(COOKIE)
        session = await run_in_threadpool(self._sessions.find, cookie, guest)
        refused = _refusal(scope, headers, session, self._names)
        if refused is not None:
            await (refused if scope["type"] == "http" else _close)(scope, receive, send)
            return
        if _is_page(scope) and not waiting_pages.make_room():
            await PlainTextResponse(BUSY, 503, {"Retry-After": "5"})(scope, receive, send)
            return
        scope.setdefault("state", {}).update(
            session=session,
            sessions=self._sessions,
            cookie=cookie,
            guest=guest,
            aliases=self._aliases,
            workspace=self._workspace,
        )

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _protect(MutableHeaders(scope=message), None if known else guest)
            await send(message)

        if scope["type"] == "http":
            await self._answer(scope, receive, with_headers)
            return

        async def is_valid() -> bool:
            return await run_in_threadpool(self._sessions.find, cookie, guest) == session

        await SessionSocket(receive, send, is_valid).run(self.app, scope)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request once its body has arrived, which may come in pieces of no announced size."""
        body = LimitedBody(receive, MAX_BODY, PATIENCE_SECONDS, self._bodies)
        try:
            await body.read()
            await self.app(scope, body.receive, send)
        except ApiError as error:
            await PlainTextResponse(str(error), error.status)(scope, receive, send)
        finally:
            body.release()


def _is_ours(path: str) -> bool:
    return path in PAGES.values() or path.startswith((*OURS, *BELOW))


def _is_page(scope: Scope) -> bool:
    """Whether a request builds a page, which waits for its socket."""
    path = scope["path"]
    return scope["type"] == "http" and (path in PAGES.values() or path.startswith(BELOW))


def _refusal(scope: Scope, headers: Headers, session: Session | None, names: Collection[str]) -> Response | None:
    """The response to a refused request; None where it may pass."""
    host, origin = headers.get("host", ""), headers.get("origin")
    is_socket = scope["path"].startswith(SOCKET)
    needs_origin = (
        scope["type"] == "websocket" or scope["method"] not in caller_checks.READING_METHODS
    )  # browsers then send an Origin
    if (needs_origin or (is_socket and origin is not None)) and _netloc(origin or "") != host:
        return PlainTextResponse("this request was not sent by a page of this server", 403)
    if not headers.get("content-length", "0").isdigit() or int(headers.get("content-length", "0")) > MAX_BODY:
        return PlainTextResponse("the request is too large", 413)
    is_open = session is not None and session.is_guest
    if reason := caller_checks.refusal(scope, names, is_open=is_open):
        return PlainTextResponse(reason, 403)
    if session is None and not scope["path"].startswith(OPEN):
        if scope["type"] == "http" and scope["method"] == "GET" and not is_socket:
            query = scope["query_string"].decode("latin-1")
            target = f"{scope['path']}?{query}" if query else scope["path"]
            return RedirectResponse(f"/sign-in?next={quote(target, safe='')}", 303)
        return PlainTextResponse("sign in first", 401)
    return None


def _netloc(address: str) -> str | None:
    """The host and port of a URL; None where it is invalid."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return None


async def _close(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008})


def _protect(headers: MutableHeaders, guest: str | None) -> None:
    headers["Content-Security-Policy"] = POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    if guest is not None:
        headers.append("set-cookie", f"{GUEST}={guest}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict")
