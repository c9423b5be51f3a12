"""Actions of pages: calls in a thread, with the permissions of the session, and errors as notifications."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from nicegui import ui

from fine_tuning.dashboard.sessions import Session, Sessions
from fine_tuning.errors import FineTuningError
from fine_tuning.settings import acting_as
from fine_tuning.store.workspace import Workspace

FAILED = object()


class PageState(Protocol):
    """The state of a page's request, set by `request_guard.Gate`."""

    session: Session
    sessions: Sessions
    cookie: str | None
    guest: str
    aliases: Mapping[str, str]
    workspace: Workspace


def state() -> PageState:
    """The state of the request for this page."""
    request = ui.context.client.request
    assert request is not None  # noqa: S101 - a page has one
    return cast("PageState", request.state)


def session() -> Session:
    """The session of this page."""
    return state().session


async def session_now() -> Session | None:
    """The session of this page, read again; None, and on to the sign-in page, where the key was revoked."""
    known = state()
    now = await to_thread(known.sessions.find, known.cookie, known.guest)
    if now is None:
        ui.navigate.to("/sign-in")
    return now


async def writer_now() -> Session | None:
    """As `session_now`; None, with a notification, for a read-only key."""
    now = await session_now()
    if now is not None and now.read_only:
        notify("this key is read-only", is_error=True)
        return None
    return now


async def act(change: Callable[..., Any], *args: object, done: str | None = None, **kwargs: object) -> Any:
    """Run a change in a thread and notify that it is done. Returns its result, or `FAILED` where it was refused."""
    now = await writer_now()
    if now is None:
        return FAILED
    try:
        with acting_as(now.name):
            result = await to_thread(change, *args, **kwargs)
    except FineTuningError as error:
        notify(str(error), is_error=True)
        return FAILED
    if done:
        notify(done)
    return result


def notify(message: str, *, is_error: bool = False) -> None:
    """Show a notification; an error stays until it is closed."""
    if is_error:
        ui.notify(message, type="negative", timeout=0, close_button="Close", multi_line=True)
    else:
        ui.notify(message, type="positive")


async def confirmed(question: str, answer: str) -> bool:
    """Ask for confirmation."""
    with ui.dialog() as dialog, ui.card():
        ui.label(question)
        with ui.row():
            ui.button(answer, on_click=lambda: dialog.submit(True), color=None).props("no-caps unelevated")
            ui.button("Cancel", on_click=lambda: dialog.submit(False), color=None).props("no-caps outline")
    found = await dialog
    dialog.delete()
    return bool(found)
