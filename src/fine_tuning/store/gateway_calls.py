"""Calls that the gateway passed on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from fine_tuning.store import tables
from fine_tuning.store.records.gateway_calls import GatewayCall
from fine_tuning.store.records.rows import records

_table = tables.gateway_calls


def known(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these calls are stored."""
    return set(connection.scalars(select(_table.c.id).where(_table.c.id.in_(ids))))


def add(connection: Connection, calls: Sequence[GatewayCall]) -> None:
    """Store new calls."""
    if calls:
        connection.execute(_table.insert(), [dict(call) for call in calls])


def newest(connection: Connection, project: str | None = None, limit: int = 100) -> list[GatewayCall]:
    """The newest calls first; of all projects where none is given."""
    query = select(_table).order_by(_table.c.started_at.desc(), _table.c.id.desc()).limit(limit)
    if project is not None:
        query = query.where(_table.c.project == project)
    return records(GatewayCall, connection.execute(query).mappings())
