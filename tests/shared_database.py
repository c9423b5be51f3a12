"""A PostgreSQL database that tests share one after another: to make one takes longer than most tests do.

For tests that only store and read: one that leaves other processes, or another schema, needs a database of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from fine_tuning.store.database import Database, open_database
from fine_tuning.store.tables import metadata
from tests.conftest import administer, named


@pytest.fixture(scope="session")
def shared_postgres_url(postgres_server: str) -> str:
    """Its address."""
    name = f"shared_{uuid.uuid4().hex[:12]}"
    administer(postgres_server, f"CREATE DATABASE {name} TEMPLATE migrated")
    return named(postgres_server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, workspace: object) -> Iterator[Database]:
    """The workspace's database, once on SQLite and once on PostgreSQL; every door opened in the test uses it."""
    if request.param == "sqlite":
        yield open_database()
        open_database().close()
        return
    url = request.getfixturevalue("shared_postgres_url")
    monkeypatch.setenv("FINE_TUNING_DATABASE_URL", url)
    yield open_database()
    _empty(url)


def _empty(url: str) -> None:
    """Remove what a test has written, and begin all numbers anew."""
    with open_database(url).write() as tx:
        tables = [table.name for table in metadata.sorted_tables]
        written = " UNION ALL ".join(f"(SELECT '{name}' FROM {name} LIMIT 1)" for name in tables)
        if found := list(tx.scalars(text(written))):
            tx.execute(text(f"TRUNCATE {', '.join(found)} CASCADE"))
        counted = text("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL")
        for name in tx.scalars(counted).all():
            tx.execute(text(f"ALTER SEQUENCE {name} RESTART"))
