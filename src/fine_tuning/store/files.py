"""Uploaded training files."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, or_, select, update

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.paging import Page
from fine_tuning.store.records.files import NewFile, StoredFile
from fine_tuning.store.records.rows import record, records

_table = tables.files


def add(connection: Connection, file: NewFile) -> None:
    """Record a file before it is sent."""
    connection.execute(_table.insert().values(**file, created_at=now()))


def replace_bytes(connection: Connection, file_id: str, values: Mapping[str, object]) -> None:
    """Store the new path, size and hash of a file that was downloaded again."""
    kept = {name: values[name] for name in ("path", "bytes", "sha256")}
    connection.execute(update(_table).where(_table.c.id == file_id).values(**kept))


def set_provider_id(connection: Connection, file_id: str, provider_file_id: str) -> None:
    """Store the id that a host gave the file."""
    connection.execute(update(_table).where(_table.c.id == file_id).values(provider_file_id=provider_file_id))


def set_dataset(connection: Connection, file_id: str, dataset_id: int) -> None:
    """Link the file to the dataset whose content it has."""
    connection.execute(update(_table).where(_table.c.id == file_id).values(dataset_id=dataset_id))


def get(connection: Connection, file_id: str) -> StoredFile | None:
    """A file by our id or by the host's, or None."""
    query = (
        select(_table)
        .where(or_(_table.c.id == file_id, _table.c.provider_file_id == file_id))
        .order_by(_table.c.created_at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(StoredFile, row)


def in_project(connection: Connection, project: str, file_id: str) -> StoredFile | None:
    """A file that a project can still read, or None."""
    row = connection.execute(select(_table).where(*_readable(project), _table.c.id == file_id)).mappings().one_or_none()
    return None if row is None else record(StoredFile, row)


def page(
    connection: Connection, project: str, *, purpose: str | None, after: str | None, limit: int, newest_first: bool
) -> Page[StoredFile]:
    """A project's files; see `paging.page`."""
    conditions = [*_readable(project)] + ([_table.c.purpose == purpose] if purpose else [])
    scope = [_table.c.project == project, _table.c.provider == "local"]
    return paging.page(connection, _table, conditions, after=after, limit=limit, newest_first=newest_first, scope=scope)


def _readable(project: str) -> list[ColumnElement[bool]]:
    columns = _table.c
    kept = or_(columns.expires_at.is_(None), columns.expires_at > now())
    return [columns.project == project, columns.provider == "local", columns.deleted_at.is_(None), kept]


def mark_deleted(connection: Connection, file_id: str) -> bool:
    """Record that a file's bytes are deleted; False when they were deleted before."""
    changed = connection.execute(
        update(_table).where(_table.c.id == file_id, _table.c.deleted_at.is_(None)).values(deleted_at=now())
    )
    return changed.rowcount == 1


def expired(connection: Connection) -> list[StoredFile]:
    """Files past their expiry time whose bytes are still stored."""
    query = select(_table).where(_table.c.deleted_at.is_(None), _table.c.expires_at <= now())
    return records(StoredFile, connection.execute(query).mappings())
