"""Budgets by model and calendar month, and what is spent of them."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select

from fine_tuning.errors import ConflictError
from fine_tuning.store import model_versions, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.costs import BudgetStatus
from fine_tuning.store.records.jobs import JobEstimate
from fine_tuning.store.upsert import insert

_log = logging.getLogger(__name__)
ALL = "*"  # the name of the budget that all models share
_table = tables.budgets


def set_budget(connection: Connection, name: str, usd_per_month: float | None) -> bool:
    """Set the budget of a model (or `ALL`), or remove it with None. Returns whether something changed."""
    if usd_per_month is None:
        return connection.execute(delete(_table).where(_table.c.model_name == name)).rowcount == 1
    statement = insert(connection, _table).values(model_name=name, usd_per_month=usd_per_month, created_at=now())
    connection.execute(
        statement.on_conflict_do_update(index_elements=["model_name"], set_={"usd_per_month": usd_per_month})
    )
    return True


def limits(connection: Connection) -> dict[str, float]:
    """Budgets in US dollars a month by model name."""
    rows = connection.execute(select(_table).order_by(_table.c.model_name))
    return {row.model_name: row.usd_per_month for row in rows}


def status(connection: Connection) -> list[BudgetStatus]:
    """Each budget with what is spent of it in the current month."""
    month = now()
    found: list[BudgetStatus] = []
    for name, limit in limits(connection).items():
        used, unpriced = spent(connection, name, month)
        left = max(0.0, limit - used)
        found.append({"model_name": name, "usd_per_month": limit, "spent": used, "left": left, "unpriced": unpriced})
    return found


def check(connection: Connection, name: str, usd: float | None) -> None:
    """Check that the budgets cover a job, which the caller records in the same transaction.

    Args:
        name: model name of the job.
        usd: estimate of the job; None where unknown, which is accepted while the budget has something left.

    Raises:
        ConflictError: the estimate exceeds what a budget has left this month.
    """
    month = now()
    query = select(_table).where(_table.c.model_name.in_((name, ALL))).order_by(_table.c.model_name)
    for row in connection.execute(query.with_for_update()).all():
        owner, limit = row.model_name, row.usd_per_month
        used, unpriced = spent(connection, owner, month)
        left = limit - used
        budget = f"the budget of {owner}" if owner != ALL else "the budget of all models"
        shown = f"{budget} has ${max(left, 0):,.2f} of ${limit:,.2f} left in {month:%Y-%m}"
        if unpriced:
            _log.warning("%s, without %d calls or training jobs whose price is unknown", shown, unpriced)
        if left <= 0 or (usd is not None and usd > left):
            cost = "has no known price" if usd is None else f"is estimated at ${usd:,.4g}"
            raise ConflictError(f"{shown}; this job {cost}: raise it with ft-cli budget set {owner!r} USD")
        if usd is None:
            _log.warning("%s; the cost of this job is unknown", shown)


def spent(connection: Connection, name: str, month: datetime) -> tuple[float, int]:
    """Sum what was spent in a calendar month (UTC).

    Args:
        month: any moment of the month.

    Returns:
        US dollars, with the estimates of jobs that have not ended; and the number of calls and training jobs without
        a known price.
    """
    begin = month.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    totals, events, jobs = tables.cost_totals, tables.cost_events, tables.jobs
    names = [] if name == ALL else model_versions.recorded_names(connection, name)  # empty: every model
    unpriced = func.sum(totals.c.count - totals.c.priced)
    called = _where_name(totals.c.model_name, names)
    in_month = (totals.c.day >= begin.date().isoformat(), totals.c.day < end.date().isoformat())
    calls = connection.execute(
        select(func.coalesce(func.sum(totals.c.total), 0.0), func.coalesce(unpriced, 0)).where(*in_month, *called)
    ).one()
    trained = connection.execute(
        select(events.c.cost)
        .where(events.c.kind == "training", events.c.recorded_at >= begin, events.c.recorded_at < end)
        .where(*_where_name(events.c.model_name, names))
    ).scalars()
    costs = list(trained)
    open_jobs = connection.execute(
        select(jobs.c.estimate)
        .where(jobs.c.status.not_in(("succeeded", "failed", "cancelled")), jobs.c.estimate.is_not(None))
        .where(*_where_name(func.coalesce(jobs.c.suffix, jobs.c.model), names))
    ).scalars()
    estimates: list[JobEstimate] = list(open_jobs)
    expected = [estimate["usd"] for estimate in estimates]
    known = [cost for cost in [*costs, *expected] if cost is not None]
    return float(calls[0]) + sum(known), int(calls[1]) + len(costs) + len(expected) - len(known)


def _where_name(column: ColumnElement[str], names: list[str]) -> list[ColumnElement[bool]]:
    return [column.in_(names)] if names else []
