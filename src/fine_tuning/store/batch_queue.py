"""What servers do with batches: claim them by a lease, record results under it, and end them.

Whatever is written is written only while the server holds the lease, in the same transaction, so that a server that was
believed dead cannot add to a batch that another one has claimed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, case, delete, or_, select, true, update

from fine_tuning.store import tables
from fine_tuning.store.batches import ENDED
from fine_tuning.store.column_types import now
from fine_tuning.store.database_clock import MAX_LEASE, cap_leases, database_now
from fine_tuning.store.records.batches import Batch, BatchResult, BatchStatus, TokenCounts
from fine_tuning.store.records.rows import record

_table, _results = tables.batches, tables.batch_results
_columns = _table.c
BLOCK_ROWS = 200  # of results that are read at once


def is_waiting(connection: Connection) -> bool:
    """Whether there is a batch to claim, or a lease that `claim_next` shortens."""
    if connection.scalar(_oldest(true())) is None:  # as nearly always: the time costs a file, or a question
        return False
    moment = database_now(connection)
    claimable = or_(_is_unleased(moment), _columns.lease_expires_at > moment + MAX_LEASE)
    return connection.scalar(_oldest(claimable)) is not None


def claim_next(connection: Connection, worker: str, lease_seconds: float) -> Batch | None:
    """Lease the oldest batch that waits or whose server died; None where there is none."""
    moment = database_now(connection)
    cap_leases(connection, _table, moment)
    batch_id = connection.scalar(_oldest(_is_unleased(moment)).with_for_update(skip_locked=True))
    if batch_id is None:
        return None
    connection.execute(
        update(_table)
        .where(_columns.id == batch_id)
        .values(
            worker=worker,
            lease_expires_at=moment + timedelta(seconds=lease_seconds),
            deaths=_columns.deaths + case((_columns.worker.is_(None), 0), else_=1),
        )
    )
    return record(Batch, connection.execute(select(_table).where(_columns.id == batch_id)).mappings().one())


def held(connection: Connection, batch_id: str, worker: str) -> Batch | None:
    """A batch as it is now; None if the lease was lost."""
    query = select(_table).where(_columns.id == batch_id, _columns.worker == worker)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(Batch, row)


def renew(connection: Connection, batch_id: str, worker: str, lease_seconds: float) -> Batch | None:
    """Renew the lease. Returns the batch as it is now; None if the lease was lost."""
    expiry = database_now(connection) + timedelta(seconds=lease_seconds)
    return _changed(connection, batch_id, worker, {"lease_expires_at": expiry})


def release(connection: Connection, batch_id: str, worker: str) -> None:
    """Give a batch back, so that another server can claim it at once."""
    _changed(connection, batch_id, worker, {"worker": None, "lease_expires_at": None})


def begin(connection: Connection, batch_id: str, worker: str, model: str, total: int) -> Batch | None:
    """Begin with the validated requests, unless the batch is being cancelled; None if the lease was lost."""
    found = _changed(connection, batch_id, worker, {"model": model, "total": total})
    if found is None or found["status"] != "validating":
        return found
    return _changed(connection, batch_id, worker, {"status": "in_progress", "in_progress_at": now()})


def begin_finalizing(connection: Connection, batch_id: str, worker: str) -> Batch | None:
    """Note that all requests have a result; None if the lease was lost."""
    return _changed(connection, batch_id, worker, {"status": "finalizing", "finalizing_at": now()})


def end(
    connection: Connection, batch_id: str, worker: str, status: BatchStatus, values: Mapping[str, object]
) -> Batch | None:
    """End a batch and forget its results, which its files have; None if the lease was lost.

    Args:
        values: further columns, such as the ids of its files.
    """
    unleased = {"worker": None, "lease_expires_at": None}
    found = _changed(connection, batch_id, worker, {**unleased, "status": status, f"{status}_at": now(), **values})
    if found is not None:
        connection.execute(delete(_results).where(_results.c.batch_id == batch_id))
    return found


def add_results(connection: Connection, batch_id: str, worker: str, results: Sequence[BatchResult]) -> Batch | None:
    """Record results and count them; None, and nothing recorded, if the lease was lost."""
    failed = sum(result.is_error for result in results)
    counts = {"completed": len(results) - failed, "failed": failed}
    for name in TokenCounts._fields:
        counts[name] = sum(getattr(result.tokens, name) for result in results)
    added = {name: _columns[name] + count for name, count in counts.items()}
    found = _changed(connection, batch_id, worker, {**added, "deaths": 0})
    if found is not None:
        rows = [
            {"batch_id": batch_id, "line": each.line, "is_error": each.is_error, "text": each.text} for each in results
        ]
        connection.execute(_results.insert(), rows)
    return found


def lines_with_result(connection: Connection, batch_id: str) -> set[int]:
    """The lines of the input file that have a result."""
    return set(connection.scalars(select(_results.c.line).where(_results.c.batch_id == batch_id)))


def result_texts(connection: Connection, batch_id: str, *, is_error: bool) -> Iterator[str]:
    """The lines of the output or the error file, in the order of the input file."""
    query = select(_results.c.text).where(_results.c.batch_id == batch_id, _results.c.is_error == is_error)
    yield from connection.execution_options(yield_per=BLOCK_ROWS).scalars(query.order_by(_results.c.line))


def _changed(connection: Connection, batch_id: str, worker: str, values: Mapping[str, object]) -> Batch | None:
    """The batch after a change by the server that holds it, or None."""
    changed = connection.execute(
        update(_table).where(_columns.id == batch_id, _columns.worker == worker).values(**values).returning(_table)
    )
    row = changed.mappings().one_or_none()
    return None if row is None else record(Batch, row)


def _oldest(condition: ColumnElement[bool]) -> Select[tuple[str]]:
    """The oldest batch that has not ended and of which the condition holds."""
    query = select(_columns.id).where(_columns.status.not_in(ENDED), condition)
    return query.order_by(_columns.created_at, _columns.id).limit(1)


def _is_unleased(moment: datetime) -> ColumnElement[bool]:
    return or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < moment)
