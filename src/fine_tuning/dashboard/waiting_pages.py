"""Pages whose socket has not connected: NiceGUI keeps each for a minute, and whoever asks for many fills the memory."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol, TypeVar

MAX_WAITING = 30  # pages kept, of those that had the time to connect
MAX_OPENING = 100  # pages that may be on their way at once
OPENING_SECONDS = 5.0  # that a browser may need for its socket; it opens a page again that is gone


class WaitingPage(Protocol):
    """A page by the names that NiceGUI's `Client` has."""

    @property
    def created(self) -> float:
        """Seconds since 1970."""
        ...

    @property
    def environ(self) -> object | None:
        """Of its socket; None before one has connected."""
        ...


Page = TypeVar("Page", bound=WaitingPage)


def waiting(pages: Iterable[Page]) -> list[Page]:
    """Those that no socket has ever been connected to, oldest first."""
    return sorted((each for each in pages if each.environ is None), key=lambda each: each.created)


def abandoned(pages: Iterable[Page], now: float) -> list[Page]:
    """The oldest that are more than `MAX_WAITING`, of those that have not connected in time."""
    found = waiting(pages)
    late = [each for each in found if each.created <= now - OPENING_SECONDS]
    return late[: max(0, len(found) - MAX_WAITING)]


def make_room() -> bool:
    """Drop abandoned pages; False where so many others are on their way that no more should be built."""
    from nicegui import Client  # here: it is imported when the dashboard is made

    for client in abandoned([*Client.instances.values()], time.time()):
        client.delete()
    return len(waiting(Client.instances.values())) < MAX_OPENING
