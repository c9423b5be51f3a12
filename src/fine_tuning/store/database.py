"""Connections and transactions, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, StatementError

from fine_tuning._util.files import is_file, make_folder, translated_os_errors
from fine_tuning.errors import ConfigurationError, DiskFullError, StorageError, UnavailableError, UsageError
from fine_tuning.settings import get_settings
from fine_tuning.store.column_types import from_json, to_json
from fine_tuning.store.schema import ensure_schema, is_current

_AS_JSON: dict[str, Any] = {"json_serializer": to_json, "json_deserializer": from_json}
SQLITE_BUSY_SECONDS = 30.0
SQLITE_CACHE_KIB = 16 << 10  # SQLite's own 2 MiB hold no thousand pages of an index of random ids, as examples have
Transaction = Connection  # the other packages' name for what store functions take


class Database:
    """One database; connects, and migrates if needed, at the first transaction.

    SQLite runs in WAL mode with foreign keys on; a write transaction takes its lock at once (BEGIN IMMEDIATE) and
    waits up to 30 s for another writer, so that readers never wait and writers never deadlock.
    """

    def __init__(self, url: URL) -> None:
        self.url = url
        self._engine = _create_engine(url)
        self._ready = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot, nothing is written."""
        with self._transaction(write=False) as connection:
            yield connection

    @contextmanager
    def write(self, patience: float | None = None) -> Iterator[Connection]:
        """A transaction that commits when the block ends and rolls back when it raises.

        Args:
            patience: seconds to wait for another writer of SQLite, instead of 30.
        """
        with self._transaction(write=True, patience=patience) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """As `read`, for long reads: commits of others are not visible meanwhile, on either database."""
        if not self._ready:
            self._prepare()
        connection = self._engine.connect().execution_options(write=False)
        if self.url.get_backend_name() != "sqlite":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with translated_errors(self.url), connection, connection.begin():
            yield connection

    @contextmanager
    def write_unprepared(self) -> Iterator[Connection]:
        """As `write`, without migrating: the database is empty or has an older schema."""
        self._make_folder()
        with translated_errors(self.url), self._begin(write=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, write: bool, patience: float | None = None) -> Iterator[Connection]:
        if not self._ready:
            self._prepare()
        with translated_errors(self.url), self._begin(write=write, patience=patience) as connection:
            yield connection

    @contextmanager
    def _begin(self, *, write: bool, patience: float | None = None) -> Iterator[Connection]:
        with self._engine.connect().execution_options(write=write, patience=patience) as connection, connection.begin():
            yield connection

    def _make_folder(self) -> None:
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            make_folder(Path(self.url.database).parent)

    def _prepare(self) -> None:
        self._make_folder()
        with translated_errors(self.url):
            with self._begin(write=False) as connection:
                current = is_current(connection)
            if not current:
                with self._begin(write=True) as connection:
                    ensure_schema(connection)
        self._ready = True

    def close(self) -> None:
        """Close pooled connections; the object can be used again afterwards."""
        self._engine.dispose()

    def exists(self) -> bool:
        """Whether the database may exist: False only for a missing SQLite file."""
        file = self.url.database if self.url.get_backend_name() == "sqlite" else None
        return file is None or is_file(file)

    @property
    def location(self) -> str:
        """The argument by which `open_database` opens this database in another process; it may hold a password."""
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            return self.url.database
        return self.url.render_as_string(hide_password=False)


def open_database(where: str | Path | None = None) -> Database:
    """The database at a path or URL; the workspace's own when `where` is None.

    A path that is a folder gets `fine_tuning.db` inside; a path ending in .json or .jsonl (a file of the older
    file-based system) gets a database of the same name beside it. One object per database and process is shared.

    Raises:
        ConfigurationError: the URL is not one of SQLite or PostgreSQL.
        UsageError: the path is empty.
    """
    return _shared(_url(where), os.getpid())


@lru_cache(maxsize=64)
def _shared(url: URL, process: int) -> Database:  # noqa: ARG001 - a forked child must not share its parent's connections
    return Database(url)


def _url(where: str | Path | None) -> URL:
    if where is None:
        settings = get_settings()
        where = settings.database_url or settings.home / "fine_tuning.db"
    if "://" not in str(where):  # a path may hold any character, so it is never read as part of a URL
        return URL.create("sqlite", database=str(_database_file(where).absolute()))
    try:
        url = make_url(str(where))
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        shown = str(where).partition("://")[0]
        raise ConfigurationError(
            f"not a database URL: {shown}://...; use sqlite:///FILE or postgresql://user@host:port/name"
        ) from None
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ConfigurationError(f"database {backend} is not supported; use sqlite:///FILE or postgresql://...")
    return url


def expanded(where: str | Path) -> Path:
    """Expand `~`, which no shell has done in a Python program or a .env file."""
    return Path(os.path.expanduser(where))  # noqa: PTH111 - Path.expanduser fails for a user that does not exist


def _database_file(where: str | Path) -> Path:
    if not str(where).strip() or "\0" in str(where):
        raise UsageError(f"not the path of a database: {str(where)!r}; omit it to use the workspace's")
    path = expanded(where)
    with translated_os_errors(path, "open the database at"):
        if path.is_dir():
            return path / "fine_tuning.db"
    if path.suffix in {".json", ".jsonl"}:
        return path.with_suffix(".db")
    return path


def _create_engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_size=5, **_AS_JSON)
    engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_SECONDS}, **_AS_JSON)

    @event.listens_for(engine, "connect")
    def _configure(dbapi_connection: sqlite3.Connection, _record: object) -> None:
        dbapi_connection.isolation_level = None  # `_begin` below emits BEGIN
        cursor = dbapi_connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")
        _use_wal(cursor)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        patience = options.get("patience")
        with _waiting_for(connection, patience) if patience is not None else nullcontext():
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")

    return engine


@contextmanager
def _waiting_for(connection: Connection, seconds: float) -> Iterator[None]:
    """Let SQLite wait so long for another writer."""
    try:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(SQLITE_BUSY_SECONDS * 1000)}")


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch to the write-ahead log; SQLite itself does not wait while another process does so."""
    deadline = time.monotonic() + SQLITE_BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def translated_errors(url: URL) -> Iterator[None]:
    """Translate errors of the driver to one line; constraint violations are left to the caller."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        first_line = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        hint = next(
            (h for words, h in _HINTS.items() if words in str(error.orig).lower()),
            _DEFAULT_HINT,
        )
        kind = _kind_of(error)
        raise kind(f"database {url.render_as_string(hide_password=True)}: {first_line}; {hint}") from error
    except StatementError as error:
        if not isinstance(error.orig, UsageError):  # of `to_json`, which SQLAlchemy wraps on SQLite
            raise
        raise error.orig from None
    except OverflowError:
        raise UsageError("a number is too large; the largest integer is 9223372036854775807") from None


def _kind_of(error: DBAPIError) -> type[StorageError]:
    text = str(error.orig).lower()
    if any(words in text for words in _FULL):
        return DiskFullError
    return UnavailableError if error.connection_invalidated or any(w in text for w in _AWAY) else StorageError


_FULL = ("disk is full", "no space left")
_AWAY = ("locked", "deadlock", "connection", "connect to", "lock timeout", "starting up", "shutting down")
_DEFAULT_HINT = "nothing was changed; run again, and report it if it happens again"
_HINTS = {  # by the drivers' texts: their exceptions are hardly more than OperationalError
    "disk is full": "free some space and run again",
    "disk i/o error": "the disk is full, read-only or failing; free some space and run again",
    "already exists": "the database belongs to another program; choose another",
    "readonly": "the disk or file is read-only; choose another folder with FINE_TUNING_HOME",
    "read-only": "the disk or file is read-only; choose another folder with FINE_TUNING_HOME",
    "unable to open": "check that its folder exists and is not read-only, or choose another with FINE_TUNING_HOME",
    "not a database": "the file is something else; choose another path",
    "malformed": "the file is damaged; restore it from a backup",
    "deadlock": "two processes waited for each other; run it again",
    "locked": "another process has locked the database; try again",
    "connection": "check FINE_TUNING_DATABASE_URL and that the server runs",
    "authentication": "check user and password in FINE_TUNING_DATABASE_URL",
    "does not exist": "check FINE_TUNING_DATABASE_URL",
}
