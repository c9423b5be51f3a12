"""Dump the rows of a database as JSON values, and load them into an empty one, on SQLite or PostgreSQL.

Columns are those of the database, not of the code: a dump of an older schema is loaded as it is, then migrated.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from sqlalchemy import Boolean, Connection, DateTime, MetaData, Table, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.types import JSON

from fine_tuning.errors import ConflictError, DataError
from fine_tuning.store import schema

Row = dict[str, object]  # by column
BLOCK = 1000
_VERSION = "alembic_version"


def tables_of(connection: Connection) -> list[Table]:
    """The tables of a database in the order of their foreign keys."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != _VERSION]


def rows(connection: Connection, table: Table) -> Iterator[Row]:
    """Every row as JSON values; times are ISO 8601 in UTC.

    Raises:
        DataError: a value has the wrong type, in a damaged database.
    """
    keys = list(table.primary_key.columns)
    result = connection.execute(select(table).order_by(*keys), execution_options={"yield_per": BLOCK})
    try:
        for row in result.mappings():
            yield {name: _plain(value) for name, value in row.items()}
    except ValueError as error:
        raise DataError(f"table {table.name} has a value that cannot be read ({error}); see ft-cli doctor") from error


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return value


def prepare(connection: Connection, revision: str) -> list[Table]:
    """Bring an empty database to the schema of a dump. Returns its tables.

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


def insert(connection: Connection, table: Table, dumped: Iterable[Row]) -> int:
    """Insert dumped rows. Returns their number.

    Raises:
        DataError: a row has unknown columns, or values that do not fit.
    """
    try:
        return _insert(connection, table, dumped)
    except (IntegrityError, StatementError, TypeError, ValueError) as error:
        if isinstance(error, DataError) or (isinstance(error, DBAPIError) and not isinstance(error, IntegrityError)):
            raise  # a problem of the database, such as a full disk
        why = str(error.orig if isinstance(error, StatementError) else error).partition("\n")[0]
        raise DataError(f"the backup's table {table.name} has a row that cannot be inserted: {why}") from error


def _insert(connection: Connection, table: Table, dumped: Iterable[Row]) -> int:
    count = 0
    block: list[Row] = []
    times = {column.name for column in table.columns if isinstance(column.type, DateTime)}
    flags = {column.name for column in table.columns if isinstance(column.type, Boolean)}
    for column in table.columns:
        if isinstance(column.type, JSON):  # a missing value is NULL, not JSON's null
            column.type.none_as_null = True
    known = {column.name for column in table.columns}
    with_zone = connection.dialect.name == "postgresql"
    for row in dumped:
        if unknown := row.keys() - known:
            raise DataError(f"the backup's table {table.name} has a column {min(unknown)} that is not in this schema")
        block.append(
            {
                name: _time(value, with_zone=with_zone)
                if name in times and value is not None
                else bool(value)
                if name in flags and value is not None
                else value
                for name, value in row.items()
            }
        )
        count += 1
        if len(block) == BLOCK:
            connection.execute(table.insert(), block)
            block = []
    if block:
        connection.execute(table.insert(), block)
    return count


def _time(value: object, *, with_zone: bool) -> datetime:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a time")
    moment = datetime.fromisoformat(value)
    return moment if with_zone else moment.astimezone(UTC).replace(tzinfo=None)


def finish(connection: Connection) -> None:
    """Continue the row numbers after the inserted ones, and migrate to the current schema."""
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


def as_line(row: Row) -> str:
    """A row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))
