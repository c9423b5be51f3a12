"""Reviews of captured calls, and claims: a call is claimed by one reviewer at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, or_, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database_clock import database_now
from fine_tuning.store.examples import record_of
from fine_tuning.store.records.examples import Example, Review
from fine_tuning.store.records.rows import record, records
from fine_tuning.store.upsert import insert

_examples = tables.examples
_reviews = tables.reviews
_claims = tables.review_claims
_draws = tables.review_draws
_LOWEST_DRAW_FIRST = (_draws.c.draw.nulls_last(), _examples.c.captured_at, _examples.c.id)
Conditions = Sequence[ColumnElement[bool]]


@dataclass(frozen=True)
class Filters:
    """Which calls to review: those captured from `since` on and before `until` (UTC)."""

    domain: str | None = None
    model: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class FilterChoices(TypedDict):
    """The values that filters can have."""

    domain: list[str]
    model: list[str]


class NewReview(TypedDict):
    """A review before it is stored."""

    example_id: str
    reviewer: str
    rating: int
    rating_before: int
    judged_before: bool
    corrected_id: str | None


def matching(filters: Filters) -> Conditions:
    """The calls that filters select."""
    equal = {_examples.c.domain: filters.domain, _examples.c.model_used: filters.model}
    found: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value]
    found += [_examples.c.captured_at >= filters.since] if filters.since else []
    found += [_examples.c.captured_at < filters.until] if filters.until else []
    return found


def waiting(filters: Filters, second_opinion_of: str | None = None) -> Conditions:
    """Which calls wait for a review.

    Args:
        second_opinion_of: a reviewer; the calls that exactly one other person has reviewed. None for those without a
            review.
    """
    found = matching(filters)
    if second_opinion_of is None:
        return [_examples.c.judged.is_(False), *found]
    is_valid = _reviews.c.undone_at.is_(None)
    once = select(_reviews.c.example_id).where(is_valid).group_by(_reviews.c.example_id)
    reviewer = _reviews.c.reviewer
    once = once.having(func.count(func.distinct(reviewer)) == 1, func.min(reviewer) != second_opinion_of)
    return [_examples.c.id.in_(once), *found]


def count(connection: Connection, conditions: Conditions) -> int:
    """The number of calls that fulfil conditions."""
    return connection.scalar(select(func.count()).select_from(_examples).where(*conditions)) or 0


def filter_choices(connection: Connection, conditions: Conditions) -> FilterChoices:
    """The domains and models of the calls that fulfil conditions."""
    pairs = connection.execute(select(_examples.c.domain, _examples.c.model_used).where(*conditions).distinct()).all()
    return {"domain": sorted({pair[0] for pair in pairs}), "model": sorted({pair[1] for pair in pairs})}


def find(connection: Connection, conditions: Conditions, limit: int) -> list[Example]:
    """Up to `limit` calls that fulfil conditions, lowest draw first."""
    return [record_of(row) for row in connection.execute(_in_order(conditions).limit(limit))]


def _in_order(conditions: Conditions) -> Select[tuple[object, ...]]:
    """Calls that fulfil conditions, lowest draw first; those without one, oldest first."""
    joined = _examples.outerjoin(_draws, _draws.c.example_id == _examples.c.id)
    return select(_examples).select_from(joined).where(*conditions).order_by(*_LOWEST_DRAW_FIRST)


@dataclass(frozen=True)
class Claims:
    """The calls that one reviewer's seat has claimed.

    Attributes:
        seconds: after which a claim expires.
        clock: gives the current time (UTC), the database's: the machines of reviewers may disagree about theirs.
    """

    seat: str
    seconds: float
    clock: Callable[[Connection], datetime] = database_now

    def claim(self, connection: Connection, conditions: Conditions, limit: int) -> list[Example]:
        """Claim up to `limit` calls that no other seat has, lowest draw first, after those that this seat has."""
        moment = self.clock(connection)
        until = moment + timedelta(seconds=self.seconds)
        connection.execute(delete(_claims).where(_claims.c.expires_at <= moment))
        too_long = update(_claims).where(_claims.c.expires_at > until)  # of a clock that was ahead
        connection.execute(too_long.values(expires_at=until))
        of_example = _claims.c.example_id == _examples.c.id
        mine = find(connection, [*conditions, exists().where(of_example, _claims.c.reviewer == self.seat)], limit)
        free = _in_order([*conditions, ~exists().where(of_example)])
        if connection.dialect.name == "postgresql":
            free = free.with_for_update(skip_locked=True, of=_examples)
        found = mine + [record_of(row) for row in connection.execute(free.limit(limit - len(mine)))]
        if found:
            statement = insert(connection, _claims)
            connection.execute(
                statement.on_conflict_do_update(index_elements=[_claims.c.example_id], set_={"expires_at": until}),
                [{"example_id": each["id"], "reviewer": self.seat, "expires_at": until} for each in found],
            )
        return found

    def claim_one(self, connection: Connection, example_id: str) -> None:
        """Claim a call that no seat has."""
        until = self.clock(connection) + timedelta(seconds=self.seconds)
        claim = {"example_id": example_id, "reviewer": self.seat, "expires_at": until}
        connection.execute(insert(connection, _claims).on_conflict_do_nothing(), claim)

    def holder(self, connection: Connection, example_id: str) -> str | None:
        """The seat that has a claim on a call; None if it is free."""
        is_valid = _claims.c.expires_at > self.clock(connection)
        return connection.scalar(select(_claims.c.reviewer).where(_claims.c.example_id == example_id, is_valid))

    def release(self, connection: Connection, *, keep: Collection[str] = ()) -> None:
        """Release the claims of this seat, except those on the calls to keep."""
        query = delete(_claims).where(_claims.c.reviewer == self.seat, _claims.c.example_id.not_in(keep))
        connection.execute(query)


def release_example(connection: Connection, example_id: str) -> None:
    """Release the claim on a call, whichever seat has it."""
    connection.execute(delete(_claims).where(_claims.c.example_id == example_id))


def add(connection: Connection, review: NewReview) -> None:
    """Store a review."""
    connection.execute(_reviews.insert().values(**review, created_at=now()))


def of_example(connection: Connection, example_id: str) -> list[Review]:
    """The valid reviews of a call, oldest first."""
    query = select(_reviews).where(_reviews.c.example_id == example_id, _reviews.c.undone_at.is_(None))
    return records(Review, connection.execute(query.order_by(_reviews.c.id)).mappings())


def newest_of(connection: Connection, reviewer: str) -> Review | None:
    """A reviewer's last valid review."""
    query = select(_reviews).where(_reviews.c.reviewer == reviewer, _reviews.c.undone_at.is_(None))
    row = connection.execute(query.order_by(_reviews.c.id.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else record(Review, row)


def undo(connection: Connection, review_id: int) -> None:
    """Mark a review as undone."""
    connection.execute(update(_reviews).where(_reviews.c.id == review_id).values(undone_at=now()))


def ratings(connection: Connection, limit: int) -> list[tuple[str, str, int]]:
    """Call, reviewer and rating of the newest `limit` reviews of calls with several reviewers."""
    is_valid = _reviews.c.undone_at.is_(None)
    several = select(_reviews.c.example_id).where(is_valid).group_by(_reviews.c.example_id)
    several = several.having(func.count(func.distinct(_reviews.c.reviewer)) > 1)
    columns = (_reviews.c.example_id, _reviews.c.reviewer, _reviews.c.rating)
    query = select(*columns).where(is_valid, _reviews.c.example_id.in_(several)).order_by(_reviews.c.id.desc())
    return [(row[0], row[1], row[2]) for row in connection.execute(query.limit(limit))]


def by_reviewer(connection: Connection) -> list[tuple[str, int]]:
    """The number of valid reviews of each reviewer, highest first."""
    total = func.count().label("total")
    query = select(_reviews.c.reviewer, total).where(_reviews.c.undone_at.is_(None)).group_by(_reviews.c.reviewer)
    return [(row[0], row[1]) for row in connection.execute(query.order_by(total.desc(), _reviews.c.reviewer))]


def remove_correction(connection: Connection, worse_id: str, better_id: str) -> bool:
    """Remove a preference pair and its corrected call; False if the corrected call is used elsewhere.

    It is used if it was captured again, reviewed or corrected, or is part of a dataset, stored completion or response.
    """
    pair = and_(tables.preferences.c.example_id == worse_id, tables.preferences.c.chosen_id == better_id)
    members, preferences = tables.dataset_examples, tables.preferences
    used = or_(
        exists().where(members.c.example_id == better_id),
        exists().where(_reviews.c.example_id == better_id),
        exists().where(tables.completions.c.example_id == better_id),
        exists().where(tables.responses.c.example_id == better_id),
        exists().where(preferences.c.example_id == better_id),
        exists().where(preferences.c.chosen_id == better_id, preferences.c.example_id != worse_id),
        exists().where(_examples.c.id == better_id, _examples.c.sightings > 1),
    )
    if connection.scalar(select(used)):
        return False
    connection.execute(delete(preferences).where(pair))
    connection.execute(delete(_examples).where(_examples.c.id == better_id))
    return True
