"""Uploaded training files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select, update

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.paging import Page
from fine_tuning.store.records import StoredFile

_table = tables.files


def add(connection: Connection, file: Mapping[str, Any]) -> None:
    """Record a file before it is sent."""
    connection.execute(_table.insert().values(**file, created_at=now()))


def renew(connection: Connection, file_id: str, values: Mapping[str, Any]) -> None:
    """Note where a file's bytes are now."""
    kept = {name: values[name] for name in ("path", "bytes", "sha256")}
    connection.execute(update(_table).where(_table.c.id == file_id).values(**kept))


def set_provider_id(connection: Connection, file_id: str, provider_file_id: str) -> None:
    """Note the id a host gave the file."""
    connection.execute(update(_table).where(_table.c.id == file_id).values(provider_file_id=provider_file_id))


def set_dataset(connection: Connection, file_id: str, dataset_id: int) -> None:
    """Link the file to the data set whose content it has."""
    connection.execute(update(_table).where(_table.c.id == file_id).values(dataset_id=dataset_id))


def get(connection: Connection, file_id: str) -> dict[str, Any] | None:
    """A file by our id or by the host's, or None."""
    query = (
        select(_table)
        .where(or_(_table.c.id == file_id, _table.c.provider_file_id == file_id))
        .order_by(_table.c.created_at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def in_project(connection: Connection, project: str, file_id: str) -> dict[str, Any] | None:
    """A file that a project can still read, or None."""
    row = connection.execute(select(_table).where(*_readable(project), _table.c.id == file_id)).mappings().one_or_none()
    return None if row is None else dict(row)


def page(
    connection: Connection, project: str, *, purpose: str | None, after: str | None, limit: int, newest_first: bool
) -> Page[StoredFile]:
    """A project's files; see `paging.page`."""
    wanted = [*_readable(project)] + ([_table.c.purpose == purpose] if purpose else [])
    scope = [_table.c.project == project, _table.c.provider == "local"]
    return paging.page(connection, _table, wanted, after=after, limit=limit, newest_first=newest_first, scope=scope)


def _readable(project: str) -> list[ColumnElement[bool]]:
    columns = _table.c
    kept = or_(columns.expires_at.is_(None), columns.expires_at > now())
    return [columns.project == project, columns.provider == "local", columns.deleted_at.is_(None), kept]


def mark_deleted(connection: Connection, file_id: str) -> bool:
    """Note that the bytes of a file are gone; False when they were before."""
    changed = connection.execute(
        update(_table).where(_table.c.id == file_id, _table.c.deleted_at.is_(None)).values(deleted_at=now())
    )
    return changed.rowcount == 1


def expired(connection: Connection) -> list[dict[str, Any]]:
    """Files that have outlived their time and still have bytes."""
    query = select(_table).where(_table.c.deleted_at.is_(None), _table.c.expires_at <= now())
    return [dict(row) for row in connection.execute(query).mappings()]
