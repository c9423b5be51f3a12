"""Shutdown dates of models, as their hosts last announced them."""

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


def record_dates(connection: Connection, provider: str, dates: Mapping[str, object]) -> None:
    """Record the dates that a host announces: by model an ISO 8601 date or time, None where it has announced none.

    Anything else counts as None, with a warning: the format is up to the host.
    """
    statement = insert(connection, _table)
    statement = statement.on_conflict_do_update(
        index_elements=["provider", "model"],
        set_={"shutdown_date": statement.excluded.shutdown_date, "checked_at": statement.excluded.checked_at},
    )
    at = now()
    rows = [
        {"provider": provider, "model": model, "shutdown_date": _day(provider, model, announced), "checked_at": at}
        for model, announced in dates.items()
    ]
    if rows:
        connection.execute(statement, rows)


def _day(provider: str, model: str, announced: object) -> str | None:
    if announced is None:
        return None
    try:
        return date.fromisoformat(str(announced)[:10]).isoformat()
    except ValueError:
        _log.warning("%s: the shutdown date of %s, %r, is not a date; it is ignored", provider, model, announced)
        return None


def known(connection: Connection) -> dict[tuple[str, str], str | None]:
    """The shutdown dates by host and model."""
    return {(row.provider, row.model): row.shutdown_date for row in connection.execute(_ALL)}
