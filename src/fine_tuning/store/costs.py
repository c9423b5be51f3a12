"""The cost ledger: a row for each priced event, and running totals of calls, so that no sum reads every event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, String, Table, and_, cast, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.records.costs import CallTotals, CostEvent, DailyCost, NewCostEvent, TrainingCost
from fine_tuning.store.records.rows import record

_table = tables.cost_events
_columns = _table.c
_totals = tables.cost_totals
CALL_KINDS = ("inference", "evaluation", "judge", "labelling")
_SUMMED = ("count", "priced", "total", "squares", "tokens")


def _add_to_totals(insert: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    """An upsert that adds to a day's totals. Built once: it runs at every call."""
    table: Table = _totals
    return insert.on_conflict_do_update(
        index_elements=["kind", "model_name", "day"],
        set_={name: table.c[name] + insert.excluded[name] for name in _SUMMED},
    )


_APPEND = _table.insert()
_ADD = {
    "sqlite": _add_to_totals(sqlite.insert(_totals)),
    "postgresql": _add_to_totals(postgresql.insert(_totals)),
}


def add(connection: Connection, event: NewCostEvent) -> None:
    """Append an event. A training job has one event; recording it again replaces it."""
    recorded_at = event.get("recorded_at", now())
    if event["kind"] == "training":
        connection.execute(delete(_table).where(_columns.kind == "training", _columns.job_id == event.get("job_id")))
    connection.execute(_APPEND, {"recorded_at": recorded_at, **event})
    if event["kind"] != "training":
        cost = event["cost"]
        day_totals = {
            "kind": event["kind"],
            "model_name": event["model_name"],
            "day": recorded_at.date().isoformat(),
            "count": 1,
            "priced": int(cost is not None),
            "total": cost or 0.0,
            "squares": (cost or 0.0) ** 2,
            "tokens": event["tokens"] or 0,
        }
        connection.execute(_ADD[connection.dialect.name], day_totals)


def training_jobs(connection: Connection, *, job_id: str | None = None, name: str | None = None) -> list[TrainingCost]:
    """Recorded training jobs, oldest first; of one job or one model name where given."""
    query = select(
        _columns.job_id,
        _columns.model_name,
        _columns.base_model,
        _columns.dataset_size,
        _columns.tokens.label("training_tokens"),
        _columns.cost.label("total_cost"),
        _columns.recorded_at,
        _columns.metadata,
    ).where(_columns.kind == "training")
    if job_id is not None:
        query = query.where(_columns.job_id == job_id)
    if name is not None:
        query = query.where(_columns.model_name == name)
    rows = connection.execute(query.order_by(_columns.id)).mappings()
    return [record(TrainingCost, {**row, "recorded_at": iso(row["recorded_at"])}) for row in rows]


def calls_by_model(connection: Connection, kind: str, name: str | None = None) -> dict[str, CallTotals]:
    """Totals of calls of a kind by model name; of one model where given."""
    sums = [func.sum(_totals.c[each]).label(each) for each in _SUMMED]
    query = select(_totals.c.model_name, *sums).where(_totals.c.kind == kind)
    if name is not None:
        query = query.where(_totals.c.model_name == name)
    rows = connection.execute(query.group_by(_totals.c.model_name).order_by(_totals.c.model_name))
    return {
        row["model_name"]: {
            "count": int(row["count"]),
            "total": float(row["total"]),
            "tokens": int(row["tokens"]),
            "unpriced": int(row["count"] - row["priced"]),
        }
        for row in rows.mappings()
    }


def calls_of_version(connection: Connection, kind: str, name: str, version: int | None) -> CallTotals | None:
    """Totals of calls of a kind under a registered name that record this version, or none (None); None without any."""
    recorded = cast(_columns.metadata["version"].as_string(), String)  # of what callers record, it may be any value
    is_of = recorded.is_(None) if version is None else recorded == str(version)
    query = select(func.count(), func.count(_columns.cost), func.sum(_columns.cost), func.sum(_columns.tokens)).where(
        _columns.kind == kind, _columns.model_name == name, is_of
    )
    count, priced, total, tokens = connection.execute(query).one()
    if not count:
        return None
    return {"count": count, "total": float(total or 0), "tokens": int(tokens or 0), "unpriced": count - priced}


class Moments(NamedTuple):
    """Of known costs: how many (`n`), their sum, and the sum of their squares; `calls` counts the unknown ones too."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    calls: int = 0


def summed(found: Iterable[Moments]) -> Moments:
    """The moments of all of these together."""
    return Moments(*map(sum, zip(*found, strict=True)))


class Called(NamedTuple):
    """A name under which calls are recorded, and what they note: their provider, and their arm of an A/B test."""

    model_name: str
    provider: str | None
    experiment: str | None = None
    arm: str | None = None


def moments_by_host(connection: Connection, kind: str, names: Sequence[str]) -> dict[Called, Moments]:
    """Moments of the costs of all calls of these models, by name and host; of calls without a known cost, n is 0."""
    noted, cost = [_noted(name) for name in Called._fields[1:]], _columns.cost
    query = select(_columns.model_name, *noted, func.count(cost), func.sum(cost), func.sum(cost * cost), func.count())
    query = query.where(_columns.kind == kind, _columns.model_name.in_(names))
    rows = connection.execute(query.group_by(_columns.model_name, *noted))
    return {
        Called(name, *(each or None for each in notes)): Moments(int(n), float(total or 0), float(squares or 0), calls)
        for name, *notes, n, total, squares, calls in rows
    }


def newest_costs(connection: Connection, kind: str, calls: Sequence[Called], limit: int) -> list[float]:
    """Costs of the last priced calls of these models, newest first, in US dollars."""
    noted = Called._fields[1:]
    are_these = or_(
        *(
            and_(
                _columns.model_name == each.model_name,
                *(
                    func.coalesce(_noted(name), "") == (value or "")
                    for name, value in zip(noted, each[1:], strict=True)
                ),
            )
            for each in calls
        )
    )
    query = (
        select(_columns.cost)
        .where(_columns.kind == kind, are_these, _columns.cost.is_not(None))
        .order_by(_columns.id.desc())
        .limit(limit)
    )
    return list(connection.scalars(query))


def _noted(name: str) -> ColumnElement[str]:
    """What an event notes under a name."""
    return cast(_columns.metadata[name].as_string(), String)


class RecordedCall(NamedTuple):
    """A call: its cost in US dollars, None where unknown, its time in ISO 8601, and the version and A/B test that it
    notes.
    """

    model_name: str
    cost: float | None
    version: int | None
    recorded_at: str
    experiment: str | None = None
    arm: str | None = None


def newest_calls(connection: Connection, kind: str, names: Sequence[str], limit: int) -> list[RecordedCall]:
    """The last calls of these models, newest first."""
    query = (
        select(_columns.model_name, _columns.cost, _columns.metadata, _columns.recorded_at)
        .where(_columns.kind == kind, _columns.model_name.in_(names))
        .order_by(_columns.id.desc())
        .limit(limit)
    )
    found = []
    for row in connection.execute(query):
        version = row.metadata.get("version")
        number = version if isinstance(version, int) else None
        test = [None if each is None else str(each) for each in map(row.metadata.get, ("experiment", "arm"))]
        found.append(RecordedCall(row.model_name, row.cost, number, row.recorded_at.isoformat(), *test))
    return found


class JudgeCall(NamedTuple):
    """A judge's call: its cost in US dollars, None where unknown, and the name of the model whose answer it graded."""

    cost: float | None
    about: str | None


def judge_calls(connection: Connection) -> Iterator[JudgeCall]:
    """Every call of a judge."""
    query = select(_columns.cost, _columns.metadata).where(_columns.kind == "judge").order_by(_columns.id)
    for row in connection.execute(query):
        about = row.metadata.get("about")
        yield JudgeCall(row.cost, about if isinstance(about, str) else None)


def by_day(connection: Connection, since: str | None = None) -> list[DailyCost]:
    """Totals of calls and training jobs by day, kind and model, in that order.

    Args:
        since: first day, ISO 8601.
    """
    query = select(_totals) if since is None else select(_totals).where(_totals.c.day >= since)
    calls: list[DailyCost] = [
        {
            "day": row["day"],
            "kind": row["kind"],
            "model_name": row["model_name"],
            "count": row["count"],
            "total": row["total"],
            "tokens": row["tokens"],
            "unpriced": row["count"] - row["priced"],
        }
        for row in connection.execute(query).mappings()
    ]
    found = [*calls, *_training_by_day(connection, since)]
    return sorted(found, key=lambda row: (row["day"], row["kind"], row["model_name"]))


def _training_by_day(connection: Connection, since: str | None) -> list[DailyCost]:
    found: dict[tuple[str, str], DailyCost] = {}
    for job in training_jobs(connection):
        day, name = job["recorded_at"][:10], job["model_name"]
        if since is not None and day < since:
            continue
        empty: DailyCost = {
            "day": day,
            "kind": "training",
            "model_name": name,
            "count": 0,
            "total": 0.0,
            "tokens": 0,
            "unpriced": 0,
        }
        entry = found.setdefault((day, name), empty)
        entry["count"] += 1
        entry["total"] += job["total_cost"] or 0.0
        entry["tokens"] += job["training_tokens"] or 0
        entry["unpriced"] += job["total_cost"] is None
    return list(found.values())


def all_events(connection: Connection, kind: str) -> list[CostEvent]:
    """Every event of a kind, oldest first."""
    rows = connection.execute(select(_table).where(_columns.kind == kind).order_by(_columns.id)).mappings()
    return [record(CostEvent, {**row, "recorded_at": iso(row["recorded_at"])}) for row in rows]
