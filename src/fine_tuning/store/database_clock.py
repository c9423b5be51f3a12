"""The database's time, by which leases begin and end: machines that share a database may disagree about theirs."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Table, func, select, update

from fine_tuning.store.column_types import now

MAX_OFFSET = timedelta(seconds=30)  # of a machine that may take jobs: its times are recorded beside those of others
COARSE = timedelta(seconds=1)  # a file system's times are those of the last tick, or second
MAX_LEASE = timedelta(minutes=5)  # no worker asks for a longer one
CAPPED_LEASE = timedelta(seconds=30)  # several times what a worker that lives takes to renew it


def database_now(connection: Connection) -> datetime:
    """The current time of the database: of PostgreSQL's server, or of the file system that has the SQLite file."""
    url = connection.engine.url
    if url.get_backend_name() == "postgresql":
        moment: datetime = connection.scalars(select(func.clock_timestamp())).one()
        return moment.astimezone(UTC)
    if not url.database or url.database == ":memory:":
        return now()
    theirs, ours = _file_system_time(Path(url.database).parent), now()
    return ours if abs(ours - theirs) < COARSE else theirs


def offset(connection: Connection) -> timedelta:
    """How far this machine's clock is ahead of the database's time; negative if behind."""
    before = now()
    theirs = database_now(connection)
    return before + (now() - before) / 2 - theirs  # halfway: the database may be slow to answer


def problem(connection: Connection) -> str | None:
    """What is wrong with this machine's clock, in one line; None if it agrees with the database's time."""
    found = offset(connection)
    if abs(found) <= MAX_OFFSET:
        return None
    side = "ahead of" if found > timedelta(0) else "behind"
    return f"this machine's clock is {timedelta(seconds=round(abs(found).total_seconds()))} {side} the database's"


def cap_leases(connection: Connection, table: Table, moment: datetime) -> None:
    """Shorten leases that end later than any worker asks for: the database's clock was ahead when they were taken.

    Nobody may claim what they hold until they end, so that a worker that lives renews its own.

    Args:
        moment: the database's time.
    """
    expiry = table.c.lease_expires_at
    too_long = update(table).where(expiry > moment + MAX_LEASE)
    connection.execute(too_long.values(lease_expires_at=moment + CAPPED_LEASE))


def _file_system_time(folder: Path) -> datetime:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    except OSError:  # read-only or full: no lease can be taken there either, and what is stored can still be read
        return now()
