"""Keys inside messages, calls and parts that are not read, named for whoever reads the rows.

Readers of messages are called at the bottom of every format. They note such keys here, instead of handing them up
through all of these; whoever counts them empties the list after each row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from fine_tuning.data_io.json_values import Row

_NOTED: ContextVar[set[str] | None] = ContextVar("unread_keys", default=None)
_EMPTY: tuple[object, ...] = (None, "", [], {}, False)


@contextmanager
def noted() -> Iterator[set[str]]:
    """The names of keys that are not read while this is open, such as `tool.artifact`."""
    found: set[str] = set()
    token = _NOTED.set(found)
    try:
        yield found
    finally:
        _NOTED.reset(token)


def note(given: Row, known: Collection[str], place: str) -> None:
    """Note the keys of an object that are not known, and hold something.

    Args:
        place: what the object is, such as `tool`.
    """
    found = _NOTED.get()
    if found is not None:
        found.update(f"{place}.{key}" for key, value in given.items() if key not in known and value not in _EMPTY)
