"""Calls that the gateway passed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select

from fine_tuning.store import tables
from fine_tuning.store.records.gateway_calls import GatewayCall
from fine_tuning.store.records.rows import record, records

_table = tables.gateway_calls
_is_good = func.coalesce(_table.c.status, 0).between(200, 299) & _table.c.is_whole


class Filters(NamedTuple):
    """Which calls; None for any.

    Attributes:
        model: that answered, else that was asked.
        is_failed: without a response, one of an error, or one that broke off.
        text: anywhere in what was asked last or answered, in any case.
    """

    project: str | None = None
    model: str | None = None
    unit: str | None = None
    conversation: str | None = None
    is_failed: bool | None = None
    since: datetime | None = None
    route: str | None = None
    upstream: str | None = None
    text: str | None = None


class CallFacts(NamedTuple):
    """What figures of many calls need, see `GatewayCall`."""

    upstream: str
    role: str | None
    target: str | None
    started_at: datetime
    seconds: float | None
    first_byte_seconds: float | None
    prompt_tokens: int | None
    cost: float | None
    is_failed: bool


def known(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Which of these calls are stored."""
    return set(connection.scalars(select(_table.c.id).where(_table.c.id.in_(ids))))


def add(connection: Connection, calls: Sequence[GatewayCall]) -> None:
    """Store new calls."""
    if calls:
        connection.execute(_table.insert(), [dict(call) for call in calls])


def get(connection: Connection, call_id: str, project: str | None = None) -> GatewayCall | None:
    """A call (of a project), or None."""
    query = select(_table).where(_table.c.id == call_id, *_conditions(Filters(project)))
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(GatewayCall, row)


def of_own_id(connection: Connection, project: str, own_id: str) -> list[GatewayCall]:
    """The calls to which the application gave this id, newest first: a call that it repeated has it again."""
    query = select(_table).where(_table.c.project == project, _table.c.own_id == own_id)
    return records(GatewayCall, connection.execute(query.order_by(_table.c.started_at.desc())).mappings())


def newest(
    connection: Connection, filters: Filters | None = None, limit: int = 100, offset: int = 0
) -> list[GatewayCall]:
    """The newest calls first."""
    query = _found(filters or Filters()).order_by(_table.c.started_at.desc(), _table.c.id.desc())
    return records(GatewayCall, connection.execute(query.limit(limit).offset(offset)).mappings())


def count(connection: Connection, filters: Filters) -> int:
    """How many calls there are."""
    query = select(func.count()).select_from(_table).where(*_conditions(filters))
    return connection.scalar(query) or 0


def values(connection: Connection, column: str, limit: int = 200) -> list[str]:
    """The values of a column that calls have, in their order."""
    found = _table.c[column]
    return list(connection.scalars(select(found).where(found.is_not(None)).distinct().order_by(found).limit(limit)))


def facts(connection: Connection, filters: Filters, limit: int) -> list[CallFacts]:
    """Those of the newest calls."""
    columns = [_table.c[name] for name in CallFacts._fields if name != "is_failed"]
    query = select(*columns, (~_is_good).label("is_failed")).where(*_conditions(filters))
    rows = connection.execute(query.order_by(_table.c.started_at.desc()).limit(limit)).mappings()
    return [CallFacts(**row) for row in rows]


def each(connection: Connection, filters: Filters) -> Iterator[GatewayCall]:
    """Every call, oldest first, with a block of them in memory at a time."""
    query = _found(filters).order_by(_table.c.started_at, _table.c.id)
    rows = connection.execution_options(yield_per=1000).execute(query).mappings()
    return (record(GatewayCall, row) for row in rows)


def _found(filters: Filters) -> Select[tuple[object, ...]]:
    return select(_table).where(*_conditions(filters))


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    equal: Mapping[str, str | None] = {
        name: getattr(filters, name) for name in ("project", "model", "unit", "conversation", "route", "upstream")
    }
    found = [_table.c[name] == value for name, value in equal.items() if value is not None]
    if filters.since is not None:
        found.append(_table.c.started_at >= filters.since)
    if filters.is_failed is not None:
        found.append(~_is_good if filters.is_failed else _is_good)
    if filters.text is not None:
        texts = tables.examples.c
        has = texts.prompt.icontains(filters.text, autoescape=True) | texts.response.icontains(
            filters.text, autoescape=True
        )
        found.append(_table.c.example_id.in_(select(texts.id).where(has)))
    return found


def oldest_within(connection: Connection, most_bytes: int) -> datetime | None:
    """The time from which on the calls have at most so many bytes in all; None where all of them have."""
    total = func.sum(_table.c.bytes).over(order_by=(_table.c.started_at.desc(), _table.c.id.desc()))
    sums = select(_table.c.started_at, total.label("total")).subquery()
    query = select(func.max(sums.c.started_at)).where(sums.c.total > most_bytes)
    found: datetime | None = connection.scalar(query)
    return found


def remove_until(connection: Connection, until: datetime, limit: int) -> list[str | None]:
    """Delete up to so many of the oldest calls, and what was said of them, the last one at this time; samples of a
    running A/B test stay, whose outcomes may come days later and count for the ramp.

    Returns the examples that they were.
    """
    query = select(_table.c.id, _table.c.example_id).where(_table.c.started_at <= until, ~_is_sample_of_running_test())
    rows = connection.execute(query.order_by(_table.c.started_at).limit(limit)).all()
    ids = [row.id for row in rows]
    feedback = tables.call_feedback
    connection.execute(delete(feedback).where(feedback.c.call_id.in_(ids)))
    connection.execute(delete(_table).where(_table.c.id.in_(ids)))
    return [row.example_id for row in rows]


def _is_sample_of_running_test() -> ColumnElement[bool]:
    samples, tests = tables.samples.c, tables.experiments.c
    found = select(tests.id).where(tests.status == "running", samples.experiment_id == tests.id)
    is_its = (samples.sample_id == _table.c.id) & (samples.arm == _table.c.arm)
    return _table.c.arm.is_not(None) & found.where(is_its).exists()


def of_candidate(connection: Connection, project: str, route: str, revision: int, limit: int) -> list[GatewayCall]:
    """The newest calls that the candidate of a route answered, since one of its revisions."""
    query = select(_table).where(*_of_route(project, route), _table.c.revision >= revision)
    query = query.where(_table.c.role == "candidate").order_by(_table.c.started_at.desc()).limit(limit)
    return records(GatewayCall, connection.execute(query).mappings())


def scored_samples(connection: Connection, test_id: str, project: str, route: str, revision: int) -> int:
    """How many calls of a revision of a route are samples of the candidate with a score."""
    samples = tables.samples
    is_sample = (samples.c.experiment_id == test_id) & (samples.c.sample_id == _table.c.id)
    query = select(func.count()).select_from(_table.join(samples, is_sample))
    query = query.where(*_of_route(project, route), _table.c.revision == revision)
    return connection.scalar(query.where(samples.c.arm == "model_b", samples.c.score.is_not(None))) or 0


class Pair(NamedTuple):
    """A call in shadow, and the one that it shadows."""

    shadow: GatewayCall
    call: GatewayCall


def pairs(connection: Connection, project: str, route: str, revision: int, limit: int) -> list[Pair]:
    """The newest calls in shadow of a route since one of its revisions, each with the call that it shadows."""
    query = select(_table).where(*_of_route(project, route), _table.c.revision >= revision, _table.c.role == "shadow")
    query = query.order_by(_table.c.started_at.desc(), _table.c.id).limit(limit)
    shadows = records(GatewayCall, connection.execute(query).mappings())
    found = select(_table).where(_table.c.id.in_([each["pair_id"] for each in shadows]))
    calls = {each["id"]: each for each in records(GatewayCall, connection.execute(found).mappings())}
    return [Pair(each, calls[each["pair_id"]]) for each in shadows if each["pair_id"] in calls]


def _of_route(project: str, route: str) -> list[ColumnElement[bool]]:
    return [_table.c.project == project, _table.c.route == route]
