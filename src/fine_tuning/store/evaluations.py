"""Evaluations and their per-example results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from fine_tuning.store import model_versions, tables
from fine_tuning.store.column_types import iso, now

_table = tables.evaluations


def add(connection: Connection, evaluation: Mapping[str, Any], results: Sequence[Mapping[str, Any]]) -> int:
    """Store an evaluation and one row per example. Returns its id.

    It is linked to the registered version that `metadata["version"]` names, else to the latest of that model.
    """
    version = evaluation["metadata"].get("version")
    linked = model_versions.version_id(
        connection, evaluation["model_name"], version if isinstance(version, int) else None
    )
    created = connection.execute(_table.insert().values(**evaluation, model_version_id=linked, created_at=now()))
    evaluation_id: int = created.inserted_primary_key[0]  # type: ignore[index]
    if results:
        rows = [{"evaluation_id": evaluation_id, "ordinal": i, **result} for i, result in enumerate(results, 1)]
        connection.execute(tables.evaluation_results.insert(), rows)
    return evaluation_id


def all_evaluations(connection: Connection) -> list[dict[str, Any]]:
    """Every evaluation, oldest first."""
    rows = connection.execute(select(_table).order_by(_table.c.id)).mappings()
    return [{**row, "created_at": iso(row["created_at"])} for row in rows]


def get(connection: Connection, evaluation_id: int) -> dict[str, Any] | None:
    """One evaluation, or None."""
    return _one(connection, select(_table).where(_table.c.id == evaluation_id))


def latest(connection: Connection, model_name: str) -> dict[str, Any] | None:
    """A model's last evaluation, or None."""
    return _one(
        connection, select(_table).where(_table.c.model_name == model_name).order_by(_table.c.id.desc()).limit(1)
    )


def of_model(connection: Connection, model_name: str) -> list[dict[str, Any]]:
    """The evaluations under a model's name, oldest first."""
    rows = connection.execute(select(_table).where(_table.c.model_name == model_name).order_by(_table.c.id))
    return [{**row, "created_at": iso(row["created_at"])} for row in rows.mappings()]


def of_version(connection: Connection, model_name: str, version: int) -> list[dict[str, Any]]:
    """The evaluations of a registered version, oldest first."""
    row_id = model_versions.version_id(connection, model_name, version)
    rows = connection.execute(select(_table).where(_table.c.model_version_id == row_id).order_by(_table.c.id))
    return [{**row, "created_at": iso(row["created_at"])} for row in rows.mappings()]


def names(connection: Connection) -> list[str]:
    """Every model that was evaluated."""
    return list(connection.scalars(select(_table.c.model_name).distinct().order_by(_table.c.model_name)))


def _one(connection: Connection, query: Any) -> dict[str, Any] | None:
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else {**row, "created_at": iso(row["created_at"])}


def results(connection: Connection, evaluation_id: int) -> list[dict[str, Any]]:
    """The per-example rows of an evaluation, in order."""
    table = tables.evaluation_results
    query = select(table).where(table.c.evaluation_id == evaluation_id).order_by(table.c.ordinal)
    return [dict(row) for row in connection.execute(query).mappings()]
