"""Files that arrive in parts."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.files import Upload, UploadPart
from fine_tuning.store.records.rows import record, records

_table = tables.uploads
_parts = tables.upload_parts


def add(connection: Connection, upload: Upload) -> None:
    """Record a new upload, which is pending."""
    connection.execute(_table.insert().values(**{**upload, "status": "pending"}))


def get(connection: Connection, project: str, upload_id: str, *, lock: bool = False) -> Upload | None:
    """An upload of a project, or None; a pending one past its expiry time is "expired"."""
    query = select(_table).where(_table.c.id == upload_id, _table.c.project == project)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        return None
    upload = record(Upload, row)
    if upload["status"] == "pending" and upload["expires_at"] <= now():
        upload["status"] = "expired"
    return upload


def end(connection: Connection, upload_id: str, status: str, file_id: str | None = None) -> bool:
    """Complete or cancel a pending upload; False when it had ended before."""
    ended = connection.execute(
        update(_table)
        .where(_table.c.id == upload_id, _table.c.status == "pending")
        .values(status=status, file_id=file_id)
    )
    return ended.rowcount == 1


def add_part(connection: Connection, part: UploadPart) -> None:
    """Record a part whose bytes are on disk."""
    connection.execute(_parts.insert().values(**part))


def parts(connection: Connection, upload_id: str) -> dict[str, UploadPart]:
    """The parts of an upload, by id."""
    found = connection.execute(select(_parts).where(_parts.c.upload_id == upload_id)).mappings()
    return {part["id"]: part for part in records(UploadPart, found)}


def part_paths(connection: Connection) -> set[str]:
    """The files of all parts."""
    return set(connection.execute(select(_parts.c.path)).scalars())


def remove_parts(connection: Connection, upload_id: str) -> None:
    """Delete the records of the parts of an upload that has ended."""
    connection.execute(_parts.delete().where(_parts.c.upload_id == upload_id))


def overdue(connection: Connection) -> list[Upload]:
    """Pending uploads past their expiry time."""
    query = select(_table).where(_table.c.status == "pending", _table.c.expires_at <= now())
    return records(Upload, connection.execute(query).mappings())
