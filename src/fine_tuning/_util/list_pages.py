"""The lists of a host, page by page: one that repeats itself or has no end is not read for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from fine_tuning.errors import ProviderError

if TYPE_CHECKING:
    from fine_tuning._util.hosts import Host

MAX_PAGES = 10_000  # of a list


class ListPages(Protocol):
    """A list as the SDK reads it: its first page, which reads the others as needed."""

    def iter_pages(self) -> Iterator[object]:
        """The pages."""


def objects_of(host: Host, what: str, page: object) -> list[object]:
    """The objects of a page.

    Raises:
        ProviderError: it has no list of them.
    """
    data = getattr(page, "data", None) or []
    if not isinstance(data, list):
        raise ProviderError(f"{host.url} sends no list as {what}; check the address (OPENAI_BASE_URL)")
    return data


def endless(host: Host, what: str, pages: int) -> ProviderError:
    """The error of a list that goes on after so many pages."""
    return ProviderError(f"{host.url} has no end of {what}: {pages} pages were read; check the address")


def listed(host: Host, what: str, first: ListPages, max_pages: int = MAX_PAGES) -> Iterator[object]:
    """The objects of a list, each once, as they come; it ends with a page that brings nothing new.

    Raises:
        ProviderError: it has no end, or is none.
    """
    known: set[str] = set()
    for number, page in enumerate(first.iter_pages(), 1):
        if number > max_pages:
            raise endless(host, what, max_pages)
        count = len(known)
        for each in objects_of(host, what, page):
            name = getattr(each, "id", None)
            if not isinstance(name, str):
                yield each
            elif name not in known:
                known.add(name)
                yield each
        if len(known) == count:
            return
