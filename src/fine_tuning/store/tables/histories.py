"""Tables that only grow: what was written there is neither changed nor removed, whoever asks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, event, text


def only_grows(table: Table) -> None:
    """Have the database itself guard a table, from its creation on."""
    event.listen(table, "after_create", _guard)


def _guard(table: Table, connection: Connection, **_: Any) -> None:
    triggers = _postgresql if connection.dialect.name == "postgresql" else _sqlite
    for statement in triggers(table.name):
        connection.execute(text(statement))


def _postgresql(name: str) -> list[str]:
    return [
        "CREATE OR REPLACE FUNCTION history_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is a history: rows are only added', TG_TABLE_NAME; END $$",
        f"CREATE TRIGGER {name}_only_grows BEFORE UPDATE OR DELETE ON {name} "
        "FOR EACH ROW EXECUTE FUNCTION history_only_grows()",
    ]


def _sqlite(name: str) -> list[str]:
    refusal = f"BEGIN SELECT RAISE(ABORT, '{name} is a history: rows are only added'); END"
    known = f"WHEN EXISTS (SELECT 1 FROM {name} WHERE id = NEW.id)"  # noqa: S608 - REPLACE removes without a word
    return [
        f"CREATE TRIGGER {name}_no_update BEFORE UPDATE ON {name} {refusal}",
        f"CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name} {refusal}",
        f"CREATE TRIGGER {name}_no_replace BEFORE INSERT ON {name} {known} {refusal}",
    ]
