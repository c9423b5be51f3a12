"""Tags and measured accuracies of model versions."""

from __future__ import annotations

from sqlalchemy import Connection, update

from fine_tuning.store import model_versions, registry_changes, tables
from fine_tuning.store.registry_changes import Change

_versions = tables.model_versions


def set_tag(
    connection: Connection, name: str, version: int, tag: str, value: str | None, *, actor: str, reason: str
) -> bool:
    """Set a tag of a version, or remove it (None); False where there is no such version."""
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
        change = Change("tag", tag, version=version, before=before, after=value)
        registry_changes.add(connection, name, change, actor=actor, reason=reason)
    return True


def set_accuracy(
    connection: Connection, name: str, version: int, accuracy: float | None, *, actor: str, reason: str
) -> bool:
    """Record a measured accuracy; False where there is no such version."""
    model_versions.lock(connection, name)
    row = model_versions.row_of(connection, name, version)
    if row is None:
        return False
    if row.accuracy != accuracy:
        connection.execute(update(_versions).where(_versions.c.id == row.id).values(accuracy=accuracy))
        change = Change("accuracy", "accuracy", version=version, before=row.accuracy, after=accuracy)
        registry_changes.add(connection, name, change, actor=actor, reason=reason)
    return True
