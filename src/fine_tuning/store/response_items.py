"""Items of responses and conversations: messages, function calls and their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, select

from fine_tuning.errors import NotFoundError
from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.paging import Page
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


def listed(connection: Connection, conditions: Conditions) -> list[JsonColumn]:
    """The items under these conditions, oldest first."""
    return list(connection.scalars(select(_table.c.item).where(*conditions).order_by(_table.c.id)))


def page(
    connection: Connection,
    conditions: Conditions,
    *,
    after: str | None,
    limit: int,
    newest_first: bool,
) -> Page[JsonColumn]:
    """Up to `limit` items that follow the item with the id `after`.

    Raises:
        NotFoundError: no item under these conditions has the id `after`.
    """
    query = select(_table.c.item).where(*conditions)
    if after is not None:
        last = connection.scalar(select(_table.c.id).where(*conditions, _table.c.item_id == after))
        if last is None:
            raise NotFoundError(f"no item {after} to continue after")
        query = query.where(_table.c.id < last if newest_first else _table.c.id > last)
    query = query.order_by(_table.c.id.desc() if newest_first else _table.c.id).limit(limit + 1)
    found = list(connection.scalars(query))
    return Page(found[:limit], len(found) > limit)


def find(connection: Connection, project: str, item_id: str, conversation_id: str | None = None) -> JsonColumn | None:
    """The newest item of a project, or of one of its conversations, with this id; None if there is none."""
    query = select(_table.c.item).where(_table.c.project == project, _table.c.item_id == item_id)
    if conversation_id is not None:
        query = query.where(*of_conversation(conversation_id))
    item: JsonColumn | None = connection.scalar(query.order_by(_table.c.id.desc()).limit(1))
    return item


def remove(connection: Connection, conversation_id: str, item_id: str) -> bool:
    """Delete an item of a conversation; False if there is none. That of a response stays with the response."""
    is_item = (_table.c.conversation_id == conversation_id, _table.c.item_id == item_id)
    kept = connection.execute(
        _table.update().where(*is_item, _table.c.response_id.is_not(None)).values(conversation_id=None)
    )
    return kept.rowcount + connection.execute(delete(_table).where(*is_item)).rowcount > 0
