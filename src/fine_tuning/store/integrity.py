"""What must be true of a database whatever happened to it; each function lists what is not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any

from sqlalchemy import JSON, Connection, Integer, delete, func, literal_column, or_, select, text

from fine_tuning.store import costs, tables
from fine_tuning.store.model_versions import MOVES


def damage(connection: Connection) -> list[str]:
    """Broken pages, references that lead nowhere, values that are no JSON. PostgreSQL sees to that by itself."""
    if connection.dialect.name != "sqlite":
        return []
    found = [row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
    found += [
        f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there"
        for row in connection.execute(text("PRAGMA foreign_key_check"))
    ]
    return [*found, *_not_json(connection)]


def _not_json(connection: Connection) -> Iterator[str]:
    for table in tables.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                query = select(func.count(), func.min(literal_column("rowid", Integer))).select_from(table)
                count, first = connection.execute(query.where(column.is_not(None), func.json_valid(column) == 0)).one()
                if count:
                    yield f"{column.name} is not JSON in {count} rows of {table.name}; the first is row {first}"


def registry(connection: Connection) -> list[str]:
    """At most one version deployed, numbers without gaps, and statuses that follow from the events alone."""
    columns = tables.model_versions.c  # only these: a value elsewhere that cannot be read must not hide what is here
    rows = connection.execute(select(columns.id, columns.model_name, columns.version, columns.status)).all()
    names = {row.id: row.model_name for row in rows}
    found = _gaps((row.model_name, row.version) for row in rows)
    status: dict[int, str | None] = dict.fromkeys(names)
    deployed: dict[str, int] = {}
    for event in connection.execute(select(tables.deployment_events).order_by(tables.deployment_events.c.id)):
        version = event.model_version_id
        if version not in names:
            found.append(f"deployment event {event.id} is of a version that is not there (its row was {version})")
            continue
        name = names[version]
        if status[version] != event.from_status:
            found.append(f"deployment event {event.id} is from {event.from_status}, the version was {status[version]}")
        if event.from_status is not None and event.to_status not in MOVES.get(event.from_status, ()):
            found.append(f"deployment event {event.id}: {event.from_status} to {event.to_status} is no legal move")
        if event.to_status == "DEPLOYED" and deployed.get(name) not in (None, version):
            found.append(f"deployment event {event.id}: two versions of {name} are deployed")
        if event.to_status == "DEPLOYED":
            deployed[name] = version
        elif deployed.get(name) == version:
            del deployed[name]
        status[version] = event.to_status
    return found + [
        f"{row.model_name} v{row.version} is {row.status}, its events say {status[row.id]}"
        for row in rows
        if row.status != status[row.id]
    ]


def _gaps(versions: Iterable[tuple[str, int]]) -> list[str]:
    numbers: dict[str, set[int]] = defaultdict(set)
    for name, version in versions:
        numbers[name].add(version)
    missing = {name: sorted(set(range(1, max(has))) - has) for name, has in numbers.items()}
    return [f"versions of {name} have gaps: {', '.join(map(str, of[:5]))}" for name, of in missing.items() if of]


def totals(connection: Connection) -> list[str]:
    """Running totals of costs that are not the sums of their events."""
    kept = {
        (row["kind"], row["model_name"], row["day"]): (row["count"], row["priced"], row["tokens"], row["total"])
        for row in connection.execute(select(tables.cost_totals)).mappings()
    }
    true = _summed(connection)
    return [
        f"the total of {' '.join(key)} is not the sum of its events"
        for key in sorted(kept.keys() | true.keys())
        if not _same(kept.get(key), true.get(key))
    ]


def _same(a: tuple[Any, ...] | None, b: tuple[Any, ...] | None) -> bool:
    if a is None or b is None:
        return a is b
    return a[:3] == b[:3] and abs(a[3] - b[3]) <= 1e-9 + 1e-6 * abs(b[3])


def _summed(connection: Connection) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    events = tables.cost_events.c
    found: dict[tuple[str, str, str], list[Any]] = {}
    query = select(events.kind, events.model_name, events.recorded_at, events.cost, events.tokens)
    calls = query.where(events.kind.in_(costs.CALL_KINDS))
    for row in connection.execute(calls, execution_options={"yield_per": 10_000}):
        entry = found.setdefault((row.kind, row.model_name, row.recorded_at.date().isoformat()), [0, 0, 0, 0.0, 0.0])
        entry[0] += 1
        entry[1] += row.cost is not None
        entry[2] += row.tokens or 0
        entry[3] += row.cost or 0.0
        entry[4] += (row.cost or 0.0) ** 2
    return {key: tuple(entry) for key, entry in found.items()}


def mend_totals(connection: Connection) -> None:
    """Make the running totals of costs anew from the events."""
    connection.execute(delete(tables.cost_totals))
    rows = [
        {"kind": key[0], "model_name": key[1], "day": key[2], "count": count, "priced": priced, "tokens": tokens,
         "total": total, "squares": squares}
        for key, (count, priced, tokens, total, squares) in _summed(connection).items()
    ]  # fmt: skip
    if rows:
        connection.execute(tables.cost_totals.insert(), rows)


def kept_files(connection: Connection) -> list[tuple[str, str]]:
    """What should be on the disk: of each file, artifact, data set and model folder what it is and its path."""
    files, artifacts, datasets = tables.files.c, tables.artifacts.c, tables.datasets.c
    found = [(f"file {row.id}", row.path) for row in connection.execute(
        select(files.id, files.path).where(files.deleted_at.is_(None)))]  # fmt: skip
    # Checkpoints of a job that has ended are tidied up, and all that a job made when its model is deleted.
    has_model = tables.jobs.c.fine_tuned_model.is_not(None)
    made = (
        select(artifacts.kind, artifacts.path, artifacts.job_id)
        .join(tables.jobs, tables.jobs.c.id == artifacts.job_id)
        .where(artifacts.kind.in_(("adapter", "merged")), has_model)
    )
    found += [(f"{row.kind} of job {row.job_id}", row.path) for row in connection.execute(made)]
    found += [(f"data set {row.name}", row.path) for row in connection.execute(select(datasets.name, datasets.path))]
    return found + _model_folders(connection)


def _model_folders(connection: Connection) -> list[tuple[str, str]]:
    versions = tables.model_versions.c
    query = select(versions.model_name, versions.version, versions.provider_model).where(versions.provider == "local")
    return [
        (f"the model of {row.model_name} v{row.version}", row.provider_model)
        for row in connection.execute(query.where(versions.provider_model.is_not(None)))
        if PurePath(row.provider_model).is_absolute()  # where another one leads depends on who asks
    ]


def deployed_artifacts(connection: Connection) -> list[dict[str, Any]]:
    """Of deployed versions what their jobs made, or what they were imported as: model_name and version, and kind, path
    and sha256 of each artifact.
    """
    versions, artifacts = tables.model_versions.c, tables.artifacts.c
    query = (
        select(versions.model_name, versions.version, artifacts.kind, artifacts.path, artifacts.sha256)
        .join(tables.artifacts, or_(artifacts.job_id == versions.job_id, artifacts.id == versions.artifact_id))
        .where(versions.status == "DEPLOYED")
        .order_by(versions.model_name, artifacts.id)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
