"""Integrity checks of the database; each function lists violations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import PurePath
from typing import NamedTuple

from sqlalchemy import JSON, Connection, Integer, delete, func, literal_column, or_, select, text

from fine_tuning.store import costs, jobs, tables
from fine_tuning.store.model_versions import MOVES
from fine_tuning.store.records.job_results import DeployedArtifact
from fine_tuning.store.records.rows import records


def damage(connection: Connection) -> list[str]:
    """Damaged pages, broken foreign keys and invalid JSON; empty on PostgreSQL, which prevents these."""
    if connection.dialect.name != "sqlite":
        return []
    found = [row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
    found += [
        f"row {row[1]} of {row[0]} refers to a missing row of {row[2]}"
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
    """More than one deployed version, gaps in version numbers, and statuses that contradict the events."""
    columns = tables.model_versions.c  # only these: an unreadable value elsewhere must not hide findings
    rows = connection.execute(select(columns.id, columns.model_name, columns.version, columns.status)).all()
    names = {row.id: row.model_name for row in rows}
    found = _gaps((row.model_name, row.version) for row in rows)
    status: dict[int, str | None] = dict.fromkeys(names)
    deployed: dict[str, int] = {}
    for event in connection.execute(select(tables.deployment_events).order_by(tables.deployment_events.c.id)):
        version = event.model_version_id
        if version not in names:
            found.append(f"deployment event {event.id} is of a missing version (row {version})")
            continue
        name = names[version]
        if status[version] != event.from_status:
            found.append(f"deployment event {event.id} is from {event.from_status}, the version was {status[version]}")
        if event.from_status is not None and event.to_status not in MOVES.get(event.from_status, ()):
            found.append(f"deployment event {event.id}: {event.from_status} to {event.to_status} is not allowed")
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
    """Cost totals that differ from the sums of their events."""
    columns = tables.cost_totals.c
    query = select(columns.kind, columns.model_name, columns.day, *(columns[field.name] for field in fields(Total)))
    stored = {TotalKey(*row[:3]): Total(*row[3:]) for row in connection.execute(query)}
    expected = _summed(connection)
    return [
        f"the total of {' '.join(key)} is not the sum of its events"
        for key in sorted(stored.keys() | expected.keys())
        if not _equal(stored.get(key), expected.get(key))
    ]


class TotalKey(NamedTuple):
    """The key of `cost_totals`."""

    kind: str
    model_name: str
    day: str


@dataclass(frozen=True)
class Total:
    """The sums of `cost_totals`; `squares` is the sum of squared costs."""

    count: int
    priced: int
    tokens: int
    total: float
    squares: float


def _equal(a: Total | None, b: Total | None) -> bool:
    if a is None or b is None:
        return a is b
    counts_equal = (a.count, a.priced, a.tokens) == (b.count, b.priced, b.tokens)
    return counts_equal and abs(a.total - b.total) <= 1e-9 + 1e-6 * abs(b.total)


def _summed(connection: Connection) -> dict[TotalKey, Total]:
    events = tables.cost_events.c
    found: dict[TotalKey, Total] = {}
    query = select(events.kind, events.model_name, events.recorded_at, events.cost, events.tokens)
    calls = query.where(events.kind.in_(costs.CALL_KINDS))
    for row in connection.execute(calls, execution_options={"yield_per": 10_000}):
        key = TotalKey(row.kind, row.model_name, row.recorded_at.date().isoformat())
        sums, cost = found.get(key, Total(0, 0, 0, 0.0, 0.0)), row.cost or 0.0
        found[key] = Total(
            count=sums.count + 1,
            priced=sums.priced + (row.cost is not None),
            tokens=sums.tokens + (row.tokens or 0),
            total=sums.total + cost,
            squares=sums.squares + cost**2,
        )
    return found


def recompute_totals(connection: Connection) -> None:
    """Recompute the cost totals from the events."""
    connection.execute(delete(tables.cost_totals))
    rows = [{**key._asdict(), **asdict(total)} for key, total in _summed(connection).items()]
    if rows:
        connection.execute(tables.cost_totals.insert(), rows)


def stored_paths(connection: Connection) -> list[tuple[str, str]]:
    """Description and path of each file, artifact, dataset and model folder that should exist."""
    files, artifacts, datasets = tables.files.c, tables.artifacts.c, tables.datasets.c
    kept = select(files.id, files.path).where(files.deleted_at.is_(None))
    found = [(f"file {row.id}", row.path) for row in connection.execute(kept)]
    # Checkpoints are removed when their job ends, and all artifacts of a job when its model is deleted.
    made = (
        select(artifacts.kind, artifacts.path, artifacts.job_id)
        .join(tables.jobs, tables.jobs.c.id == artifacts.job_id)
        .where(artifacts.kind.in_(("adapter", "merged")), jobs.has_model())
    )
    found += [(f"{row.kind} of job {row.job_id}", row.path) for row in connection.execute(made)]
    found += [(f"dataset {row.name}", row.path) for row in connection.execute(select(datasets.name, datasets.path))]
    return found + _model_folders(connection)


def _model_folders(connection: Connection) -> list[tuple[str, str]]:
    versions = tables.model_versions.c
    query = select(versions.model_name, versions.version, versions.provider_model).where(versions.provider == "local")
    return [
        (f"the model of {row.model_name} v{row.version}", row.provider_model)
        for row in connection.execute(query.where(versions.provider_model.is_not(None)))
        if PurePath(row.provider_model).is_absolute()  # a relative one depends on the current directory
    ]


def deployed_artifacts(connection: Connection) -> list[DeployedArtifact]:
    """The artifacts of deployed versions, trained or imported."""
    versions, artifacts = tables.model_versions.c, tables.artifacts.c
    query = (
        select(versions.model_name, versions.version, artifacts.kind, artifacts.path, artifacts.sha256)
        .join(tables.artifacts, or_(artifacts.job_id == versions.job_id, artifacts.id == versions.artifact_id))
        .where(versions.status == "DEPLOYED")
        .order_by(versions.model_name, artifacts.id)
    )
    return records(DeployedArtifact, connection.execute(query).mappings())
