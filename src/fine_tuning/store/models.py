"""Model versions and the append-only history of their deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from fine_tuning import checks
from fine_tuning.store import tables
from fine_tuning.store.types import iso, now
from fine_tuning.store.upsert import insert

_table = tables.model_versions
_columns = _table.c
_HIDDEN = {"id", "job_ref", "artifact_id"}


def register(connection: Connection, version: Mapping[str, Any], *, actor: str, number: int | None = None) -> int:
    """Add a version (gap-free numbers unless `number` is given, as in an import). Returns the number."""
    name = version["model_name"]
    _lock(connection, name)
    if number is None:
        number = 1 + (connection.scalar(select(func.max(_columns.version)).where(_columns.model_name == name)) or 0)
    values = {"registered_at": now(), **version, "version": number}
    values["job_ref"] = connection.scalar(select(tables.jobs.c.id).where(tables.jobs.c.id == version["job_id"]))
    created = connection.execute(_table.insert().values(**values))
    row_id: int = created.inserted_primary_key[0]  # type: ignore[index]
    _log(connection, row_id, None, version["status"], actor, "registered")
    return number


def set_status(
    connection: Connection,
    name: str,
    version: int,
    status: str,
    *,
    actor: str,
    reason: str,
    experiment: str | None = None,
) -> None:
    """Move a version to a status; deploying one archives the one deployed before, in the same transaction."""
    _lock(connection, name)
    if status == "DEPLOYED":
        deployed = select(_columns.id).where(
            _columns.model_name == name, _columns.status == "DEPLOYED", _columns.version != version
        )
        for row_id in connection.scalars(deployed).all():
            connection.execute(update(_table).where(_columns.id == row_id).values(status="ARCHIVED"))
            _log(connection, row_id, "DEPLOYED", "ARCHIVED", actor, f"version {version} was deployed", experiment)
    chosen = select(_columns.id, _columns.status).where(_columns.model_name == name, _columns.version == version)
    row_id, before = connection.execute(chosen).one()
    deployed_at = {"deployed_at": now()} if status == "DEPLOYED" else {}
    connection.execute(update(_table).where(_columns.id == row_id).values(status=status, **deployed_at))
    _log(connection, row_id, before, status, actor, reason, experiment)


def set_accuracy(connection: Connection, name: str, version: int, accuracy: float | None) -> bool:
    """Note a measured accuracy; False where there is no such version."""
    changed = connection.execute(
        update(_table).where(_columns.model_name == name, _columns.version == version).values(accuracy=accuracy)
    )
    return changed.rowcount == 1


def get(connection: Connection, name: str, version: int | None = None) -> dict[str, Any] | None:
    """One version, the latest if none is named; None where there is none."""
    if version is not None and (not isinstance(version, int) or version > checks.LARGEST_COUNT):
        return None
    query = select(_table).where(_columns.model_name == name).order_by(_columns.version.desc()).limit(1)
    if version is not None:
        query = query.where(_columns.version == version)
    row = connection.execute(query).one_or_none()
    return None if row is None else _record(row)


def deployed(connection: Connection, name: str) -> dict[str, Any] | None:
    """The deployed version of a model, or None."""
    query = select(_table).where(_columns.model_name == name, _columns.status == "DEPLOYED")
    row = connection.execute(query).one_or_none()
    return None if row is None else _record(row)


def versions(connection: Connection, name: str | None = None) -> list[dict[str, Any]]:
    """Versions of one model, or of all, in ascending order."""
    query = select(_table).order_by(_columns.model_name, _columns.version)
    if name is not None:
        query = query.where(_columns.model_name == name)
    return [_record(row) for row in connection.execute(query)]


def names(connection: Connection) -> list[str]:
    """Every registered model name."""
    return list(connection.scalars(select(tables.models.c.name).order_by(tables.models.c.name)))


def deployed_names(connection: Connection) -> list[str]:
    """Every model name that has a deployed version."""
    return list(connection.scalars(select(_columns.model_name).where(_columns.status == "DEPLOYED")))


def version_id(connection: Connection, name: str, version: int | None) -> int | None:
    """The key of a version's row (for foreign keys); of the latest when `version` is None."""
    query = select(_columns.id).where(_columns.model_name == name).order_by(_columns.version.desc()).limit(1)
    if version is not None:
        query = query.where(_columns.version == version)
    return connection.scalar(query)


def history(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Every change of status of a model's versions, oldest first."""
    table = tables.deployment_events
    query = (
        select(
            _columns.version, table.c.from_status, table.c.to_status, table.c.actor, table.c.reason, table.c.created_at
        )
        .join(_table, table.c.model_version_id == _columns.id)
        .where(_columns.model_name == name)
        .order_by(table.c.id)
    )
    return [{**row, "created_at": iso(row["created_at"])} for row in connection.execute(query).mappings()]


def _lock(connection: Connection, name: str) -> None:
    """Serialise writers of one model (SQLite already has a single writer)."""
    statement = insert(connection, tables.models).values(name=name, created_at=now())
    connection.execute(statement.on_conflict_do_nothing())
    connection.execute(select(tables.models.c.name).where(tables.models.c.name == name).with_for_update())


def _log(
    connection: Connection,
    row_id: int,
    before: str | None,
    after: str,
    actor: str,
    reason: str,
    experiment: str | None = None,
) -> None:
    event = {"model_version_id": row_id, "from_status": before, "to_status": after, "actor": actor, "reason": reason}
    connection.execute(tables.deployment_events.insert().values(**event, experiment_id=experiment, created_at=now()))


def _record(row: Row[Any]) -> dict[str, Any]:
    record = {key: value for key, value in row._mapping.items() if key not in _HIDDEN}
    return record | {"registered_at": iso(record["registered_at"]), "deployed_at": iso(record["deployed_at"])}
