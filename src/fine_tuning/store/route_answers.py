"""What a route was asked and answered, and how that was rated; calls in shadow are not among it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, FromClause, Select, exists, func, or_, select, tuple_

from fine_tuning.store import tables
from fine_tuning.store.examples import KEY, record_of
from fine_tuning.store.records.examples import Example

_calls, _examples, _feedback = tables.gateway_calls, tables.examples, tables.call_feedback
KeyedExample = tuple[str | None, Example]  # with its conversation, else who asked; None where neither is known


def first(connection: Connection, project: str, route: str) -> datetime | None:
    """When the first call came."""
    query = select(func.min(_calls.c.started_at)).where(*_of(project, route))
    found: datetime | None = connection.scalar(query)
    return found


def oldest(connection: Connection, project: str, route: str, since: datetime | None, limit: int) -> list[KeyedExample]:
    """The first calls since a moment, or of all, oldest first."""
    query = _answers(project, route)
    query = query if since is None else query.where(_calls.c.started_at >= since)
    return _read(connection, query.order_by(_calls.c.started_at, _calls.c.id).limit(limit))


def newest_before(connection: Connection, project: str, route: str, until: datetime, limit: int) -> list[KeyedExample]:
    """The last calls before a moment, newest first."""
    query = _answers(project, route).where(_calls.c.started_at < until)
    return _read(connection, query.order_by(_calls.c.started_at.desc(), _calls.c.id).limit(limit))


def without_good_rating(connection: Connection, project: str, route: str, good: int, limit: int) -> list[Example]:
    """The newest calls whose answers nobody has called good, newest first."""
    query = _answers(project, route).where(or_(~_examples.c.judged, _examples.c.rating < good))
    found = _read(connection, query.order_by(_calls.c.started_at.desc(), _calls.c.id).limit(limit))
    return [example for _, example in found]


def ratings(connection: Connection, project: str, route: str, since: datetime | None, limit: int) -> list[int]:
    """The first ratings (1 to 5) since a moment, in the order in which they came; of each call only its first one."""
    query = _rated(select(_feedback.c.rating), project, route, since)
    return list(connection.scalars(query.order_by(_feedback.c.created_at, _feedback.c.id).limit(limit)))


def count_ratings(connection: Connection, project: str, route: str, since: datetime | None) -> int:
    """How many calls were rated since a moment: by the application, and by reviewers."""
    given = _rated(select(func.count()), project, route, since)
    reviews = tables.reviews
    ids = select(_calls.c.example_id).where(*_of(project, route))
    query = select(func.count(reviews.c.example_id.distinct()))
    query = query.where(reviews.c.example_id.in_(ids), reviews.c.undone_at.is_(None))
    query = query if since is None else query.where(reviews.c.created_at >= since)
    return sum(connection.scalars(each).one() for each in (given, query))


def _rated(query: Select[tuple[int]], project: str, route: str, since: datetime | None) -> Select[tuple[int]]:
    query = query.select_from(_feedback.join(_calls, _feedback.c.call_id == _calls.c.id))
    query = query.where(*_of(project, route), *_is_rating(_feedback, project), ~_is_repeated(project))
    return query if since is None else query.where(_feedback.c.created_at >= since)


def _is_rating(feedback: FromClause, project: str) -> list[ColumnElement[bool]]:
    """Whether feedback rates a call of its own project: another one may name its id, too."""
    return [feedback.c.project == project, feedback.c.rating.is_not(None)]


def _is_repeated(project: str) -> ColumnElement[bool]:
    """Whether a call was rated before: what is sent twice is no second rating."""
    earlier = _feedback.alias()
    moment = tuple_(_feedback.c.created_at, _feedback.c.id)
    is_before = tuple_(earlier.c.created_at, earlier.c.id) < moment
    return exists().where(earlier.c.call_id == _feedback.c.call_id, *_is_rating(earlier, project), is_before)


def _answers(project: str, route: str) -> Select[tuple[object, ...]]:
    key = func.coalesce(_calls.c.conversation, _calls.c.unit).label(KEY)
    return select(key, _examples).select_from(_calls.join(_examples)).where(*_of(project, route))


def _of(project: str, route: str) -> list[ColumnElement[bool]]:
    is_asked = or_(_calls.c.role.is_(None), _calls.c.role != "shadow")
    return [_calls.c.project == project, _calls.c.route == route, is_asked]


def _read(connection: Connection, query: Select[tuple[object, ...]]) -> list[KeyedExample]:
    return [(row.key, record_of(row)) for row in connection.execute(query).all()]
