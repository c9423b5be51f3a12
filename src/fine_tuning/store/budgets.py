"""Budgets by model and calendar month, and what is spent of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select

from fine_tuning._util.model_names import parse_alias_name, parse_version_name
from fine_tuning._util.same_model import is_same
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.store import model_versions, named_versions, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.costs import BudgetStatus
from fine_tuning.store.records.jobs import JobEstimate
from fine_tuning.store.upsert import insert

_log = logging.getLogger(__name__)
ALL = "*"  # the name of the budget that all models share
WARN_AT = 0.8  # share of a budget that is spent
_ROUNDING = 1e-9  # US dollars: sums of many prices are not exact
_table = tables.budgets


def set_budget(connection: Connection, name: str, usd_per_month: float | None, *, hard: bool = False) -> bool:
    """Set the budget of a model (or `ALL`), or remove it with None. Returns whether something changed.

    Args:
        hard: whether it refuses calls too when it is spent.

    Raises:
        UsageError, NotFoundError: the name is a version or an alias of a registered model, or would be one.
    """
    if usd_per_month is None:
        return connection.execute(delete(_table).where(_table.c.model_name == name)).rowcount == 1
    version = named_versions.find_or_raise(connection, name)
    if version is not None and name != (model := version["model_name"]):
        raise UsageError(f"calls of {model} count together, whatever the version: set the budget of {model}")
    values = {"usd_per_month": usd_per_month, "hard": hard}
    statement = insert(connection, _table).values(model_name=name, created_at=now(), **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["model_name"], set_=values))
    return True


def status(connection: Connection, name: str | None = None) -> list[BudgetStatus]:
    """Each budget with what is spent of it in the current month; only those that a model draws on where given."""
    month = now()
    query = select(_table).order_by(_table.c.model_name)
    if name is not None:
        if not (owners := _owners(connection, name)):
            return []
        query = query.where(_table.c.model_name.in_(owners))
    found: list[BudgetStatus] = []
    for row in connection.execute(query).all():
        used, unpriced = spent(connection, row.model_name, month)
        found.append(
            {
                "model_name": row.model_name,
                "usd_per_month": row.usd_per_month,
                "hard": row.hard,
                "spent": used,
                "left": max(0.0, row.usd_per_month - used),
                "unpriced": unpriced,
            }
        )
    return found


def limits(connection: Connection, name: str) -> bool:
    """Whether any budget limits a model."""
    return (
        connection.scalar(select(_table.c.model_name).where(_table.c.model_name.in_(_owners(connection, name))))
        is not None
    )


def has_hard(connection: Connection, name: str) -> bool:
    """Whether a hard budget limits the calls of a model."""
    if not (owners := _owners(connection, name)):
        return False
    owned = _table.c.model_name.in_(owners)
    return connection.scalar(select(_table.c.model_name).where(_table.c.hard, owned).limit(1)) is not None


def check_call(connection: Connection, name: str) -> None:
    """Check that the hard budgets of a model have something left for a call.

    Args:
        name: that its calls are recorded under.

    Raises:
        ConflictError: one is spent.
    """
    if not has_hard(connection, name):
        return
    for each in status(connection, name):
        if each["hard"] and each["left"] <= _ROUNDING:
            owner = each["model_name"]
            raise ConflictError(
                f"{shown(each)}; calls of {name} are refused: raise it with ft-cli budget set {owner!r} USD --hard"
            )


def reached(connection: Connection, name: str, usd: float | None = None) -> list[str]:
    """What to warn of, a line for each budget of a model of which 80 %, or all, is spent.

    Args:
        usd: what was spent last; only budgets that reached one of the two with it are named.
    """
    lines: list[str] = []
    for each in status(connection, name):
        used, limit = each["spent"], each["usd_per_month"]
        marks = [mark for mark in (WARN_AT, 1.0) if used >= mark * limit - _ROUNDING]
        if marks and (usd is None or used - usd < marks[-1] * limit - _ROUNDING):
            lines.append(shown(each))
    return lines


def warn(lines: Iterable[str]) -> None:
    """Log what `reached` says."""
    for line in lines:
        _log.warning("%s", line)


def _owners(connection: Connection, name: str) -> set[str]:
    """The budgets that calls recorded under a name draw on: its own, and those of other names of the model."""
    budgets = set(connection.scalars(select(_table.c.model_name)))
    if not budgets:
        return set()
    parsed = parse_version_name(name)
    found = {name, ALL} if parsed is None else {name, parsed[0], ALL}
    limited = budgets - found
    return found.union(
        owner for owner in limited if _model_of(connection, owner) in found or name in _same(connection, owner, [name])
    )


def _model_of(connection: Connection, owner: str) -> str:
    """The model of a budget: of a version or an alias, whose model was registered later, that one."""
    if parse_version_name(owner) is None and parse_alias_name(owner) is None:
        return owner
    version = named_versions.find(connection, owner)
    return owner if version is None else version["model_name"]


def _same(connection: Connection, owner: str, names: Iterable[str]) -> list[str]:
    """Those of the names that are of the same model as a budget's; a registered name is of its own model alone."""
    alike = [each for each in names if is_same(each, owner)]
    if not alike:
        return []
    registered = set(model_versions.names(connection))
    return [] if owner in registered else [each for each in alike if each not in registered]


def shown(budget: BudgetStatus) -> str:
    """What is spent of a budget, as a part of a sentence."""
    owner = "all models" if budget["model_name"] == ALL else budget["model_name"]
    limit, used = budget["usd_per_month"], budget["spent"]
    share = f" ({used / limit:.0%})" if limit else ""
    unpriced = f", without {budget['unpriced']} of unknown price" if budget["unpriced"] else ""
    return f"the budget of {owner} has {_usd(used)} of {_usd(limit)}{share} spent this month{unpriced}"


def _usd(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 or amount == 0 else f"${amount:,.4g}"


def check(connection: Connection, name: str, usd: float | None) -> None:
    """Check that the budgets cover a job, which the caller records in the same transaction.

    Args:
        name: model name of the job.
        usd: estimate of the job; None where unknown, which is accepted while the budget has something left.

    Raises:
        ConflictError: the estimate exceeds what a budget has left this month.
    """
    month = now()
    query = select(_table).where(_table.c.model_name.in_(_owners(connection, name))).order_by(_table.c.model_name)
    for row in connection.execute(query.with_for_update()).all():
        owner, limit = row.model_name, row.usd_per_month
        used, unpriced = spent(connection, owner, month)
        left = limit - used
        budget = f"the budget of {owner}" if owner != ALL else "the budget of all models"
        left_now = f"{budget} has ${max(left, 0):,.2f} of ${limit:,.2f} left in {month:%Y-%m}"
        if unpriced:
            _log.warning("%s, without %d calls or training jobs whose price is unknown", left_now, unpriced)
        if left <= 0 or (usd is not None and usd > left):
            cost = "has no known price" if usd is None else f"is estimated at ${usd:,.4g}"
            raise ConflictError(f"{left_now}; this job {cost}: raise it with ft-cli budget set {owner!r} USD")
        if usd is None:
            _log.warning("%s; the cost of this job is unknown", left_now)
        elif used + usd >= WARN_AT * limit:
            _log.warning("%s; this job is estimated at $%.4g, more than 80 %% of it is then spent", left_now, usd)


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
    name = _model_of(connection, name)
    names = [] if name == ALL else model_versions.recorded_names(connection, name)  # empty: every model
    unpriced = func.sum(totals.c.count - totals.c.priced)
    in_month = (totals.c.day >= begin.date().isoformat(), totals.c.day < end.date().isoformat())
    in_ledger = connection.scalars(select(totals.c.model_name).where(*in_month).distinct())
    called = _where_name(totals.c.model_name, [*names, *_same(connection, name, in_ledger)] if names else [])
    calls = connection.execute(
        select(func.coalesce(func.sum(totals.c.total), 0.0), func.coalesce(unpriced, 0)).where(*in_month, *called)
    ).one()
    trained = connection.execute(
        select(events.c.cost)
        .where(events.c.kind == "training", events.c.recorded_at >= begin, events.c.recorded_at < end)
        .where(*_where_trained(connection, name, names))
    ).scalars()
    costs = list(trained)
    open_jobs = connection.execute(
        select(func.coalesce(jobs.c.suffix, jobs.c.model), jobs.c.estimate).where(
            jobs.c.status.not_in(("succeeded", "failed", "cancelled")), jobs.c.estimate.is_not(None)
        )
    ).all()
    ours = {*names, *_same(connection, name, [job for job, _ in open_jobs])}
    estimates: list[JobEstimate] = [estimate for job, estimate in open_jobs if not names or job in ours]
    expected = [estimate["usd"] for estimate in estimates]
    known = [cost for cost in [*costs, *expected] if cost is not None]
    return float(calls[0]) + sum(known), int(calls[1]) + len(costs) + len(expected) - len(known)


def _where_trained(connection: Connection, name: str, names: list[str]) -> list[ColumnElement[bool]]:
    """Training under a model's name, or by a job that the model was registered from: its models share one payment."""
    if not names:
        return []
    events, versions = tables.cost_events.c, tables.model_versions.c
    trained = connection.scalars(select(events.model_name).where(events.kind == "training").distinct())
    names = [*names, *_same(connection, name, trained)]
    jobs = select(versions.job_id).where(versions.model_name == name)
    return [or_(events.model_name.in_(names), events.job_id.in_(jobs))]


def _where_name(column: ColumnElement[str], names: list[str]) -> list[ColumnElement[bool]]:
    return [column.in_(names)] if names else []
