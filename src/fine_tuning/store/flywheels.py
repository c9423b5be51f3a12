"""Runs of the flywheel, one at a time for a route; each step is recorded when it begins and when it ends."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from fine_tuning.errors import ConflictError
from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database_clock import cap_leases, database_now
from fine_tuning.store.records.flywheels import (
    DriftLook,
    EndStatus,
    FlywheelAlert,
    FlywheelRun,
    FlywheelStatus,
    FlywheelStep,
)
from fine_tuning.store.records.rows import JsonColumn, record, records
from fine_tuning.store.upsert import insert

LEASE_SECONDS = 120.0
OPEN = ("running", "waiting")
_runs, _steps, _alerts = tables.flywheel_runs, tables.flywheel_steps, tables.flywheel_alerts
_looks = tables.drift_looks
_ALERT = [column for column in _alerts.c if column.name != "id"]
_LOOK = [column for column in _looks.c if column.name != "id"]
MOST_LOOKS = 500  # of a route


def begin(connection: Connection, place: tuple[str, str], trigger: str, policy: JsonColumn, step: str) -> FlywheelRun:
    """Record a new run.

    Args:
        place: project and route.
        step: the first one.

    Raises:
        ConflictError: a run of the route is open.
    """
    project, route = place
    values = {"project": project, "route": route, "trigger": trigger, "policy": policy, "status": "running"}
    with connection.begin_nested() as attempt:
        try:
            created = connection.execute(_runs.insert().values(**values, step=step, created_at=now()))
        except IntegrityError:
            attempt.rollback()
            raise ConflictError(f"a run of route {route} is open already; see ft-cli flywheel list") from None
    found = get(connection, int(created.inserted_primary_key[0]))  # type: ignore[index]
    assert found is not None  # noqa: S101 - it was inserted in this transaction
    return found


def get(connection: Connection, run_id: int) -> FlywheelRun | None:
    """A run, or None."""
    row = connection.execute(select(_runs).where(_runs.c.id == run_id)).mappings().one_or_none()
    return None if row is None else record(FlywheelRun, row)


def newest(
    connection: Connection, project: str | None = None, route: str | None = None, limit: int = 50
) -> list[FlywheelRun]:
    """The newest runs first, of a project or a route where given."""
    given = {"project": project, "route": route}
    query = select(_runs).where(*(_runs.c[name] == value for name, value in given.items() if value is not None))
    return records(FlywheelRun, connection.execute(query.order_by(_runs.c.id.desc()).limit(limit)).mappings())


def claim(connection: Connection, run_id: int, worker: str) -> bool:
    """Take the run for a process, or keep it; False: another process advances it, or it has ended.

    Whatever a process does with a run it writes after this, in the same transaction: one that was taken for dead must
    not go on with a run that another one has taken over.
    """
    moment = database_now(connection)
    cap_leases(connection, _runs, moment)
    is_free = or_(_runs.c.worker.is_(None), _runs.c.lease_expires_at <= moment, _runs.c.worker == worker)
    until = moment + timedelta(seconds=LEASE_SECONDS)
    query = update(_runs).where(_runs.c.id == run_id, _runs.c.status.in_(OPEN), is_free)
    return connection.execute(query.values(worker=worker, lease_expires_at=until)).rowcount == 1


def release(connection: Connection, run_id: int, worker: str) -> None:
    """Let others advance the run."""
    query = update(_runs).where(_runs.c.id == run_id, _runs.c.worker == worker)
    connection.execute(query.values(worker=None, lease_expires_at=None))


def move(connection: Connection, run_id: int, step: str, status: FlywheelStatus, reason: str | None = None) -> None:
    """Set where an open run is, and what it waits for."""
    query = update(_runs).where(_runs.c.id == run_id, _runs.c.status.in_(OPEN))
    connection.execute(query.values(step=step, status=status, reason=reason))


def end(connection: Connection, run_id: int, status: EndStatus, reason: str) -> bool:
    """End a run; False: it has ended before."""
    query = update(_runs).where(_runs.c.id == run_id, _runs.c.status.in_(OPEN))
    ended = {"status": status, "reason": reason, "worker": None, "lease_expires_at": None, "ended_at": now()}
    return connection.execute(query.values(**ended)).rowcount == 1


def steps(connection: Connection, run_id: int) -> dict[str, FlywheelStep]:
    """The steps that a run has begun, or that were approved, by their names."""
    rows = connection.execute(select(_steps).where(_steps.c.run_id == run_id)).mappings()
    return {row["step"]: record(FlywheelStep, row) for row in rows}


def begin_step(connection: Connection, run_id: int, step: str) -> None:
    """Record that a step begins, or is looked at again."""
    _add_step(connection, run_id, step)
    began = {"attempts": _steps.c.attempts + 1, "began_at": func.coalesce(_steps.c.began_at, now())}
    connection.execute(update(_steps).where(*_is(run_id, step)).values(**began))


def fail_step(connection: Connection, run_id: int, step: str) -> None:
    """Count a failure of a step."""
    connection.execute(update(_steps).where(*_is(run_id, step)).values(failures=_steps.c.failures + 1))


def end_step(connection: Connection, run_id: int, step: str, facts: JsonColumn) -> None:
    """Record what a step found."""
    connection.execute(update(_steps).where(*_is(run_id, step)).values(facts=facts, ended_at=now()))


def approve(connection: Connection, run_id: int, step: str, by: str) -> None:
    """Record who lets a step begin."""
    _add_step(connection, run_id, step)
    connection.execute(update(_steps).where(*_is(run_id, step)).values(approved_by=by))


def _add_step(connection: Connection, run_id: int, step: str) -> None:
    new = insert(connection, _steps).values(run_id=run_id, step=step, attempts=0, failures=0)
    connection.execute(new.on_conflict_do_nothing())


def _is(run_id: int, step: str) -> list[ColumnElement[bool]]:
    return [_steps.c.run_id == run_id, _steps.c.step == step]


def add_alert(connection: Connection, alert: FlywheelAlert) -> None:
    """Record an alert."""
    connection.execute(_alerts.insert().values(**alert))


def alerts(connection: Connection, project: str, route: str, limit: int = 50) -> list[FlywheelAlert]:
    """The newest alerts of a route first."""
    query = select(*_ALERT).where(_alerts.c.project == project, _alerts.c.route == route)
    return records(FlywheelAlert, connection.execute(query.order_by(_alerts.c.id.desc()).limit(limit)).mappings())


def add_look(connection: Connection, look: DriftLook) -> None:
    """Record what a look for drift found; the oldest looks of a route are forgotten."""
    connection.execute(_looks.insert().values(**look))
    ids = select(_looks.c.id).where(_looks.c.project == look["project"], _looks.c.route == look["route"])
    oldest = connection.scalar(ids.order_by(_looks.c.id.desc()).offset(MOST_LOOKS).limit(1))
    if oldest is not None:
        connection.execute(delete(_looks).where(_looks.c.id.in_(ids), _looks.c.id <= oldest))


def looks(connection: Connection, project: str, route: str) -> list[DriftLook]:
    """The looks for drift of a route, oldest first."""
    query = select(*_LOOK).where(_looks.c.project == project, _looks.c.route == route)
    return records(DriftLook, connection.execute(query.order_by(_looks.c.id)).mappings())
