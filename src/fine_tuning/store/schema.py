"""Create the current schema in an empty database, or migrate an older one to it."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, create_mock_engine, inspect, text
from sqlalchemy.sql.ddl import ExecutableDDLElement

from fine_tuning.errors import StorageError
from fine_tuning.store.tables import metadata

# Oldest first; the last one is what this version of the code works with. A test keeps it equal to the scripts.
REVISIONS = (
    *("0001", "0002", "0003", "0004", "0005", "0006", "0007"),
    *("0008", "0009", "0010", "0011", "0012", "0013", "0014", "0015", "0016", "0017", "0018", "0019"),
    *("0020", "0021", "0022", "0023"),
)
MIGRATIONS = Path(__file__).parent / "migrations"
_migration_lock = threading.Lock()  # Alembic keeps its state in module variables
_REVISION = """CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""  # as Alembic writes it
_LOCK = 0x66742D70  # an arbitrary constant that names the migration lock in PostgreSQL


def stored_revision(connection: Connection) -> str | None:
    """The revision recorded in a database; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def ensure_schema(connection: Connection) -> None:
    """Fill an empty or migrate an older database in the caller's write transaction; safe for concurrent processes.

    Raises:
        StorageError: the database was written by a newer version of this package.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if is_current(connection):
        return
    if inspect(connection).get_table_names():
        migrate(connection, "head")
    else:
        _create(connection)


def _create(connection: Connection) -> None:
    """All tables as they are declared, which is what the scripts lead to; Alembic is not needed."""
    for statement in _statements(connection.engine.url.drivername):
        connection.exec_driver_sql(statement)
    connection.execute(text(_REVISION))
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISIONS[-1]})


@cache
def _statements(driver: str) -> tuple[str, ...]:
    """What makes all tables and indexes; to write it takes a process longer than to run it."""
    found: list[str] = []

    def note(statement: ExecutableDDLElement, *_: object, **__: object) -> None:
        found.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine(f"{driver}://", note)
    metadata.create_all(engine, checkfirst=False)
    return tuple(found)


def migrate(connection: Connection, revision: str) -> None:
    """Migrate a database to a revision."""
    # Alembic is imported only when there is something to migrate: it costs a third of a second.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    with _migration_lock:
        command.upgrade(config, revision)


def is_current(connection: Connection) -> bool:
    """Whether the database has the current schema.

    Raises:
        StorageError: it is newer.
    """
    revision = stored_revision(connection)
    if revision is not None and revision not in REVISIONS:
        shown = connection.engine.url.render_as_string(hide_password=True)
        raise StorageError(
            f"database {shown} has schema {revision}, newer than this version knows ({REVISIONS[-1]}); "
            "upgrade fine-tuning-pipeline, or point FINE_TUNING_HOME or FINE_TUNING_DATABASE_URL elsewhere"
        )
    return revision == REVISIONS[-1]
