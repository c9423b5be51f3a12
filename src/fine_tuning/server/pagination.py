"""Pages of lists as in OpenAI's API: after the id of the last item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from fine_tuning.errors import NotFoundError
from fine_tuning.server.api_errors import invalid
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.store.paging import Page

Record = TypeVar("Record")


def listed(page: Page[Record], shown: Callable[[Record], ApiObject]) -> ApiObject:
    """A page as a list object; `shown` makes the object of a row."""
    data = [shown(row) for row in page.rows]
    ends = (data[0]["id"], data[-1]["id"]) if data else ("", "")
    return {"object": "list", "data": data, "first_id": ends[0], "last_id": ends[1], "has_more": page.has_more}


@contextmanager
def known_position() -> Iterator[None]:
    """Answer an `after` that names no item with 400, not 404."""
    try:
        yield
    except NotFoundError as error:
        raise invalid(str(error), "after") from None
