"""Captured calls, their ratings and corrections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.upsert import insert

CURATED_RATING = 4
BLOCK = 1000
_table = tables.examples
_columns = _table.c


def capture(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    """Store captured calls. Returns how many are new.

    One seen before gets one more sighting, and the newer rating unless somebody has judged it.
    """
    new = 0
    for row in rows:
        statement = insert(connection, _table).values(**row, sightings=1, last_seen_at=row["captured_at"])
        statement = statement.on_conflict_do_update(
            index_elements=[_columns.id],
            set_={
                "sightings": _columns.sightings + 1,
                "rating": case((_columns.judged, _columns.rating), else_=statement.excluded.rating),
                "last_seen_at": statement.excluded.last_seen_at,
            },
        )
        new += connection.execute(statement.returning(_columns.sightings)).scalar_one() == 1
    return new


def find(
    connection: Connection,
    *,
    min_rating: int,
    domain: str | None = None,
    task_type: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Records rated at least `min_rating`, oldest first."""
    wanted: list[ColumnElement[bool]] = [_columns.rating >= min_rating]
    if domain is not None:
        wanted.append(_columns.domain == domain)
    if task_type is not None:
        wanted.append(_columns.task_type == task_type)
    query = select(_table).where(*wanted).order_by(_columns.captured_at, _columns.id).limit(limit)
    return [record_of(row) for row in connection.execute(query)]


def each(connection: Connection) -> Iterator[dict[str, Any]]:
    """Every record, oldest first, a block of them in memory at a time."""
    query = select(_table).order_by(_columns.captured_at, _columns.id)
    for row in connection.execution_options(yield_per=BLOCK).execute(query):
        yield record_of(row)


def get(connection: Connection, example_id: str) -> dict[str, Any] | None:
    """One record, or None."""
    row = connection.execute(select(_table).where(_columns.id == example_id)).one_or_none()
    return None if row is None else record_of(row)


def lock(connection: Connection, example_id: str) -> tuple[dict[str, Any], bool] | None:
    """One record that nobody changes until the end of the transaction, and whether it was judged; or None."""
    row = connection.execute(select(_table).where(_columns.id == example_id).with_for_update()).one_or_none()
    return None if row is None else (record_of(row), bool(row.judged))


def rate(connection: Connection, example_id: str, rating: int, *, judged: bool = True) -> bool:
    """Set a rating by judgement, which later sightings leave alone; False where there is no such example."""
    query = update(_table).where(_columns.id == example_id).values(rating=rating, judged=judged)
    return connection.execute(query).rowcount == 1


def add_preference(connection: Connection, worse: Mapping[str, Any], better: Mapping[str, Any]) -> None:
    """Remember which of two stored examples answers the prompt better; repeating it changes nothing."""
    statement = insert(connection, tables.preferences).values(
        example_id=worse["id"],
        prompt=worse["prompt"],
        chosen=better["response"],
        chosen_id=better["id"],
        rejected=worse["response"],
        created_at=now(),
    )
    connection.execute(statement.on_conflict_do_nothing())


def preferences(connection: Connection) -> list[dict[str, Any]]:
    """All preference pairs, oldest first: example_id, prompt, chosen, rejected, chosen_id."""
    table = tables.preferences
    columns = (table.c.example_id, table.c.prompt, table.c.chosen, table.c.rejected, table.c.chosen_id)
    query = select(*columns).order_by(table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def totals(connection: Connection) -> tuple[int, int]:
    """How many examples there are, and how many of them are curated."""
    query = select(func.count()).select_from(_table)
    curated = query.where(_columns.rating >= CURATED_RATING)
    return connection.scalar(query) or 0, connection.scalar(curated) or 0


def counts(connection: Connection) -> dict[str, Any]:
    """Totals: examples, sightings, curated ones and these by domain."""
    examples, sightings = connection.execute(select(func.count(), func.sum(_columns.sightings))).one()
    by_domain = (
        select(_columns.domain, func.count())
        .where(_columns.rating >= CURATED_RATING)
        .group_by(_columns.domain)
        .order_by(_columns.domain)
    )
    domains: dict[str, int] = {row[0]: row[1] for row in connection.execute(by_domain)}
    return {
        "examples": examples,
        "sightings": int(sightings or 0),
        "curated": sum(domains.values()),
        "domains": domains,
        "preferences": connection.scalar(select(func.count()).select_from(tables.preferences)) or 0,
    }


def record_of(row: Row[Any]) -> dict[str, Any]:
    """A row of the table as a record."""
    record = dict(row._mapping)
    del record["judged"]
    record["captured_at"] = iso(record["captured_at"])
    record["last_seen_at"] = iso(record["last_seen_at"])
    record["curated"] = record["rating"] >= CURATED_RATING
    return record
