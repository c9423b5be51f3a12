"""The ledger: one row per paid (or priced) event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, func, select

from fine_tuning.store import tables
from fine_tuning.store.types import iso, now

_table = tables.cost_events
_columns = _table.c


def add(connection: Connection, event: Mapping[str, Any]) -> None:
    """Append an event; a training job has one, and recording it again replaces it."""
    if event["kind"] == "training":
        connection.execute(delete(_table).where(_columns.kind == "training", _columns.job_id == event["job_id"]))
    connection.execute(_table.insert().values(**{"recorded_at": now(), **event}))


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
    query = select(
        _columns.model_name,
        func.count(),
        func.coalesce(func.sum(_columns.cost), 0.0),
        func.coalesce(func.sum(_columns.tokens), 0),
        func.sum(case((_columns.cost.is_(None), 1), else_=0)),
    ).where(_columns.kind == kind)
    if name is not None:
        query = query.where(_columns.model_name == name)
    rows = connection.execute(query.group_by(_columns.model_name).order_by(_columns.model_name))
    return {
        model: {"count": count, "total": float(total), "tokens": int(tokens), "unpriced": int(unpriced)}
        for model, count, total, tokens, unpriced in rows
    }


def first_and_last_call(connection: Connection, name: str) -> tuple[datetime, datetime] | None:
    """When a model's first and last recorded inference were; None without any."""
    query = select(func.min(_columns.recorded_at), func.max(_columns.recorded_at)).where(
        _columns.kind == "inference", _columns.model_name == name
    )
    first, last = connection.execute(query).one()
    return None if first is None else (first, last)


def all_events(connection: Connection, kind: str) -> list[dict[str, Any]]:
    """Every event of a kind, oldest first."""
    rows = connection.execute(select(_table).where(_columns.kind == kind).order_by(_columns.id)).mappings()
    return [{**row, "recorded_at": iso(row["recorded_at"])} for row in rows]
