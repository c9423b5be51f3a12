"""Frozen data sets: what is in them, what made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now

_table = tables.datasets
_WHOLE = _table.c.recipe["part_of"].as_string().is_(None)  # not a part of another one


def freeze(connection: Connection, dataset: Mapping[str, Any], example_ids: Iterable[str]) -> int:
    """Record a written data set (name, content_hash, format, path, rows, recipe) and its members. Returns its id.

    Ids that are not in the store (examples that were never captured) are no members.
    """
    created = connection.execute(tables.datasets.insert().values(**dataset, created_at=now()))
    dataset_id: int = created.inserted_primary_key[0]  # type: ignore[index]
    wanted = set(example_ids)
    if wanted:
        known = select(tables.examples.c.id).where(tables.examples.c.id.in_(wanted))
        members = [{"dataset_id": dataset_id, "example_id": member} for member in connection.scalars(known)]
        if members:
            connection.execute(tables.dataset_examples.insert(), members)
    return dataset_id


def newest_at(connection: Connection, path: str) -> dict[str, Any] | None:
    """The newest data set that was written to a path, or None."""
    query = select(_table).where(_table.c.path == path).order_by(_table.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def move(connection: Connection, path: str, to: str, content_hash: str) -> None:
    """Note the new path of the data sets with this content that were at `path`."""
    at = (_table.c.path == path, _table.c.content_hash == content_hash)
    connection.execute(update(_table).where(*at).values(path=to))


def find_by_hash(connection: Connection, content_hash: str) -> dict[str, Any] | None:
    """The newest data set with this content, or None."""
    query = select(_table).where(_table.c.content_hash == content_hash).order_by(_table.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else {**row, "created_at": iso(row["created_at"])}


def newest(connection: Connection, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """The newest data sets first; the parts of one are not listed by themselves."""
    query = select(_table).where(_WHOLE).order_by(_table.c.id.desc()).limit(limit).offset(offset)
    return [{**row, "created_at": iso(row["created_at"])} for row in connection.execute(query).mappings()]


def count(connection: Connection) -> int:
    """How many there are."""
    return connection.scalar(select(func.count()).select_from(_table).where(_WHOLE)) or 0


def newest_files(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The newest files that can be trained on: name, part ("all" of a data set of one file), rows, path."""
    part = _table.c.recipe["part"].as_string()
    query = select(_table.c.name, part.label("part"), _table.c.rows, _table.c.path, _table.c.recipe)
    found = connection.execute(query.order_by(_table.c.id.desc()).limit(limit)).mappings()
    return [
        {"name": row["name"], "part": row["part"] or "all", "rows": row["rows"], "path": row["path"]}
        for row in found
        if row["part"] or "parts" not in row["recipe"]
    ]


def find(connection: Connection, name: str) -> dict[str, Any] | None:
    """The newest data set with this name, or whose hash begins so (also without its `sha256:`); None without one."""
    begins = [_table.c.content_hash.startswith(prefix + name, autoescape=True) for prefix in ("", "sha256:")]
    query = select(_table).where(_WHOLE, or_(_table.c.name == name, *begins)).order_by(_table.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else {**row, "created_at": iso(row["created_at"])}


def get(connection: Connection, dataset_id: int | None) -> dict[str, Any] | None:
    """A data set by its key, or None."""
    row = connection.execute(select(_table).where(_table.c.id == dataset_id)).mappings().one_or_none()
    return None if row is None else {**row, "created_at": iso(row["created_at"])}


def member_count(connection: Connection, dataset_id: int) -> int:
    """How many captured examples are in a data set."""
    table = tables.dataset_examples
    found = connection.scalar(select(func.count()).select_from(table).where(table.c.dataset_id == dataset_id))
    return int(found or 0)


def members(connection: Connection, dataset_id: int) -> list[str]:
    """Ids of the captured examples in a data set."""
    table = tables.dataset_examples
    return list(connection.scalars(select(table.c.example_id).where(table.c.dataset_id == dataset_id)))
