"""The dashboard as an ASGI application, with the API or alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from fine_tuning._util.files import make_folder
from fine_tuning.dashboard.request_guard import Gate
from fine_tuning.dashboard.sessions import COOKIE, SECONDS, Sessions, cookie_secret
from fine_tuning.store.workspace import Workspace, open_workspace

STYLE = Path(__file__).with_name("style.css")


def make_app(
    api: FastAPI | None = None, *, workspace: Workspace | None = None, allowed_hosts: Sequence[str] = ()
) -> Gate:
    """The dashboard at `/`; all other paths go to the API, if there is one.

    Only one can be made in a process: NiceGUI keeps its pages in a global registry.

    Args:
        allowed_hosts: see `ServerConfig`.
    """
    workspace = workspace or open_workspace()
    home = workspace.settings.home
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(home / "logs"))  # NiceGUI's default is the working directory
    from nicegui import core, ui

    from fine_tuning.dashboard import pages

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if api is None:
            yield
            return
        async with api.router.lifespan_context(api):
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.get("/sign-in")(sign_in_page)
    app.post("/sign-in")(sign_in)
    app.post("/sign-out")(sign_out)
    app.get("/dashboard.css")(style)
    pages.register()
    core.sio.on("log", _nothing)  # else everyone who has a page open can write into the server's log
    ui.run_with(
        app,
        title="Fine-tuning",
        language="en-US",
        dark=None,
        tailwind=False,
        favicon="🔁",
        binding_refresh_interval=None,
        reconnect_timeout=10.0,
        show_welcome_message=False,
    )
    aliases = workspace.settings.aliases if api is None else api.state.context.config.aliases
    sessions = Sessions(workspace.database, cookie_secret(make_folder(home)))
    return Gate(app, api, workspace=workspace, sessions=sessions, aliases=aliases, names=allowed_hosts)


def style() -> FileResponse:
    """The style sheet."""
    return FileResponse(STYLE, media_type="text/css")


def sign_in_page(next: str = "/", *, refused: bool = False) -> HTMLResponse:
    """The sign-in form."""
    message = '<p role="alert">This key has no access to the dashboard.</p>' if refused else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/dashboard.css"></head>'
        f'<body class="sign-in"><main><h1>Fine-tuning</h1>{message}<form method="post" action="/sign-in">'
        '<label for="key">API key</label>'
        '<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>'
        f'<input type="hidden" name="next" value="{escape(next)}"><button>Sign in</button></form>'
        "<p>An owner's key; create one with <code>ft-cli keys create NAME --owner</code>.</p>"
        "</main></body></html>"
    )


def sign_in(request: Request, key: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/") -> Response:
    """Sign in with a key and redirect to the requested page."""
    cookie = request.state.sessions.open(key)
    if cookie is None:
        return RedirectResponse(f"/sign-in?refused=1&next={quote(next, safe='')}", 303)
    to = next if next.startswith("/") and not next.startswith(("//", "/\\")) else "/"
    response = RedirectResponse(to, 303)
    is_secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, cookie, max_age=SECONDS, httponly=True, samesite="strict", secure=is_secure)
    return response


def sign_out() -> Response:
    """End the session."""
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE)
    return response


def _nothing(*_: object) -> None:
    """Answers an event that nobody needs."""
