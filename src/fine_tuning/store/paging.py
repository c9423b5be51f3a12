"""Pages of a list by the last id seen, which stay right while rows are added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, null, select, tuple_

from fine_tuning.errors import NotFoundError, UsageError


class Page(NamedTuple):
    """Rows in order, and whether more follow."""

    rows: list[dict[str, Any]]
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
) -> Page:
    """Up to `limit` rows that follow the row with id `after`, by time of creation and then id.

    Args:
        scope: what `after` has to fulfil instead of `conditions`: it may have been deleted since the page before.

    Raises:
        NotFoundError: no row under these conditions has the id `after`.
    """
    order = (table.c.created_at, table.c.id)
    query = select(table).where(*conditions)
    if after is not None:
        last = connection.execute(select(*order).where(*(scope or conditions), table.c.id == after)).one_or_none()
        if last is None:
            raise NotFoundError(f"no item {after} to go on after")
        position = tuple_(*order)
        query = query.where(position < tuple(last) if newest_first else position > tuple(last))
    query = query.order_by(*(column.desc() if newest_first else column.asc() for column in order)).limit(limit + 1)
    found = [dict(row) for row in connection.execute(query).mappings()]
    return Page(found[:limit], len(found) > limit)


def page_by_id(
    connection: Connection, table: Table, conditions: list[ColumnElement[bool]], *, after: int | None, limit: int
) -> Page:
    """Up to `limit` rows with ids below `after`, newest first, of a table whose ids count up."""
    query = select(table).where(*conditions)
    if after is not None:
        query = query.where(table.c.id < after)
    found = [dict(row) for row in connection.execute(query.order_by(table.c.id.desc()).limit(limit + 1)).mappings()]
    return Page(found[:limit], len(found) > limit)


def has_metadata(table: Table, wanted: Mapping[str, str] | None) -> list[ColumnElement[bool]]:
    """Conditions on the text values of a table's `metadata`; None for rows without any.

    Raises:
        UsageError: a key has characters that no path into JSON can name.
    """
    if wanted is None:
        return [table.c.metadata.is_(null())]
    if odd := [key for key in wanted if '"' in key or not key.isprintable()]:
        raise UsageError(f"metadata key {odd[0]!r}: a filter takes keys of printable characters without quotes")
    return [table.c.metadata[key].as_string() == value for key, value in wanted.items()]
