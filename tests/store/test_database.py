"""Opening, migrating and failing of databases."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from fine_tuning import ModelRegistry
from fine_tuning.errors import ConfigurationError, StorageError, UsageError
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.schema import MIGRATIONS, REVISIONS, migrate, stored_revision
from fine_tuning.store.tables import metadata, tasks

TRIGGERS = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT concat(pg_get_triggerdef(oid), pg_get_functiondef(tgfoid)) FROM pg_trigger "
    "WHERE NOT tgisinternal",
}


def reflected(tx: Connection) -> dict[str, dict[str, list[str]]]:
    """All that a database knows of its tables but the order of their parts.

    Defaults are left out: the scripts need them for the rows that are there. Some of their checks have the name of the
    table twice.
    """
    inspector, found = inspect(tx), {}
    for table in inspector.get_table_names():
        parts: dict[str, list[Any]] = {
            "columns": [{**each, "type": str(each["type"]), "default": None} for each in inspector.get_columns(table)],
            "primary key": [inspector.get_pk_constraint(table)],
            "foreign keys": inspector.get_foreign_keys(table),
            "unique": inspector.get_unique_constraints(table),
            "checks": [
                {**each, "name": str(each["name"]).replace(f"ck_{table}_ck_{table}", f"ck_{table}")}
                for each in inspector.get_check_constraints(table)
            ],
            "indexes": [
                {**each, "dialect_options": {key: str(value) for key, value in each.get("dialect_options", {}).items()}}
                for each in inspector.get_indexes(table)
            ],
        }
        found[table] = {name: sorted(map(str, part)) for name, part in parts.items()}
    guards = sorted(tx.scalars(text(TRIGGERS[tx.dialect.name])))
    assert len(guards) == {"sqlite": 12, "postgresql": 4}[tx.dialect.name]
    return {**found, "triggers": {"all": guards}}


def emptied(tx: Connection) -> None:
    metadata.drop_all(tx)
    tx.execute(text("DROP TABLE alembic_version"))
    if tx.dialect.name == "postgresql":
        tx.execute(text("DROP FUNCTION history_only_grows"))


def test_migrations_lead_to_the_declared_tables(database: Database) -> None:
    with database.write() as tx:
        created = reflected(tx)
        emptied(tx)
        assert not inspect(tx).get_table_names()
        migrate(tx, "head")
        assert compare_metadata(MigrationContext.configure(tx, opts={"compare_type": True}), metadata) == []
        assert reflected(tx) == created
        assert stored_revision(tx) == REVISIONS[-1]


def test_revisions_match_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == REVISIONS


def test_open_newer_database_is_refused(database: Database) -> None:
    with database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    fresh = Database(database.url)
    with pytest.raises(StorageError, match=r"schema 9999, newer than this version knows.*upgrade"), fresh.read():
        pass
    fresh.close()


def test_write_that_fails_is_rolled_back(database: Database) -> None:
    registry = ModelRegistry()
    with pytest.raises(RuntimeError), database.write() as tx:
        tx.execute(text("INSERT INTO models (name, created_at) VALUES ('m', '2026-01-01 00:00:00')"))
        raise RuntimeError
    assert registry.list_models() == []


def test_write_from_many_threads_loses_nothing(database: Database) -> None:
    def register() -> None:
        for _ in range(5):
            version = ModelRegistry().register_model("m", "base", "job", 1)["version"]
            ModelRegistry().set_model_status("m", "DEPLOYED", version)

    threads = [threading.Thread(target=register) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = ModelRegistry().list_model_versions("m")
    assert [record["version"] for record in records] == list(range(1, 31))
    assert sum(record["status"] == "DEPLOYED" for record in records) == 1
    deployments = [event for event in ModelRegistry().history("m") if event["after"] == "DEPLOYED"]
    assert len(deployments) == 30


def test_register_of_a_new_name_is_concurrent(database: Database) -> None:
    together = threading.Barrier(6)

    def register(name: str) -> int:
        together.wait()
        return int(ModelRegistry().register_model(name, "base", "job", 1)["version"])

    with ThreadPoolExecutor(6) as pool:
        for number in range(12):
            assert sorted(pool.map(register, [f"m{number}"] * 6)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("older", [False, True])
def test_open_new_and_older_databases_in_threads_succeeds(tmp_path: Path, older: bool) -> None:
    first = open_database(tmp_path / "new.db")
    if older:
        with first.write_unprepared() as tx:
            migrate(tx, REVISIONS[0])
    url = first.url
    databases = [Database(url) for _ in range(4)]
    failures: list[BaseException] = []

    def use(database: Database) -> None:
        try:
            with database.write() as tx:
                tx.execute(text("SELECT 1 FROM models"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for database in databases:
        database.close()


def test_sqlite_has_wal_and_foreign_keys(tmp_path: Path) -> None:
    with open_database(tmp_path / "x.db").read() as tx:
        assert tx.scalar(text("PRAGMA journal_mode")) == "wal"
        assert tx.scalar(text("PRAGMA foreign_keys")) == 1


@pytest.mark.parametrize(
    ("where", "message"),
    [("mysql://localhost/x", "database mysql is not supported"), ("://", "not a database URL")],
)
def test_open_database_with_wrong_url_fails_in_one_line(where: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_database(where)


def test_open_database_of_another_file_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is a text, not a database at all, and long enough to be sure")
    with pytest.raises(StorageError, match="file is not a database"), open_database(tmp_path / "x.db").read():
        pass


def test_open_database_of_unreachable_server_fails_in_one_line() -> None:
    database = open_database("postgresql://someone:secret@127.0.0.1:9/none")
    with pytest.raises(StorageError, match="check FINE_TUNING_DATABASE_URL") as caught, database.read():
        pass
    assert "secret" not in str(caught.value)


def test_json_column_with_another_object_fails_in_one_line(database: Database) -> None:
    with pytest.raises(UsageError, match="cannot be kept as JSON: Object of type object"):
        ModelRegistry().register_model("m", "base", "job", 1, metadata={"x": object()})
    assert ModelRegistry().list_models() == []


@pytest.mark.parametrize("odd", ["a\0b", "half \ud83d of a pair"])
def test_text_column_replaces_unstorable_characters(database: Database, odd: str) -> None:
    with database.write() as tx:
        tx.execute(tasks.insert().values(title=odd, details={odd: [odd, {"x": odd}], "kept": "\\u0000 é 😀"}))
    with database.read() as tx:
        row = tx.execute(select(tasks)).mappings().one()
    clean = odd.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")
    assert row["title"] == clean
    assert row["details"] == {clean: [clean, {"x": clean}], "kept": "\\u0000 é 😀"}


def test_migrate_of_two_databases_in_threads_succeeds(tmp_path: Path) -> None:
    failed: list[Exception] = []

    def begin(number: int) -> None:
        database = open_database(tmp_path / f"{number}.db")
        try:
            with database.write_unprepared() as tx:
                migrate(tx, REVISIONS[0])
            with database.read():
                pass
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
