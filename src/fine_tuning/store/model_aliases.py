"""Aliases of models: names such as champion that point at a version."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from fine_tuning.store import model_versions, registry_changes, tables
from fine_tuning.store.registry_changes import Change
from fine_tuning.store.upsert import insert

_versions = tables.model_versions
_aliases = tables.model_aliases


def set_alias(
    connection: Connection, name: str, alias: str, version: int | None, *, actor: str, reason: str
) -> int | None:
    """Point an alias at a version, or remove it (None). Returns the version it pointed at before."""
    model_versions.lock(connection, name)
    before = of_model(connection, name).get(alias)
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
    change = Change("alias", alias, version=None, before=before, after=version)
    registry_changes.add(connection, name, change, actor=actor, reason=reason)
    return before


def of_model(connection: Connection, name: str) -> dict[str, int]:
    """The version that each alias of a model points at."""
    query = (
        select(_aliases.c.alias, _versions.c.version)
        .join(_versions, _aliases.c.model_version_id == _versions.c.id)
        .where(_aliases.c.model_name == name)
        .order_by(_aliases.c.alias)
    )
    return {row.alias: row.version for row in connection.execute(query)}


def by_version(connection: Connection) -> dict[tuple[str, int], list[str]]:
    """The aliases of every version that has some, by model name and version."""
    query = select(_aliases.c.model_name, _aliases.c.alias, _versions.c.version).join(
        _versions, _aliases.c.model_version_id == _versions.c.id
    )
    found: dict[tuple[str, int], list[str]] = {}
    for row in connection.execute(query.order_by(_aliases.c.alias)):
        found.setdefault((row.model_name, row.version), []).append(row.alias)
    return found
