"""Model versions: numbered without gaps, at most one of a model deployed, every change of status recorded."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select, update

from fine_tuning._util import checks
from fine_tuning._util.model_names import version_name
from fine_tuning.errors import ConflictError
from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.records.job_results import Artifact
from fine_tuning.store.records.model_versions import ModelVersion, NewModelVersion
from fine_tuning.store.records.rows import record, records
from fine_tuning.store.upsert import insert

# From each status to those that may follow.
MOVES = {
    "TRAINING": ("READY", "FAILED"),
    "READY": ("DEPLOYED", "ARCHIVED", "FAILED"),
    "DEPLOYED": ("READY", "ARCHIVED"),
    "ARCHIVED": ("DEPLOYED", "READY"),
    "FAILED": ("TRAINING", "ARCHIVED"),
}
_REPLACED = re.compile(r"version \d+ was deployed")
ROLLBACK = "rollback"  # the reason of a deployment that goes back
QUANTIZATION = "quantization"  # in the metadata of a version whose weights are its job's in fewer bits
_table = tables.model_versions
_columns = _table.c
_HIDDEN = {"id", "job_ref", "artifact_id"}

# Built once: building a statement costs more than running it.
_OF_NAME = select(_table).where(_columns.model_name == bindparam("name"))
_LATEST = _OF_NAME.order_by(_columns.version.desc()).limit(1)
_NUMBERED = _OF_NAME.where(_columns.version == bindparam("number"))
_DEPLOYED = _OF_NAME.where(_columns.status == "DEPLOYED")
_MOVABLE: Select[Any] = _NUMBERED.with_only_columns(_columns.id, _columns.model_name, _columns.version, _columns.status)
_HIGHEST = select(func.max(_columns.version)).where(_columns.model_name == bindparam("name"))
_JOB = select(tables.jobs.c.id).where(tables.jobs.c.id == bindparam("of_job")).scalar_subquery()
_PROVIDERS = (tables.jobs.c.id, tables.jobs.c.provider)
_PROVIDER = select(*_PROVIDERS).where(tables.jobs.c.id == bindparam("job"))
_ADD = _table.insert().values(job_ref=_JOB).returning(_table)
_SET_STATUS = update(_table).where(_columns.id == bindparam("row")).values(status=bindparam("to"))
_ARCHIVE_DEPLOYED = (
    update(_table)
    .where(_columns.model_name == bindparam("name"), _columns.status == "DEPLOYED")
    .values(status="ARCHIVED")
    .returning(_columns.id)
)
_SET_DEPLOYED = _SET_STATUS.values(deployed_at=bindparam("at"))
_LOG = tables.deployment_events.insert()
_LOCK = select(tables.models.c.name).where(tables.models.c.name == bindparam("name")).with_for_update()


def register(
    connection: Connection, version: NewModelVersion, *, actor: str, number: int | None = None
) -> ModelVersion:
    """Add a version. Returns its record.

    Args:
        number: of the version, in an import; by default the next one, but for those that `<name>-v<number>` would give
            the name of another model.
    """
    name = version["model_name"]
    if not lock(connection, name):
        _add_name(connection, name)  # as another process may be doing
        lock(connection, name)
    highest: int | None = connection.scalar(_HIGHEST, {"name": name})
    if highest is None:
        _add_name(connection, name)
    if number is None:
        number = 1 + (highest or 0)
        while connection.scalar(_HIGHEST, {"name": version_name(name, number)}) is not None:
            number += 1
    values = {"registered_at": now(), **version, "version": number}
    row = connection.execute(_ADD, values | {"of_job": version["job_id"]}).one()
    connection.execute(_LOG, _event(row.id, None, row.status, actor, "registered", None, now()))
    return record_of(row)


def locked(connection: Connection, name: str, version: int) -> Row[Any] | None:
    """The row of a version for `move`, None where there is none; other processes wait until the transaction ends."""
    lock(connection, name)
    return connection.execute(_MOVABLE, {"name": name, "number": version}).one_or_none()


def move(
    connection: Connection, row: Row[Any], status: str, *, actor: str, reason: str, experiment: str | None = None
) -> bool:
    """Change the status of a version; deploying one archives the one deployed before, in the same transaction.

    Args:
        row: from `locked`.

    Returns:
        False where it has the status already; archiving by hand what another deployment has archived is noted, since
        a rollback does not go back to it any more.

    Raises:
        ConflictError: the status may not follow the one it has; the message says which may.
    """
    name, version = row.model_name, row.version
    if row.status == status:
        if status == "ARCHIVED" and _gave_way(connection, row.id):  # now it is archived for its own sake
            connection.execute(_LOG, _event(row.id, status, status, actor, reason, experiment, now()))
        return False
    if status not in MOVES[row.status]:
        legal = " or ".join(MOVES[row.status])
        raise ConflictError(f"{name} v{version} is {row.status}; from there it can become {legal}, not {status}")
    at = now()
    events = [_event(row.id, row.status, status, actor, reason, experiment, at)]
    if status == "DEPLOYED":
        before: int | None = connection.scalar(_ARCHIVE_DEPLOYED, {"name": name})
        if before is not None:
            why = _gave_way_to(version)
            events.insert(0, _event(before, "DEPLOYED", "ARCHIVED", actor, why, experiment, at))
        connection.execute(_SET_DEPLOYED, {"row": row.id, "to": status, "at": at})
    else:
        connection.execute(_SET_STATUS, {"row": row.id, "to": status})
    connection.execute(_LOG, events)
    return True


def _gave_way_to(version: int) -> str:
    """The reason why a version was archived that another one has replaced."""
    return f"version {version} was deployed"


def _gave_way(connection: Connection, row_id: int) -> bool:
    """Whether a version was archived last because another one was deployed, and not by anybody."""
    events = tables.deployment_events
    last = connection.execute(
        select(events.c.from_status, events.c.reason)
        .where(events.c.model_version_id == row_id)
        .order_by(events.c.id.desc())
        .limit(1)
    ).one_or_none()
    return last is not None and last.from_status == "DEPLOYED" and bool(_REPLACED.fullmatch(last.reason))


def get(connection: Connection, name: str, version: int | None = None) -> ModelVersion | None:
    """One version, the latest by default; None where there is none."""
    row = row_of(connection, name, version)
    return None if row is None else record_of(row)


def row_of(connection: Connection, name: str, version: int | None = None) -> Row[Any] | None:
    """As `get`, with the keys of other tables."""
    if version is None:
        return connection.execute(_LATEST, {"name": name}).one_or_none()
    if not isinstance(version, int) or version > checks.MAX_COUNT:
        return None
    return connection.execute(_NUMBERED, {"name": name, "number": version}).one_or_none()


def deployed(connection: Connection, name: str) -> ModelVersion | None:
    """The deployed version of a model, or None."""
    row = connection.execute(_DEPLOYED, {"name": name}).one_or_none()
    return None if row is None else record_of(row)


def deployed_before(connection: Connection, name: str) -> int | None:
    """The version to roll back to: deployed before the current one (where none is, the last one); None without any.

    Versions that were rolled back are skipped, so that rolling back twice goes back two deployments; and those that
    somebody archived, other than by deploying another one.
    """
    events = tables.deployment_events
    query = (
        select(_columns.version, _columns.status, events.c.reason, events.c.to_status, events.c.created_at)
        .join(events, events.c.model_version_id == _columns.id)
        .where(_columns.model_name == name)
        .order_by(events.c.id)
    )
    found = connection.execute(query).all()
    way: list[int] = []
    archived: set[int] = set()
    status = {row.version: row.status for row in found}
    for at, row in enumerate(found):
        if row.to_status == "ARCHIVED":  # by hand, or by the deployment of another in the same transaction
            following = [(each.to_status, each.created_at) for each in found[at + 1 : at + 2]]
            archived |= set() if following == [("DEPLOYED", row.created_at)] else {row.version}
            continue
        archived.discard(row.version)
        if row.to_status == "DEPLOYED":
            if row.reason == ROLLBACK and row.version in way:
                del way[way.index(row.version) :]
            way.append(row.version)
    if way and status[way[-1]] == "DEPLOYED":
        now_deployed = way[-1]
        way = [version for version in way if version != now_deployed]
    usable = (each for each in reversed(way) if each not in archived and "DEPLOYED" in MOVES[status[each]])
    return next(usable, None)


def has_artifact(connection: Connection, artifact_id: int) -> bool:
    """Whether an artifact is recorded."""
    return connection.scalar(select(tables.artifacts.c.id).where(tables.artifacts.c.id == artifact_id)) is not None


def artifacts(connection: Connection, name: str, version: int) -> list[Artifact]:
    """The files of a version's job, or its own where its job is not recorded here."""
    row = row_of(connection, name, version)
    if row is None:
        return []
    table = tables.artifacts
    own = or_(table.c.job_id == row.job_id, table.c.id == row.artifact_id)
    return records(Artifact, connection.execute(select(table).where(own).order_by(table.c.id)).mappings())


def versions(connection: Connection, name: str | None = None) -> list[ModelVersion]:
    """Versions of one model, or of all, in ascending order."""
    query = select(_table).order_by(_columns.model_name, _columns.version)
    if name is not None:
        query = query.where(_columns.model_name == name)
    return [record_of(row) for row in connection.execute(query)]


def recorded_names(connection: Connection, name: str) -> list[str]:
    """The names under which calls of a model are recorded: its own, and `<name>-v<version>` of each version."""
    numbers = connection.scalars(select(_columns.version).where(_columns.model_name == name).order_by(_columns.version))
    return [name, *(version_name(name, number) for number in numbers)]


def of_job(connection: Connection, job_id: str, model_name: str | None = None) -> ModelVersion | None:
    """The first version (of a model) that was registered from a job, its weights as they were trained; or None."""
    query = select(_table).where(_columns.job_id == job_id)
    if model_name is not None:
        query = query.where(_columns.model_name == model_name)
    found = map(record_of, connection.execute(query.order_by(_columns.id)))
    return next((each for each in found if QUANTIZATION not in each["metadata"]), None)


def providers_of_jobs(connection: Connection, job_ids: Collection[str]) -> dict[str, str]:
    """The provider of each of these jobs that is recorded."""
    if len(job_ids) == 1:
        found = connection.execute(_PROVIDER, {"job": next(iter(job_ids))})
    else:
        found = connection.execute(select(*_PROVIDERS).join(_table, _columns.job_ref == tables.jobs.c.id).distinct())
    return {row.id: row.provider for row in found}


def names(connection: Connection) -> list[str]:
    """Every registered model name."""
    return list(connection.scalars(select(tables.models.c.name).order_by(tables.models.c.name)))


def deployed_names(connection: Connection) -> list[str]:
    """Every model name that has a deployed version."""
    return list(connection.scalars(select(_columns.model_name).where(_columns.status == "DEPLOYED")))


def version_id(connection: Connection, name: str, version: int | None) -> int | None:
    """The key of a version's row (for foreign keys); of the latest when `version` is None."""
    row = row_of(connection, name, version)
    return None if row is None else int(row.id)


def lock(connection: Connection, name: str) -> bool:
    """Serialize the writers of one model (on SQLite all writers wait for each other anyway).

    Returns:
        False where the name is not registered yet, so that there is nothing to lock.
    """
    return connection.dialect.name == "sqlite" or connection.execute(_LOCK, {"name": name}).first() is not None


def _add_name(connection: Connection, name: str) -> None:
    statement = insert(connection, tables.models).values(name=name, created_at=now())
    connection.execute(statement.on_conflict_do_nothing())


def _event(
    row_id: int, before: str | None, after: str, actor: str, reason: str, experiment: str | None, at: datetime
) -> dict[str, object]:
    return {
        "model_version_id": row_id,
        "from_status": before,
        "to_status": after,
        "actor": actor,
        "reason": reason,
        "experiment_id": experiment,
        "created_at": at,
    }


def record_of(row: Row[Any]) -> ModelVersion:
    """The record of a row: without the keys of other tables, times in ISO 8601."""
    shown = {key: value for key, value in row._mapping.items() if key not in _HIDDEN}
    return record(ModelVersion, shown | {"registered_at": iso(row.registered_at), "deployed_at": iso(row.deployed_at)})
