"""The frame of every page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nicegui import ui

from fine_tuning.dashboard.actions import session, session_now
from fine_tuning.dashboard.components import button, text
from fine_tuning.dashboard.components import heading as heading_element
from fine_tuning.dashboard.request_guard import PAGES

SESSION_SECONDS = 5.0  # interval in which a page checks whether its key was revoked
THEME = "ft_theme"  # the cookie that remembers light or dark


@contextmanager
def page(title: str, heading: str | None = None) -> Iterator[None]:
    """The frame of a page: navigation, theme, session, and a main part filled by the block."""
    request = ui.context.client.request
    ui.page_title(f"{heading or title} - fine-tuning")
    ui.add_head_html('<link rel="stylesheet" href="/dashboard.css">')
    ui.dark_mode({"dark": True, "light": False}.get(request.cookies.get(THEME, "")) if request is not None else None)
    who = session()
    with ui.element("header").classes("top"):
        with ui.element("nav").props('aria-label="Pages"'):
            for name, path in PAGES.items():
                link = ui.link(name, path).classes("page-link")
                if name == title:
                    link.props('aria-current="page"')
        with ui.element("div").classes("who"):
            ui.label(f"{who.name}{' (read-only)' if who.read_only else ''}").classes("name")
            button("Light / dark", _switch_theme)
            if not who.is_guest:
                with ui.element("form").props('method="post" action="/sign-out"'):
                    text("Sign out", "button").props("type=submit").classes("plain")
    if not who.is_guest:
        ui.timer(SESSION_SECONDS, session_now, immediate=False)
    # Clicks before the socket is connected would arrive late and in any order.
    with ui.element("div").classes("main").props("inert") as main:
        ui.context.client.on_connect(lambda: main.props(remove="inert"))
        heading_element(heading or title, 1)
        yield


def _switch_theme() -> None:
    """Switch between light and dark; the browser remembers it in a cookie."""
    ui.run_javascript(
        "const other = document.body.classList.contains('body--dark') ? 'light' : 'dark';"
        f"document.cookie = `{THEME}=${{other}}; Path=/; Max-Age=31536000; SameSite=Strict`; location.reload()"
    )
