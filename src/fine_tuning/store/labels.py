"""Answers that were bought as labels: each is recorded before it is asked for, so that none is bought twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.labels import LabelBatch, LabelCall, LabelKey
from fine_tuning.store.records.rows import JsonColumn, record, records

BLOCK = 500  # parameters of a statement
_calls, _batches = tables.label_calls, tables.label_batches


def ask(
    connection: Connection, keys: Iterable[LabelKey], reserved: Iterable[float | None], batch: str | None = None
) -> bool:
    """Record calls that are about to be sent. False: another run has recorded one of them, and none is.

    Args:
        reserved: what each may cost at most, US dollars; None is unknown.
        batch: the key of the batch that they are sent in.
    """
    asked_at = now()
    rows = [
        {**key._asdict(), "reserved": usd, "batch": batch, "asked_at": asked_at}
        for key, usd in zip(keys, reserved, strict=True)
    ]
    if not rows:
        return True
    with connection.begin_nested() as attempt:
        try:
            connection.execute(_calls.insert(), rows)
        except IntegrityError:
            attempt.rollback()
            return False
    return True


def answer(connection: Connection, key: LabelKey, found: JsonColumn, cost: float | None) -> None:
    """Record what came of a call."""
    connection.execute(update(_calls).where(_is(key)).values(answer=found, cost=cost, answered_at=now()))


def forget(connection: Connection, key: LabelKey) -> None:
    """Remove a call of which it is known that nothing was paid; it may be sent again."""
    connection.execute(delete(_calls).where(_is(key)))


def set_aside(connection: Connection, key: LabelKey) -> None:
    """Let a call of unknown outcome be sent again; what it may have cost stays recorded, under a number below 0."""
    of_request = and_(_calls.c.settings == key.settings, _calls.c.request == key.request)
    lowest = connection.scalar(select(func.min(_calls.c.sample)).where(of_request)) or 0
    connection.execute(update(_calls).where(_is(key)).values(sample=min(lowest, 0) - 1))


def of_requests(connection: Connection, settings: str, requests: Sequence[str]) -> dict[LabelKey, LabelCall]:
    """The calls with these settings for requests, by their keys."""
    found: dict[LabelKey, LabelCall] = {}
    for start in range(0, len(requests), BLOCK):
        some = requests[start : start + BLOCK]
        query = select(_calls).where(_calls.c.settings == settings, _calls.c.request.in_(some))
        for row in connection.execute(query).mappings():
            found[LabelKey(row["settings"], row["request"], row["sample"])] = record(LabelCall, row)
    return found


def of_batch(connection: Connection, batch: str) -> list[LabelCall]:
    """The calls that were sent in a batch."""
    return records(LabelCall, connection.execute(select(_calls).where(_calls.c.batch == batch)).mappings())


def add_batch(connection: Connection, key: str, settings: str) -> None:
    """Record a batch that is about to be made."""
    connection.execute(_batches.insert().values(key=key, settings=settings, created_at=now()))


def set_host_id(connection: Connection, key: str, host_id: str) -> None:
    """Record that a batch was made, and how its host names it."""
    connection.execute(update(_batches).where(_batches.c.key == key).values(host_id=host_id))


def drop_batch(connection: Connection, key: str) -> None:
    """Remove a batch of which it is known that it was not made, with its calls."""
    connection.execute(delete(_calls).where(_calls.c.batch == key))
    connection.execute(delete(_batches).where(_batches.c.key == key))


def end_batch(connection: Connection, key: str, unknown: Iterable[LabelKey] = ()) -> None:
    """Record that the answers of a batch are read; calls without one were not paid, and are removed.

    Args:
        unknown: calls without an answer of which that is not known.
    """
    for each in unknown:
        connection.execute(update(_calls).where(_is(each)).values(batch=None))
    connection.execute(delete(_calls).where(_calls.c.batch == key, _calls.c.answer.is_(None)))
    connection.execute(update(_batches).where(_batches.c.key == key).values(ended_at=now()))


def open_batches(connection: Connection, settings: str) -> list[LabelBatch]:
    """Batches whose answers are not read, oldest first."""
    query = select(_batches).where(_batches.c.settings == settings, _batches.c.ended_at.is_(None))
    return records(LabelBatch, connection.execute(query.order_by(_batches.c.created_at)).mappings())


def _is(key: LabelKey) -> ColumnElement[bool]:
    return and_(_calls.c.settings == key.settings, _calls.c.request == key.request, _calls.c.sample == key.sample)
