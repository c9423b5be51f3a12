"""Who judged which captured call, and whose turn it is: each call is with one reviewer at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.examples import record_of
from fine_tuning.store.upsert import insert

_examples = tables.examples
_reviews = tables.reviews
_claims = tables.review_claims
_OLDEST = (_examples.c.captured_at, _examples.c.id)


def conditions(
    *,
    domain: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    second_opinion_of: str | None = None,
) -> list[ColumnElement[bool]]:
    """Which calls wait for a judgement; `until` is not among the times.

    Args:
        second_opinion_of: those that exactly one reviewer has judged, and not this one; None for those nobody has.
    """
    wanted = {_examples.c.domain: domain, _examples.c.model_used: model}
    found: list[ColumnElement[bool]] = [column == value for column, value in wanted.items() if value]
    found += [_examples.c.captured_at >= since] if since else []
    found += [_examples.c.captured_at < until] if until else []
    if second_opinion_of is None:
        return [_examples.c.judged.is_(False), *found]
    stands = _reviews.c.undone_at.is_(None)
    once = select(_reviews.c.example_id).where(stands).group_by(_reviews.c.example_id)
    reviewer = _reviews.c.reviewer
    once = once.having(func.count(func.distinct(reviewer)) == 1, func.min(reviewer) != second_opinion_of)
    return [_examples.c.id.in_(once), *found]


def count(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> int:
    """How many calls fulfil conditions."""
    return connection.scalar(select(func.count()).select_from(_examples).where(*conditions)) or 0


def values(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> dict[str, list[str]]:
    """The domains and models of the calls that fulfil conditions."""
    pairs = connection.execute(select(_examples.c.domain, _examples.c.model_used).where(*conditions).distinct()).all()
    return {"domain": sorted({pair[0] for pair in pairs}), "model": sorted({pair[1] for pair in pairs})}


def peek(connection: Connection, wanted: Sequence[ColumnElement[bool]], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` calls that fulfil conditions, oldest first."""
    query = select(_examples).where(*wanted).order_by(*_OLDEST).limit(limit)
    return [record_of(row) for row in connection.execute(query)]


def claim(
    connection: Connection, seat: str, wanted: Sequence[ColumnElement[bool]], limit: int, seconds: float
) -> list[dict[str, Any]]:
    """Give a seat up to `limit` calls that no other has, oldest first; those that are there already stay there."""
    moment = now()
    connection.execute(delete(_claims).where(_claims.c.expires_at <= moment))
    of_example = _claims.c.example_id == _examples.c.id
    mine = peek(connection, [*wanted, exists().where(of_example, _claims.c.reviewer == seat)], limit)
    free = select(_examples).where(*wanted, ~exists().where(of_example)).order_by(*_OLDEST)
    if connection.dialect.name == "postgresql":
        free = free.with_for_update(skip_locked=True)
    rows = mine + [record_of(row) for row in connection.execute(free.limit(limit - len(mine)))]
    if rows:
        statement = insert(connection, _claims)
        until = moment + timedelta(seconds=seconds)
        connection.execute(
            statement.on_conflict_do_update(index_elements=[_claims.c.example_id], set_={"expires_at": until}),
            [{"example_id": row["id"], "reviewer": seat, "expires_at": until} for row in rows],
        )
    return sorted(rows, key=lambda row: (row["captured_at"], row["id"]))


def hold(connection: Connection, seat: str, example_id: str, seconds: float) -> None:
    """Give a seat a call that nobody has."""
    claim = {"example_id": example_id, "reviewer": seat, "expires_at": now() + timedelta(seconds=seconds)}
    connection.execute(insert(connection, _claims).on_conflict_do_nothing(), claim)


def seat_of(connection: Connection, example_id: str) -> str | None:
    """Where a call is now; None where it is free."""
    query = select(_claims.c.reviewer).where(_claims.c.example_id == example_id, _claims.c.expires_at > now())
    return connection.scalar(query)


def let_go(connection: Connection, seat: str, *, but: Collection[str] = ()) -> None:
    """Make the calls at a seat free for others, but for these."""
    connection.execute(delete(_claims).where(_claims.c.reviewer == seat, _claims.c.example_id.not_in(but)))


def let_go_of(connection: Connection, example_id: str) -> None:
    """A call is with nobody now."""
    connection.execute(delete(_claims).where(_claims.c.example_id == example_id))


def add(connection: Connection, review: Mapping[str, Any]) -> None:
    """Record a judgement."""
    connection.execute(_reviews.insert().values(**review, created_at=now()))


def of_example(connection: Connection, example_id: str) -> list[dict[str, Any]]:
    """The judgements of a call that stand, oldest first."""
    query = select(_reviews).where(_reviews.c.example_id == example_id, _reviews.c.undone_at.is_(None))
    return [dict(row) for row in connection.execute(query.order_by(_reviews.c.id)).mappings()]


def newest_of(connection: Connection, reviewer: str) -> dict[str, Any] | None:
    """A reviewer's last judgement that stands."""
    query = select(_reviews).where(_reviews.c.reviewer == reviewer, _reviews.c.undone_at.is_(None))
    row = connection.execute(query.order_by(_reviews.c.id.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else dict(row)


def undo(connection: Connection, review_id: int) -> None:
    """A judgement stands no longer."""
    connection.execute(update(_reviews).where(_reviews.c.id == review_id).values(undone_at=now()))


def ratings(connection: Connection, limit: int) -> list[tuple[str, str, int]]:
    """Call, reviewer and rating of the newest `limit` judgements of calls that several reviewers have judged."""
    stands = _reviews.c.undone_at.is_(None)
    several = select(_reviews.c.example_id).where(stands).group_by(_reviews.c.example_id)
    several = several.having(func.count(func.distinct(_reviews.c.reviewer)) > 1)
    columns = (_reviews.c.example_id, _reviews.c.reviewer, _reviews.c.rating)
    query = select(*columns).where(stands, _reviews.c.example_id.in_(several)).order_by(_reviews.c.id.desc())
    return [(row[0], row[1], row[2]) for row in connection.execute(query.limit(limit))]


def by_reviewer(connection: Connection) -> list[tuple[str, int]]:
    """How many judgements of each reviewer stand, most first."""
    total = func.count().label("total")
    query = select(_reviews.c.reviewer, total).where(_reviews.c.undone_at.is_(None)).group_by(_reviews.c.reviewer)
    return [(row[0], row[1]) for row in connection.execute(query.order_by(total.desc(), _reviews.c.reviewer))]


def take_back_correction(connection: Connection, worse_id: str, better_id: str) -> bool:
    """Remove the pair and the corrected call; False where the call has become more than this correction.

    That is: it was seen again, judged, corrected itself, or is part of a frozen data set or stored completion.
    """
    pair = and_(tables.preferences.c.example_id == worse_id, tables.preferences.c.chosen_id == better_id)
    members, preferences = tables.dataset_examples, tables.preferences
    used = or_(
        exists().where(members.c.example_id == better_id),
        exists().where(_reviews.c.example_id == better_id),
        exists().where(tables.completions.c.example_id == better_id),
        exists().where(preferences.c.example_id == better_id),
        exists().where(preferences.c.chosen_id == better_id, preferences.c.example_id != worse_id),
        exists().where(_examples.c.id == better_id, _examples.c.sightings > 1),
    )
    if connection.scalar(select(used)):
        return False
    connection.execute(delete(preferences).where(pair))
    connection.execute(delete(_examples).where(_examples.c.id == better_id))
    return True
