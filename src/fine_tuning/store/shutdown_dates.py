"""When hosts switch models off, as they said when they were last asked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date

from sqlalchemy import Connection, select

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.upsert import insert

_log = logging.getLogger(__name__)
_table = tables.model_shutdowns
_ALL = select(_table)


def note(connection: Connection, provider: str, dates: Mapping[str, object]) -> None:
    """Keep what a host says: by model an ISO 8601 date or time, None where it has announced none.

    What is no date counts as none, with a warning: hosts are free in what they write there.
    """
    statement = insert(connection, _table)
    statement = statement.on_conflict_do_update(
        index_elements=["provider", "model"],
        set_={"shutdown_date": statement.excluded.shutdown_date, "checked_at": statement.excluded.checked_at},
    )
    at = now()
    rows = [
        {"provider": provider, "model": model, "shutdown_date": _day(provider, model, told), "checked_at": at}
        for model, told in dates.items()
    ]
    if rows:
        connection.execute(statement, rows)


def _day(provider: str, model: str, told: object) -> str | None:
    if told is None:
        return None
    try:
        return date.fromisoformat(str(told)[:10]).isoformat()
    except ValueError:
        _log.warning("%s says that %s ends on %r, which is no date; it is left out", provider, model, told)
        return None


def known(connection: Connection) -> dict[tuple[str, str], str | None]:
    """The dates by host and model."""
    return {(row.provider, row.model): row.shutdown_date for row in connection.execute(_ALL)}
