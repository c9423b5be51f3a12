"""When hosts switch models off, as they said when they were last asked."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from fine_tuning.store import tables
from fine_tuning.store.types import now
from fine_tuning.store.upsert import insert

_table = tables.model_shutdowns
_ALL = select(_table)


def note(connection: Connection, provider: str, dates: Mapping[str, str | None]) -> None:
    """Keep what a host says: by model an ISO 8601 date, None where it has announced none."""
    statement = insert(connection, _table)
    statement = statement.on_conflict_do_update(
        index_elements=["provider", "model"],
        set_={"shutdown_date": statement.excluded.shutdown_date, "checked_at": statement.excluded.checked_at},
    )
    at = now()
    rows = [
        {"provider": provider, "model": model, "shutdown_date": date, "checked_at": at} for model, date in dates.items()
    ]
    if rows:
        connection.execute(statement, rows)


def known(connection: Connection) -> dict[tuple[str, str], str | None]:
    """The dates by host and model."""
    return {(row.provider, row.model): row.shutdown_date for row in connection.execute(_ALL)}
