"""Conversations, whose items responses continue and extend."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.responses import Conversation
from fine_tuning.store.records.rows import record

_table, _items = tables.conversations, tables.response_items


def add(connection: Connection, project: str, conversation_id: str, metadata: Mapping[str, str]) -> Conversation:
    """Record a conversation without items."""
    row: Conversation = {
        "id": conversation_id,
        "project": project,
        "metadata": dict(metadata),
        "created_at": now(),
    }
    connection.execute(_table.insert().values(**row))
    return row


def get(connection: Connection, project: str, conversation_id: str) -> Conversation | None:
    """A conversation of a project, or None."""
    query = select(_table).where(_table.c.project == project, _table.c.id == conversation_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(Conversation, row)


def set_metadata(connection: Connection, conversation_id: str, metadata: Mapping[str, str]) -> None:
    """Replace the metadata."""
    connection.execute(update(_table).where(_table.c.id == conversation_id).values(metadata=dict(metadata)))


def remove(connection: Connection, conversation_id: str) -> None:
    """Delete a conversation and its items, but those of a stored response."""
    is_own = _items.c.conversation_id == conversation_id
    connection.execute(delete(_items).where(is_own, _items.c.response_id.is_(None)))
    connection.execute(update(_items).where(is_own).values(conversation_id=None))
    connection.execute(delete(_table).where(_table.c.id == conversation_id))
