"""Tables in JSON: rows that are lists, below a list of headings or beside it, as `{"columns": ..., "data": ...}` is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from fine_tuning.datasets.privacy.secret_names import kind_of

_NAMES = frozenset({"columns", "cols", "headers", "header", "headings", "fields", "column_names"})
_HEADING = re.compile(r"[^\W\d][\w .-]{0,40}")


def headings(row: Sequence[object]) -> list[str]:
    """The names of the columns where a list holds them and one is of secrets; empty for other lists."""
    names = [item for item in row if isinstance(item, str) and _HEADING.fullmatch(item)]
    return names if len(names) == len(row) > 1 and any(map(kind_of, names)) else []


def is_of_headings(name: str) -> bool:
    """Whether a field of this name holds the headings of the rows in another field of its object."""
    return name.lower() in _NAMES


def headings_beside(fields: Mapping[str, object]) -> list[str]:
    """The headings that an object has for the rows in it; empty without."""
    lists = (value for name, value in fields.items() if is_of_headings(name) and isinstance(value, list))
    return next(filter(None, map(headings, lists)), [])


def cells(value: object) -> Iterator[tuple[str, str]]:
    """Each cell of the tables that are directly in a value, after the heading of its column."""
    columns: list[str] = []
    lists = [value] if isinstance(value, list) else []
    if isinstance(value, Mapping):
        columns = headings_beside(value)
        lists = [each for each in value.values() if columns and isinstance(each, list)]
    for rows in lists:
        names = columns or (headings(rows[0]) if rows and isinstance(rows[0], list) else [])
        for row in rows if names else ():
            if isinstance(row, list):
                yield from ((name, str(cell)) for name, cell in zip(names, row, strict=False))
