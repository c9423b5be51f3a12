"""What people say of versions: aliases, tags, measured accuracy. Each change is written down; `history` tells all."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update

from fine_tuning.store import model_versions, tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.upsert import insert

_versions = tables.model_versions
_aliases = tables.model_aliases
_changes = tables.registry_changes


def set_alias(
    connection: Connection, name: str, alias: str, version: int | None, *, actor: str, reason: str
) -> int | None:
    """Let an alias point at a version, or at none any more. Returns the version it pointed at before."""
    model_versions.lock(connection, name)
    before = aliases(connection, name).get(alias)
    if before == version:
        return before
    if version is None:
        connection.execute(delete(_aliases).where(_aliases.c.model_name == name, _aliases.c.alias == alias))
    else:
        target = model_versions.version_id(connection, name, version)
        statement = insert(connection, _aliases).values(model_name=name, alias=alias, model_version_id=target)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["model_name", "alias"], set_={"model_version_id": statement.excluded.model_version_id}
            )
        )
    _note(connection, name, None, "alias", alias, before, version, actor, reason)
    return before


def aliases(connection: Connection, name: str) -> dict[str, int]:
    """A model's aliases, and the version of each."""
    query = (
        select(_aliases.c.alias, _versions.c.version)
        .join(_versions, _aliases.c.model_version_id == _versions.c.id)
        .where(_aliases.c.model_name == name)
        .order_by(_aliases.c.alias)
    )
    return {row.alias: row.version for row in connection.execute(query)}


def all_aliases(connection: Connection) -> dict[tuple[str, int], list[str]]:
    """The aliases of every version that has some, by model and number."""
    query = select(_aliases.c.model_name, _aliases.c.alias, _versions.c.version).join(
        _versions, _aliases.c.model_version_id == _versions.c.id
    )
    found: dict[tuple[str, int], list[str]] = {}
    for row in connection.execute(query.order_by(_aliases.c.alias)):
        found.setdefault((row.model_name, row.version), []).append(row.alias)
    return found


def set_tag(
    connection: Connection, name: str, version: int, tag: str, value: str | None, *, actor: str, reason: str
) -> bool:
    """Give a version a tag, or take it away (None); False where there is no such version."""
    model_versions.lock(connection, name)
    row = model_versions.row_of(connection, name, version)
    if row is None:
        return False
    tags = dict(row.tags)
    before = tags.pop(tag, None)
    if value is not None:
        tags[tag] = value
    if before != value:
        connection.execute(update(_versions).where(_versions.c.id == row.id).values(tags=tags))
        _note(connection, name, version, "tag", tag, before, value, actor, reason)
    return True


def set_accuracy(
    connection: Connection, name: str, version: int, accuracy: float | None, *, actor: str, reason: str
) -> bool:
    """Note a measured accuracy; False where there is no such version."""
    model_versions.lock(connection, name)
    row = model_versions.row_of(connection, name, version)
    if row is None:
        return False
    if row.accuracy != accuracy:
        connection.execute(update(_versions).where(_versions.c.id == row.id).values(accuracy=accuracy))
        _note(connection, name, version, "accuracy", "accuracy", row.accuracy, accuracy, actor, reason)
    return True


def history(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Every change of a model, oldest first: kind (status, alias, tag or accuracy), version, name, before, after,
    actor, reason, experiment (that decided it), created_at.
    """
    events = tables.deployment_events
    moves = (
        select(_versions.c.version, events)
        .join(_versions, events.c.model_version_id == _versions.c.id)
        .where(_versions.c.model_name == name)
    )
    found = [
        {
            "kind": "status", "version": row["version"], "name": "status", "before": row["from_status"],
            "after": row["to_status"], "actor": row["actor"], "reason": row["reason"],
            "experiment": row["experiment_id"], "created_at": row["created_at"], "id": row["id"],
        }
        for row in connection.execute(moves).mappings()
    ]  # fmt: skip
    changes = connection.execute(select(_changes).where(_changes.c.model_name == name)).mappings()
    found += [
        {key: value for key, value in row.items() if key != "model_name"} | {"experiment": None} for row in changes
    ]
    found.sort(key=lambda row: (row["created_at"], row["kind"] != "status", row["id"]))
    return [{**{k: v for k, v in row.items() if k != "id"}, "created_at": iso(row["created_at"])} for row in found]


def _note(
    connection: Connection,
    name: str,
    version: int | None,
    kind: str,
    what: str,
    before: object,
    after: object,
    actor: str,
    reason: str,
) -> None:
    values = {
        "model_name": name, "version": version, "kind": kind, "name": what, "actor": actor, "reason": reason,
        "before": None if before is None else str(before), "after": None if after is None else str(after),
        "created_at": now(),
    }  # fmt: skip
    connection.execute(_changes.insert(), values)
