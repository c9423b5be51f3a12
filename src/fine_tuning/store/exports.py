"""Exports of models: target, path and parity."""

from __future__ import annotations

from sqlalchemy import Connection, select

from fine_tuning.store import model_versions, tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.records.exports import Export, NewExport
from fine_tuning.store.records.rows import record

_table, _versions = tables.exports, tables.model_versions


def add(connection: Connection, export: NewExport, name: str | None, version: int | None) -> None:
    """Record an export, of a version where it is of one."""
    version_id = model_versions.version_id(connection, name, version) if name is not None else None
    connection.execute(_table.insert().values(**export, model_version_id=version_id, created_at=now()))


def of_version(connection: Connection, name: str, version: int) -> list[Export]:
    """The exports of a version, oldest first."""
    return [each for each in of_model(connection, name) if each["version"] == version]


def of_model(connection: Connection, name: str) -> list[Export]:
    """The exports of all versions of a model, oldest first."""
    columns = [column for column in _table.c if column.name != "model_version_id"]
    query = select(_versions.c.version, *columns).join(_versions, _table.c.model_version_id == _versions.c.id)
    found = connection.execute(query.where(_versions.c.model_name == name).order_by(_table.c.id)).mappings()
    return [record(Export, {**row, "created_at": iso(row["created_at"])}) for row in found]
