"""Items of responses and conversations: messages, function calls and their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select

from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.paging import Page, fitting, length
from fine_tuning.store.records.rows import JsonColumn

Conditions = list[ColumnElement[bool]]
_table = tables.response_items


class Owner(NamedTuple):
    """What new items belong to: a response, a conversation, or both."""

    project: str
    response_id: str | None = None
    conversation_id: str | None = None


def add(connection: Connection, owner: Owner, items: Sequence[JsonColumn], *, is_output: bool = False) -> None:
    """Add items, each with its own `id`, in order."""
    if items:
        shared = {**owner._asdict(), "is_output": is_output, "created_at": now()}
        rows = [{**shared, "item_id": item["id"], "item": item} for item in items]
        connection.execute(_table.insert(), rows)


def input_of(response_id: str) -> Conditions:
    """The conditions of the items that a response was sent."""
    return [_table.c.response_id == response_id, _table.c.is_output.is_(False)]


def of_conversation(conversation_id: str) -> Conditions:
    """The conditions of the items of a conversation."""
    return [_table.c.conversation_id == conversation_id]


def ids(connection: Connection, conditions: Conditions) -> Sequence[str]:
    """The ids of the items under these conditions."""
    return connection.scalars(select(_table.c.item_id).where(*conditions)).all()


def listed(connection: Connection, conditions: Conditions) -> list[JsonColumn]:
    """The items under these conditions, oldest first.

    Raises:
        UsageError: they are too long; see `whole`.
    """
    return whole(connection, select(_table.c.item).where(*conditions).order_by(_table.c.id))


def whole(connection: Connection, query: Select[tuple[JsonColumn]]) -> list[JsonColumn]:
    """All items that a query finds.

    Raises:
        UsageError: they are too long: requests add to a conversation without end, and each that continues it reads it.
    """
    _check_length(connection, query)
    return list(connection.scalars(query))


def check_length(connection: Connection, conditions: Conditions) -> None:
    """Check that the items under these conditions may be read at once.

    Raises:
        UsageError: they are too long.
    """
    _check_length(connection, select(_table.c.item).where(*conditions))


def _check_length(connection: Connection, query: Select[tuple[JsonColumn]]) -> None:
    total = connection.scalar(query.with_only_columns(func.sum(length(_table.c.item))).order_by(None)) or 0
    if total > paging.MAX_CHARACTERS:
        raise UsageError(
            f"the conversation has {total:,} characters, and one is continued with up to {paging.MAX_CHARACTERS:,}; "
            "begin a new one"
        )


def page(
    connection: Connection,
    conditions: Conditions,
    *,
    after: str | None,
    limit: int,
    newest_first: bool,
) -> Page[JsonColumn]:
    """Up to `limit` items that follow the item with the id `after`; see `paging.fitting`.

    Raises:
        NotFoundError: no item under these conditions has the id `after`.
    """
    query = select(_table.c.item).where(*conditions)
    if after is not None:
        last = connection.scalar(select(_table.c.id).where(*conditions, _table.c.item_id == after))
        if last is None:
            raise NotFoundError(f"no item {after} to continue after")
        query = query.where(_table.c.id < last if newest_first else _table.c.id > last)
    query = query.order_by(_table.c.id.desc() if newest_first else _table.c.id)
    count, has_more = fitting(connection, query, [_table.c.item], limit)
    return Page(list(connection.scalars(query.limit(count))), has_more)


def find(connection: Connection, project: str, item_id: str, conversation_id: str | None = None) -> JsonColumn | None:
    """The newest item of a project, or of one of its conversations, with this id; None if there is none."""
    found = find_with_length(connection, project, item_id, conversation_id)
    return None if found is None else found[0]


def find_with_length(
    connection: Connection, project: str, item_id: str, conversation_id: str | None = None
) -> tuple[JsonColumn, int] | None:
    """As `find`, with the characters that the item has in the database."""
    query = select(_table.c.item, length(_table.c.item))
    query = query.where(_table.c.project == project, _table.c.item_id == item_id)
    if conversation_id is not None:
        query = query.where(*of_conversation(conversation_id))
    row = connection.execute(query.order_by(_table.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else (row[0], row[1])


def remove(connection: Connection, conversation_id: str, item_id: str) -> bool:
    """Delete an item of a conversation; False if there is none. That of a response stays with the response."""
    is_item = (_table.c.conversation_id == conversation_id, _table.c.item_id == item_id)
    kept = connection.execute(
        _table.update().where(*is_item, _table.c.response_id.is_not(None)).values(conversation_id=None)
    )
    return kept.rowcount + connection.execute(delete(_table).where(*is_item)).rowcount > 0
