"""Pages of a list, which continue after an id and so stay consistent while rows are added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    cast,
    func,
    literal,
    null,
    select,
    tuple_,
)

from fine_tuning.errors import NotFoundError, UsageError

Record = TypeVar("Record")
MAX_CHARACTERS = 16 << 20  # of the JSON in the rows that are read at once, as a request's body may have


class Page(NamedTuple, Generic[Record]):
    """Rows in order, and whether more follow."""

    rows: list[Record]
    has_more: bool


def page(
    connection: Connection,
    table: Table,
    conditions: list[ColumnElement[bool]],
    *,
    after: str | None,
    limit: int,
    newest_first: bool = True,
    scope: list[ColumnElement[bool]] | None = None,
) -> Page[Any]:
    """Up to `limit` rows that follow the row with id `after`, by time of creation and then id; see `fitting`.

    Args:
        scope: conditions on the row `after` in place of `conditions`: it may have been deleted since the previous page,
            or be of a list without a filter.

    Raises:
        NotFoundError: no row under these conditions has the id `after`.
    """
    order = (table.c.created_at, table.c.id)
    query = select(table).where(*conditions)
    if after is not None:
        last = connection.execute(select(*order).where(*(scope or conditions), table.c.id == after)).one_or_none()
        if last is None:
            raise NotFoundError(f"no item {after} to continue after")
        position = tuple_(*order)
        query = query.where(position < tuple(last) if newest_first else position > tuple(last))
    query = query.order_by(*(column.desc() if newest_first else column.asc() for column in order))
    count, has_more = fitting(connection, query, [each for each in table.c if isinstance(each.type, JSON)], limit)
    return Page([dict(row) for row in connection.execute(query.limit(count)).mappings()], has_more)


def fitting(connection: Connection, query: Select[Any], columns: Sequence[Column[Any]], limit: int) -> tuple[int, bool]:
    """How many rows of a query a page has, and whether more follow.

    Clients choose how long what they store is, so that a page ends before `limit` where its rows would take too much
    memory. It has one row at least.

    Args:
        columns: those with JSON.
    """
    lengths = connection.scalars(query.with_only_columns(length(*columns)).limit(limit + 1)).all()
    room = sum(end <= MAX_CHARACTERS for end in accumulate(lengths[:limit]))
    count = min(limit, max(1, room))
    return count, len(lengths) > count


def length(*columns: Column[Any]) -> ColumnElement[int]:
    """The characters that columns of JSON have in a row, which the database counts."""
    return sum((func.coalesce(func.length(cast(each, Text)), 0) for each in columns), literal(0))


def page_by_id(
    connection: Connection, table: Table, conditions: list[ColumnElement[bool]], *, after: int | None, limit: int
) -> Page[Any]:
    """Up to `limit` rows with ids below `after`, newest first, of a table whose ids count up."""
    query = select(table).where(*conditions)
    if after is not None:
        query = query.where(table.c.id < after)
    found = [dict(row) for row in connection.execute(query.order_by(table.c.id.desc()).limit(limit + 1)).mappings()]
    return Page(found[:limit], len(found) > limit)


def has_metadata(table: Table, metadata: Mapping[str, str] | None) -> list[ColumnElement[bool]]:
    """Conditions on the text values of a table's `metadata`; None for rows without any.

    Raises:
        UsageError: a key has characters that no path into JSON can name.
    """
    if metadata is None:
        return [table.c.metadata.is_(null())]
    if invalid := [key for key in metadata if '"' in key or not key.isprintable()]:
        raise UsageError(f"metadata key {invalid[0]!r}: a filter takes keys of printable characters without quotes")
    return [table.c.metadata[key].as_string() == value for key, value in metadata.items()]
