"""From a click to a door: in a thread, by a session that may, with errors in a line."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from typing import Any

from nicegui import ui

from fine_tuning.dashboard.sessions import Session
from fine_tuning.errors import FineTuningError
from fine_tuning.settings import acting_as

FAILED = object()


def state() -> Any:
    """What the gate knows of the request for this page: session, sessions, cookie, guest, aliases."""
    request = ui.context.client.request
    assert request is not None  # noqa: S101 - a page has one
    return request.state


def session() -> Session:
    """Of the person whose page this is."""
    found: Session = state().session
    return found


async def session_now() -> Session | None:
    """Of the person whose page this is, read again; one whose key was revoked is sent to the sign-in page."""
    known = state()
    now: Session | None = await to_thread(known.sessions.find, known.cookie, known.guest)
    if now is None:
        ui.navigate.to("/sign-in")
    return now


async def writer_now() -> Session | None:
    """As `session_now`, of a person who may change something; another one is told so."""
    now = await session_now()
    if now is not None and now.read_only:
        tell("this key may only read", wrong=True)
        return None
    return now


async def act(change: Callable[..., Any], *args: Any, done: str | None = None, **kwargs: Any) -> Any:
    """Change something, and say so. Gives what the change gives, or `FAILED` where it was refused."""
    now = await writer_now()
    if now is None:
        return FAILED
    try:
        with acting_as(now.name):
            result = await to_thread(change, *args, **kwargs)
    except FineTuningError as error:
        tell(str(error), wrong=True)
        return FAILED
    if done:
        tell(done)
    return result


def tell(what: str, *, wrong: bool = False) -> None:
    """A line at the edge of the page; what is wrong stays until it is closed."""
    if wrong:
        ui.notify(what, type="negative", timeout=0, close_button="Close", multi_line=True)
    else:
        ui.notify(what, type="positive")


async def confirmed(question: str, answer: str) -> bool:
    """Ask before something that others will notice."""
    with ui.dialog() as dialog, ui.card():
        ui.label(question)
        with ui.row():
            ui.button(answer, on_click=lambda: dialog.submit(True), color=None).props("no-caps unelevated")
            ui.button("Cancel", on_click=lambda: dialog.submit(False), color=None).props("no-caps outline")
    found = await dialog
    dialog.delete()
    return bool(found)
