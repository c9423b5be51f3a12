"""The history of a model: every change of status, aliases, tags and accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Literal

from sqlalchemy import Connection, select

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.records.model_versions import RegistryChange
from fine_tuning.store.records.rows import record

_versions = tables.model_versions
_changes = tables.registry_changes


@dataclass(frozen=True)
class Change:
    """A change of an alias, a tag or an accuracy; before and after are None where there was or is none."""

    kind: Literal["alias", "tag", "accuracy"]
    name: str
    version: int | None
    before: object
    after: object


def add(connection: Connection, model_name: str, change: Change, *, actor: str, reason: str) -> None:
    """Append a change to the history of a model."""
    values = {
        "model_name": model_name,
        "version": change.version,
        "kind": change.kind,
        "name": change.name,
        "before": None if change.before is None else str(change.before),
        "after": None if change.after is None else str(change.after),
        "actor": actor,
        "reason": reason,
        "created_at": now(),
    }
    connection.execute(_changes.insert(), values)


def of_model(connection: Connection, name: str) -> list[RegistryChange]:
    """Every change of a model, oldest first."""
    events = tables.deployment_events
    statuses = (
        select(_versions.c.version, events)
        .join(_versions, events.c.model_version_id == _versions.c.id)
        .where(_versions.c.model_name == name)
    )
    found = []
    for event in connection.execute(statuses):
        change = RegistryChange(
            kind="status",
            version=event.version,
            name="status",
            before=event.from_status,
            after=event.to_status,
            actor=event.actor,
            reason=event.reason,
            experiment=event.experiment_id,
            created_at=event.created_at.isoformat(),
        )
        found.append(((event.created_at, 0, event.id), change))
    for row in connection.execute(select(_changes).where(_changes.c.model_name == name)).mappings():
        shown = {key: value for key, value in row.items() if key not in {"model_name", "id"}}
        shown |= {"experiment": None, "created_at": iso(row["created_at"])}
        found.append(((row["created_at"], 1, row["id"]), record(RegistryChange, shown)))
    return [change for _, change in sorted(found, key=itemgetter(0))]
