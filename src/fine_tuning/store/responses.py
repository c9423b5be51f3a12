"""Responses that clients stored, each of which may continue another one."""

from __future__ import annotations

from sqlalchemy import Connection, Select, delete, literal, select, update

from fine_tuning.errors import NotFoundError
from fine_tuning.store import response_items, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.responses import NewResponse, StoredResponse
from fine_tuning.store.records.rows import JsonColumn, record

_table, _items = tables.responses, tables.response_items


def add(connection: Connection, response: NewResponse) -> None:
    """Record a response; its items are added apart."""
    connection.execute(_table.insert().values(**response, created_at=now()))


def get(connection: Connection, project: str, response_id: str) -> StoredResponse | None:
    """A stored response of a project, or None."""
    query = select(_table).where(_table.c.project == project, _table.c.id == response_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(StoredResponse, row)


def remove(connection: Connection, response_id: str) -> None:
    """Delete a response and its items, but those of a conversation; its captured example stays."""
    is_own = _items.c.response_id == response_id
    connection.execute(delete(_items).where(is_own, _items.c.conversation_id.is_(None)))
    connection.execute(update(_items).where(is_own).values(response_id=None))
    connection.execute(delete(_table).where(_table.c.id == response_id))


def chain_items(connection: Connection, project: str, response_id: str) -> list[JsonColumn]:
    """The items of a response and of all that it continues, inputs and outputs, oldest first.

    Raises:
        NotFoundError: one of these responses does not exist; its message is the id.
        UsageError: the items are too long; see `response_items.whole`.
    """
    chain = _chain(project, response_id).cte("chain", recursive=True)
    earlier = select(_table.c.id, _table.c.previous_response_id, chain.c.depth + 1).where(
        _table.c.id == chain.c.previous_response_id, _table.c.project == project
    )
    chain = chain.union_all(earlier)
    links = connection.execute(select(chain.c.id, chain.c.previous_response_id).order_by(chain.c.depth)).all()
    missing = links[-1].previous_response_id if links else response_id
    if missing is not None:
        raise NotFoundError(missing)
    query = select(_items.c.item).join(chain, _items.c.response_id == chain.c.id)
    return response_items.whole(connection, query.order_by(chain.c.depth.desc(), _items.c.id))


def _chain(project: str, response_id: str) -> Select[tuple[str, str | None, int]]:
    return select(_table.c.id, _table.c.previous_response_id, literal(0).label("depth")).where(
        _table.c.id == response_id, _table.c.project == project
    )
