"""By which weight each waiting call is drawn for a review, and which calls were drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypedDict

from sqlalchemy import ColumnElement, Connection, Select, func, select, update

from fine_tuning.store import tables
from fine_tuning.store.examples import record_of
from fine_tuning.store.records.examples import Example
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.upsert import insert

BLOCK = 500  # parameters of a statement
_draws, _examples, _calls = tables.review_draws, tables.examples, tables.gateway_calls
_HUMAN = "human"  # is said to have answered a correction
Conditions = Sequence[ColumnElement[bool]]


class Draw(TypedDict):
    """A row of `review_draws` before it is stored."""

    example_id: str
    weight: float
    draw: float
    reason: str | None
    entered_at: datetime


class Cohort(NamedTuple):
    """Calls that entered the inbox at one time; `first_waiting` is their lowest draw without a rating, or None."""

    entered_at: datetime
    calls: int
    first_waiting: float | None


class RatedDraw(NamedTuple):
    """A call in the inbox that has a rating, 1 to 5."""

    example_id: str
    entered_at: datetime
    weight: float
    draw: float
    rating: int


def has_new(connection: Connection) -> bool:
    """Whether a call waits that has no weight yet."""
    return connection.scalar(_new().with_only_columns(_examples.c.id).limit(1)) is not None


def new(connection: Connection, limit: int) -> list[Example]:
    """Calls that wait and have no weight yet."""
    return [record_of(row) for row in connection.execute(_new().limit(limit))]


def _new() -> Select[tuple[Any, ...]]:
    joined = _examples.outerjoin(_draws, _draws.c.example_id == _examples.c.id)
    return select(_examples).select_from(joined).where(_examples.c.judged.is_(False), _draws.c.example_id.is_(None))


def slices(connection: Connection) -> list[tuple[str, str, int]]:
    """Domain, task type and number of all captured calls."""
    columns = _examples.c.domain, _examples.c.task_type
    return [(row[0], row[1], row[2]) for row in connection.execute(select(*columns, func.count()).group_by(*columns))]


def shadow_answers(connection: Connection, ids: Sequence[str]) -> dict[str, list[JsonColumn]]:
    """What candidates answered in shadow to the requests of these calls."""
    shadows = _calls.alias()
    query = select(_calls.c.example_id, shadows.c.answer).join(shadows, shadows.c.pair_id == _calls.c.id)
    found: dict[str, list[JsonColumn]] = defaultdict(list)
    for start in range(0, len(ids), BLOCK):
        is_one = _calls.c.example_id.in_(ids[start : start + BLOCK])
        for row in connection.execute(query.where(is_one, shadows.c.answer.is_not(None))):
            found[row[0]].append(row[1])
    return dict(found)


def add(connection: Connection, draws: Sequence[Draw]) -> None:
    """Store the weights of calls; a call keeps the one that it has."""
    connection.execute(insert(connection, _draws).on_conflict_do_nothing(), list(draws))


def reasons(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Why calls have more than the lowest weight; the others are left out."""
    query = select(_draws.c.example_id, _draws.c.reason).where(_draws.c.example_id.in_(ids))
    return {row[0]: row[1] for row in connection.execute(query.where(_draws.c.reason.is_not(None)))}


def cohorts(connection: Connection, conditions: Conditions) -> list[Cohort]:
    """The calls that estimates are of, by when they entered, oldest first.

    Args:
        conditions: of the calls, see `reviews.matching`.
    """
    first = func.min(_draws.c.draw).filter(_examples.c.judged.is_(False))
    query = _counted(select(_draws.c.entered_at, func.count(), first), conditions)
    rows = connection.execute(query.group_by(_draws.c.entered_at).order_by(_draws.c.entered_at))
    return [Cohort(*row) for row in rows]


def rated(connection: Connection, conditions: Conditions) -> list[RatedDraw]:
    """The rated ones of the calls that estimates are of, in the order in which they were asked."""
    columns = _draws.c.example_id, _draws.c.entered_at, _draws.c.weight, _draws.c.draw, _examples.c.rating
    query = _counted(select(*columns), [*conditions, _examples.c.judged.is_(True)])
    return [RatedDraw(*row) for row in connection.execute(query.order_by(_draws.c.draw))]


def population(connection: Connection, conditions: Conditions, until: datetime) -> list[Example]:
    """The calls that estimates are of and that had entered by a time, in the order of their draws."""
    query = _counted(select(_examples), [*conditions, _draws.c.entered_at <= until])
    return [record_of(row) for row in connection.execute(query.order_by(_draws.c.draw))]


def rated_otherwise(connection: Connection, conditions: Conditions) -> int:
    """The number of rated calls that were never drawn: by feedback, by a vote, or before there were weights."""
    joined = _examples.outerjoin(_draws, _draws.c.example_id == _examples.c.id)
    query = select(func.count()).select_from(joined).where(*conditions, _examples.c.judged.is_(True))
    return connection.scalar(query.where(_draws.c.example_id.is_(None), _examples.c.model_used != _HUMAN)) or 0


def leave_out(connection: Connection, ids: Select[tuple[str]]) -> None:
    """Take calls out of estimates: the others of their time are deleted."""
    connection.execute(update(_draws).where(_draws.c.example_id.in_(ids)).values(is_counted=False))


def _counted(query: Select[tuple[Any, ...]], conditions: Conditions) -> Select[tuple[Any, ...]]:
    joined = _draws.join(_examples, _examples.c.id == _draws.c.example_id)
    return query.select_from(joined).where(_draws.c.is_counted, *conditions)
