"""All rows of a database as plain values, and back into an empty one, whichever of the two databases it is.

Columns are those that the database has, not those of the code: a dump of an older schema is restored as it was, and
then migrated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Connection, DateTime, MetaData, Table, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.types import JSON

from fine_tuning.errors import ConflictError, DataError
from fine_tuning.store import schema

BLOCK = 1000
_VERSION = "alembic_version"


def tables_of(connection: Connection) -> list[Table]:
    """The tables that a database has, those that others refer to first."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _VERSION]


def rows(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Every row as JSON has it; times as ISO 8601 in UTC.

    Raises:
        DataError: a value is not of its column's kind, in a damaged database.
    """
    keys = list(table.primary_key.columns)
    result = connection.execute(select(table).order_by(*keys), execution_options={"yield_per": BLOCK})
    try:
        for row in result.mappings():
            yield {name: _plain(value) for name, value in row.items()}
    except ValueError as error:
        raise DataError(
            f"table {table.name} has a value that cannot be read ({error}); ft-cli doctor says more"
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return value


def prepare(connection: Connection, revision: str) -> list[Table]:
    """An empty database in the schema of a dump. Returns its tables.

    Raises:
        ConflictError: it is not empty.
        DataError: the dump is of a newer version.
    """
    if revision not in schema.REVISIONS:
        raise DataError(f"the backup has schema {revision}, newer than this version knows ({schema.REVISIONS[-1]})")
    stored = schema.stored_revision(connection)
    if stored is None:
        schema.migrate(connection, revision)
    elif any(connection.scalar(select(func.count()).select_from(table)) for table in tables_of(connection)):
        raise ConflictError(
            "the database is not empty; restore into a new one (FINE_TUNING_HOME, FINE_TUNING_DATABASE_URL)"
        )
    elif stored != revision:
        raise ConflictError(f"the database has schema {stored}, the backup {revision}; restore into a new one")
    return tables_of(connection)


def insert(connection: Connection, table: Table, found: Iterable[dict[str, Any]]) -> int:
    """Add rows as `rows` gave them. Returns how many.

    Raises:
        DataError: a row has columns that the table has not, or values that it cannot have.
    """
    try:
        return _insert(connection, table, found)
    except (IntegrityError, StatementError, TypeError, ValueError) as error:
        if isinstance(error, DataError) or (isinstance(error, DBAPIError) and not isinstance(error, IntegrityError)):
            raise  # the database's own trouble, such as a full disk
        why = str(error.orig if isinstance(error, StatementError) else error).partition("\n")[0]
        raise DataError(f"the backup's table {table.name} has a row that cannot be kept: {why}") from error


def _insert(connection: Connection, table: Table, found: Iterable[dict[str, Any]]) -> int:
    count, block = 0, []
    times = {column.name for column in table.columns if isinstance(column.type, DateTime)}
    flags = {column.name for column in table.columns if isinstance(column.type, Boolean)}
    for column in table.columns:
        if isinstance(column.type, JSON):  # a missing value is NULL, not JSON's null
            column.type.none_as_null = True
    known = {column.name for column in table.columns}
    aware = connection.dialect.name == "postgresql"
    for row in found:
        if unknown := row.keys() - known:
            raise DataError(f"the backup's table {table.name} has a column {min(unknown)} that this schema has not")
        block.append({name: _value(name, value, times, flags, aware=aware) for name, value in row.items()})
        count += 1
        if len(block) == BLOCK:
            connection.execute(table.insert(), block)
            block = []
    if block:
        connection.execute(table.insert(), block)
    return count


def _value(name: str, value: Any, times: set[str], flags: set[str], *, aware: bool) -> Any:
    if value is None:
        return None
    if name in times:
        moment = datetime.fromisoformat(value)
        return moment if aware else moment.astimezone(UTC).replace(tzinfo=None)
    return bool(value) if name in flags else value


def finish(connection: Connection) -> None:
    """Let new rows be numbered after the restored ones, and bring the schema to this version's."""
    if connection.dialect.name == "postgresql":
        for table in tables_of(connection):
            for column in table.primary_key.columns:
                name = {"table": table.name, "column": column.name}
                if connection.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), name) is None:
                    continue
                highest = connection.scalar(select(func.max(column)))
                if highest is not None:
                    move = text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)")
                    connection.execute(move, {**name, "highest": highest})
    schema.ensure_schema(connection)


def as_line(row: dict[str, Any]) -> str:
    """A row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))
