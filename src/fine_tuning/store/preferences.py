"""Preference pairs: which of two stored responses to a prompt is better."""

from __future__ import annotations

from sqlalchemy import Connection, select

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.examples import Example, NewExample, Preference
from fine_tuning.store.records.rows import records
from fine_tuning.store.upsert import insert

_table = tables.preferences


def add(connection: Connection, *, worse: Example | NewExample, better: NewExample) -> None:
    """Store a pair; storing it again changes nothing."""
    statement = insert(connection, _table).values(
        example_id=worse["id"],
        prompt=worse["prompt"],
        chosen=better["response"],
        chosen_id=better["id"],
        rejected=worse["response"],
        created_at=now(),
    )
    connection.execute(statement.on_conflict_do_nothing())


def find(connection: Connection, project: str | None = None) -> list[Preference]:
    """All preference pairs (of a project), oldest first."""
    columns = (_table.c.example_id, _table.c.prompt, _table.c.chosen, _table.c.rejected, _table.c.chosen_id)
    query = select(*columns).order_by(_table.c.id)
    if project is not None:
        query = query.join(tables.examples, tables.examples.c.id == _table.c.example_id)
        query = query.where(tables.examples.c.project == project)
    return records(Preference, connection.execute(query).mappings())
