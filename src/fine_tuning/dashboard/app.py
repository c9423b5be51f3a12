"""The dashboard as an application, beside the API or alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from fine_tuning._util.files import make_folder
from fine_tuning.dashboard.request_guard import Gate
from fine_tuning.dashboard.sessions import COOKIE, SECONDS, Sessions, secret_of
from fine_tuning.settings import get_settings
from fine_tuning.store.database import Database, open_database

STYLE = Path(__file__).with_name("style.css")


def make_app(api: FastAPI | None = None, database: Database | None = None) -> Gate:
    """The dashboard at `/`, and an API behind all paths that are not its own.

    Only one can be made in a process: the library keeps its pages in one place.
    """
    workspace = get_settings().home
    os.environ.setdefault("NICEGUI_STORAGE_PATH", str(workspace / "logs"))  # else a folder where the process runs
    from nicegui import ui

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
    aliases = get_settings().aliases if api is None else api.state.context.config.aliases
    return Gate(app, api, Sessions(database or open_database(), secret_of(make_folder(workspace))), aliases)


def style() -> FileResponse:
    """The style sheet."""
    return FileResponse(STYLE, media_type="text/css")


def sign_in_page(next: str = "/", refused: bool = False) -> HTMLResponse:
    """The form for a key."""
    told = '<p role="alert">This key does not open the dashboard.</p>' if refused else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/dashboard.css"></head>'
        f'<body class="sign-in"><main><h1>Fine-tuning</h1>{told}<form method="post" action="/sign-in">'
        '<label for="key">API key</label>'
        '<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>'
        f'<input type="hidden" name="next" value="{escape(next)}"><button>Sign in</button></form>'
        "<p>A key of the default project, made with <code>ft-cli keys create NAME</code>.</p></main></body></html>"
    )


def sign_in(request: Request, key: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/") -> Response:
    """Take a key, and go where the person wanted to."""
    cookie = request.state.sessions.open(key)
    if cookie is None:
        return RedirectResponse(f"/sign-in?refused=1&next={quote(next, safe='')}", 303)
    to = next if next.startswith("/") and not next.startswith(("//", "/\\")) else "/"
    answer = RedirectResponse(to, 303)
    is_secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, max_age=SECONDS, httponly=True, samesite="strict", secure=is_secure)
    return answer


def sign_out() -> Response:
    """Forget the session."""
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer
