"""Budgets by model and month, and what is spent of them."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select

from fine_tuning.errors import ConflictError
from fine_tuning.store import model_versions, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.upsert import insert

_log = logging.getLogger(__name__)
ALL = "*"  # the name of the budget that all models share
_table = tables.budgets


def set_budget(connection: Connection, name: str, usd_per_month: float | None) -> bool:
    """Give a model (or `ALL`) a budget, or take it away with None; whether something changed."""
    if usd_per_month is None:
        return connection.execute(delete(_table).where(_table.c.model_name == name)).rowcount == 1
    statement = insert(connection, _table).values(model_name=name, usd_per_month=usd_per_month, created_at=now())
    connection.execute(
        statement.on_conflict_do_update(index_elements=["model_name"], set_={"usd_per_month": usd_per_month})
    )
    return True


def known(connection: Connection) -> dict[str, float]:
    """US dollars a month by model."""
    rows = connection.execute(select(_table).order_by(_table.c.model_name))
    return {row.model_name: row.usd_per_month for row in rows}


def draw(connection: Connection, name: str, usd: float | None) -> None:
    """Make sure that the budgets have room for a job, which the caller records in the same transaction.

    Args:
        name: what the model will be called.
        usd: the job's estimate; None is unknown, which a budget with something left allows.

    Raises:
        ConflictError: it is more than what one has left this month.
    """
    month = now()
    query = select(_table).where(_table.c.model_name.in_((name, ALL))).order_by(_table.c.model_name)
    for row in connection.execute(query.with_for_update()).all():
        owner, limit = row.model_name, row.usd_per_month
        used, unpriced = spent(connection, owner, month)
        left = limit - used
        whose = f"the budget of {owner}" if owner != ALL else "the budget of all models"
        shown = f"{whose} has ${max(left, 0):,.2f} of ${limit:,.2f} left in {month:%Y-%m}"
        if unpriced:
            _log.warning("%s, without %d calls or trainings whose price is unknown", shown, unpriced)
        if left <= 0 or (usd is not None and usd > left):
            wanted = "has no known price" if usd is None else f"is estimated at ${usd:,.4g}"
            raise ConflictError(f"{shown}; this job {wanted}: raise it with ft-cli budget set {owner!r} USD")
        if usd is None:
            _log.warning("%s; what this job will cost is unknown", shown)


def spent(connection: Connection, name: str, month: datetime) -> tuple[float, int]:
    """US dollars spent in the month of a moment (UTC), and how many calls and trainings of it have no known price.

    Jobs that have not ended count with what they were estimated at.
    """
    begin = month.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    totals, events, jobs = tables.cost_totals, tables.cost_events, tables.jobs
    names = [] if name == ALL else model_versions.recorded_names(connection, name)  # none is every one
    unpriced = func.sum(totals.c.count - totals.c.priced)
    calls = connection.execute(
        select(func.coalesce(func.sum(totals.c.total), 0.0), func.coalesce(unpriced, 0))
        .where(totals.c.day >= begin.date().isoformat(), totals.c.day < end.date().isoformat())
        .where(*_of(totals.c.model_name, names))
    ).one()  # fmt: skip
    trained = connection.execute(
        select(events.c.cost)
        .where(events.c.kind == "training", events.c.recorded_at >= begin, events.c.recorded_at < end)
        .where(*_of(events.c.model_name, names))
    ).scalars()
    costs = list(trained)
    open_jobs = connection.execute(
        select(jobs.c.estimate).where(
            jobs.c.status.not_in(("succeeded", "failed", "cancelled")), jobs.c.estimate.is_not(None),
            *_of(func.coalesce(jobs.c.suffix, jobs.c.model), names),
        )
    ).scalars()  # fmt: skip
    expected = [estimate["usd"] for estimate in open_jobs]
    known = [cost for cost in [*costs, *expected] if cost is not None]
    return float(calls[0]) + sum(known), int(calls[1]) + len(costs) + len(expected) - len(known)


def _of(column: Any, names: list[str]) -> list[ColumnElement[bool]]:
    return [column.in_(names)] if names else []
