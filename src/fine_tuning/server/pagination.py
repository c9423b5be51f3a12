"""Lists as OpenAI pages them: by the id of the last item seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from fine_tuning.errors import NotFoundError
from fine_tuning.server.api_errors import invalid
from fine_tuning.store.paging import Page


def listed(page: Page, shown: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """A page as a list object, its rows as `shown` shows them."""
    data = [shown(row) for row in page.rows]
    ends = (data[0]["id"], data[-1]["id"]) if data else ("", "")
    return {"object": "list", "data": data, "first_id": ends[0], "last_id": ends[1], "has_more": page.has_more}


@contextmanager
def known_position() -> Iterator[None]:
    """An `after` that names nothing is the caller's mistake, not a missing page."""
    try:
        yield
    except NotFoundError as error:
        raise invalid(str(error), "after") from None
