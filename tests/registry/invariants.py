"""What must be true of a registry whatever happened to it: a list of what is not."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import select

from fine_tuning.store import tables
from fine_tuning.store.database import Database
from fine_tuning.store.models import MOVES


def violations(database: Database) -> list[str]:
    """At most one version deployed, numbers without gaps, and statuses that follow from the events alone."""
    versions, events = tables.model_versions, tables.deployment_events
    with database.read() as tx:
        rows = tx.execute(select(versions)).all()
        told = tx.execute(select(events).order_by(events.c.id)).all()
    found: list[str] = []
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        numbers[row.model_name].append(row.version)
    found += [f"{name} has a gap" for name, has in numbers.items() if sorted(has) != list(range(1, len(has) + 1))]
    names = {row.id: row.model_name for row in rows}
    status: dict[int, str | None] = {row.id: None for row in rows}
    deployed: dict[str, int] = {}
    for event in told:
        version, name = event.model_version_id, names[event.model_version_id]
        if status[version] != event.from_status:
            found.append(f"event {event.id} is from {event.from_status}, the version was {status[version]}")
        if event.from_status is not None and event.to_status not in MOVES[event.from_status]:
            found.append(f"event {event.id}: no legal move")
        if event.to_status == "DEPLOYED" and deployed.get(name) not in (None, version):
            found.append(f"event {event.id}: two versions of {name} are deployed")
        if event.to_status == "DEPLOYED":
            deployed[name] = version
        elif deployed.get(name) == version:
            del deployed[name]
        status[version] = event.to_status
    found += [f"version {row.id} is {row.status}, its events say {status[row.id]}" for row in rows
              if row.status != status[row.id]]  # fmt: skip
    return found
