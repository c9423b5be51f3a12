"""What was exported of models: for whom, where to, and how it compared with the trainer's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from fine_tuning.store import model_versions, tables
from fine_tuning.store.column_types import iso, now

_table, _versions = tables.exports, tables.model_versions


def add(connection: Connection, export: Mapping[str, Any], name: str | None, version: int | None) -> None:
    """Keep an export: job_id, target, quantization, path, sha256, parity; of a version, if it is of one."""
    version_id = model_versions.version_id(connection, name, version) if name is not None else None
    connection.execute(_table.insert().values(**export, model_version_id=version_id, created_at=now()))


def of_version(connection: Connection, name: str, version: int) -> list[dict[str, Any]]:
    """The exports of a version, oldest first."""
    return [each for each in of_model(connection, name) if each.pop("version") == version]


def of_model(connection: Connection, name: str) -> list[dict[str, Any]]:
    """The exports of all versions of a model, oldest first, each with its version."""
    query = select(_versions.c.version, _table).join(_versions, _table.c.model_version_id == _versions.c.id)
    hidden = {"model_version_id"}
    return [
        {key: value for key, value in row.items() if key not in hidden} | {"created_at": iso(row["created_at"])}
        for row in connection.execute(query.where(_versions.c.model_name == name).order_by(_table.c.id)).mappings()
    ]
