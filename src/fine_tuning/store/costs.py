"""The ledger: a row for each paid (or priced) event, and running totals of calls, so that no sum reads them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now

_table = tables.cost_events
_columns = _table.c
_totals = tables.cost_totals
CALLS = ("inference", "evaluation", "judge")
_ADDED = ("count", "priced", "total", "squares", "tokens")


def _adding(insert: Any) -> Any:
    """Add to a day's total, or begin it. Built once: it runs at every call."""
    table: Table = _totals
    return insert.on_conflict_do_update(
        index_elements=["kind", "model_name", "day"],
        set_={name: table.c[name] + insert.excluded[name] for name in _ADDED},
    )


_APPEND = _table.insert()
_ADD = {"sqlite": _adding(sqlite.insert(_totals)), "postgresql": _adding(postgresql.insert(_totals))}


def add(connection: Connection, event: Mapping[str, Any]) -> None:
    """Append an event; a training job has one, and recording it again replaces it."""
    row: dict[str, Any] = {"recorded_at": now(), **event}
    if event["kind"] == "training":
        connection.execute(delete(_table).where(_columns.kind == "training", _columns.job_id == event["job_id"]))
    connection.execute(_APPEND, row)
    if event["kind"] != "training":
        cost = row.get("cost")
        day = row["recorded_at"].date().isoformat()
        added = {"count": 1, "priced": int(cost is not None), "total": cost or 0.0, "squares": (cost or 0.0) ** 2,
                 "tokens": row.get("tokens") or 0}  # fmt: skip
        named = {"kind": row["kind"], "model_name": row["model_name"], "day": day}
        connection.execute(_ADD[connection.dialect.name], named | added)


def training_jobs(
    connection: Connection, *, job_id: str | None = None, name: str | None = None
) -> list[dict[str, Any]]:
    """Recorded training runs, oldest first."""
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
    return [{**row, "recorded_at": iso(row["recorded_at"])} for row in rows]


def calls_by_model(connection: Connection, kind: str, name: str | None = None) -> dict[str, dict[str, Any]]:
    """Per model: count, total (US dollars of the priced calls), tokens, unpriced (calls without a price)."""
    sums = [func.sum(_totals.c[each]).label(each) for each in _ADDED]
    query = select(_totals.c.model_name, *sums).where(_totals.c.kind == kind)
    if name is not None:
        query = query.where(_totals.c.model_name == name)
    rows = connection.execute(query.group_by(_totals.c.model_name).order_by(_totals.c.model_name))
    return {
        row["model_name"]: {"count": int(row["count"]), "total": float(row["total"]), "tokens": int(row["tokens"]),
                            "unpriced": int(row["count"] - row["priced"])}
        for row in rows.mappings()
    }  # fmt: skip


class Moments(NamedTuple):
    """Of known costs: how many (`n`), their sum, and the sum of their squares."""

    n: int
    total: float
    squares: float


def moments(connection: Connection, kind: str, names: Sequence[str]) -> Moments:
    """Of all priced calls of these models."""
    query = select(*(func.coalesce(func.sum(_totals.c[each]), 0) for each in ("priced", "total", "squares")))
    count, total, squares = connection.execute(
        query.where(_totals.c.kind == kind, _totals.c.model_name.in_(names))
    ).one()
    return Moments(int(count), float(total), float(squares))


def newest_costs(connection: Connection, kind: str, names: Sequence[str], limit: int) -> list[float]:
    """What the last priced calls of these models cost."""
    query = (
        select(_columns.cost)
        .where(_columns.kind == kind, _columns.model_name.in_(names), _columns.cost.is_not(None))
        .order_by(_columns.id.desc())
        .limit(limit)
    )
    return list(connection.scalars(query))


def by_day(connection: Connection, since: str | None = None) -> list[dict[str, Any]]:
    """Calls and trainings by day, kind and model: day, kind, model_name, count, total, unpriced, tokens."""
    query = select(_totals) if since is None else select(_totals).where(_totals.c.day >= since)
    found = [
        {**{name: row[name] for name in ("day", "kind", "model_name", "count", "total", "tokens")},
         "unpriced": row["count"] - row["priced"]}
        for row in connection.execute(query).mappings()
    ]  # fmt: skip
    trained: dict[tuple[str, str], dict[str, Any]] = {}
    for job in training_jobs(connection):
        key = (str(job["recorded_at"])[:10], job["model_name"])
        if since is not None and key[0] < since:
            continue
        empty = {"day": key[0], "kind": "training", "model_name": key[1], "count": 0, "total": 0.0, "tokens": 0,
                 "unpriced": 0}  # fmt: skip
        entry = trained.setdefault(key, empty)
        entry["count"] += 1
        entry["total"] += job["total_cost"] or 0.0
        entry["tokens"] += job["training_tokens"] or 0
        entry["unpriced"] += job["total_cost"] is None
    found += trained.values()
    return sorted(found, key=lambda row: (row["day"], row["kind"], row["model_name"]))


def all_events(connection: Connection, kind: str) -> list[dict[str, Any]]:
    """Every event of a kind, oldest first."""
    rows = connection.execute(select(_table).where(_columns.kind == kind).order_by(_columns.id)).mappings()
    return [{**row, "recorded_at": iso(row["recorded_at"])} for row in rows]
