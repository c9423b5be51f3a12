"""What the server keeps: keys, uploads, stored completions, permissions, and pages of files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import select

from fine_tuning.errors import NotFoundError
from fine_tuning.store import api_keys, checkpoint_permissions, completions, files, tables, uploads
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database
from fine_tuning.store.schema import MIGRATIONS


def a_file(number: int, **changes: Any) -> dict[str, Any]:
    facts = {"id": f"file-{number:03}", "provider": "local", "purpose": "fine-tune", "filename": "a.jsonl"}
    return facts | {"path": f"/x/{number}", "bytes": 1, "sha256": "0" * 64} | changes


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_migrate_from_first_schema_keeps_rows(tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    from fine_tuning.store.database import open_database

    engine = create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO files (id, provider, purpose, filename, path, bytes, sha256, created_at)"
                " VALUES ('file-1', 'local', 'fine-tune', 'a', '/a', 3, 'x', '2026-11-01 00:00:00')"
            )
        )
    engine.dispose()
    database = open_database(tmp_path / "old.db")
    with database.read() as tx:
        kept = files.in_project(tx, "default", "file-1")
    database.close()
    assert kept is not None
    assert (kept["bytes"], kept["status"], kept["deleted_at"]) == (3, "processed", None)


def test_paging_with_new_rows_continues_after_last_id(database: Database) -> None:
    with database.write() as tx:
        for number in range(5):
            files.add(tx, a_file(number))
        files.add(tx, a_file(9, project="other"))

    def page(**wanted: Any) -> tuple[list[str], bool]:
        asked = {"purpose": None, "after": None, "limit": 2, "newest_first": False} | wanted
        with database.read() as tx:
            found = files.page(tx, "default", **asked)
        return ids(found.rows), found.has_more

    assert page() == (["file-000", "file-001"], True)
    with database.write() as tx:
        files.add(tx, a_file(5))
    assert page(after="file-001", limit=4) == (["file-002", "file-003", "file-004", "file-005"], False)
    assert page(after="file-001", newest_first=True) == (["file-000"], False)
    assert page(purpose="batch") == ([], False)
    with pytest.raises(NotFoundError, match="no item file-009 to continue after"):
        page(after="file-009")


def test_get_deleted_or_expired_file_is_none(database: Database) -> None:
    with database.write() as tx:
        files.add(tx, a_file(1))
        files.add(tx, a_file(2, expires_at=now() - timedelta(seconds=1)))
        assert files.mark_deleted(tx, "file-001")
        assert not files.mark_deleted(tx, "file-001")
        assert [files.in_project(tx, "default", f"file-00{n}") for n in (1, 2)] == [None, None]
        assert ids(files.expired(tx)) == ["file-002"]


def test_api_key_is_valid_until_revoked(database: Database) -> None:
    with database.write() as tx:
        assert not api_keys.any_created(tx)
        api_keys.add(tx, {"id": "key_1", "name": "ci", "project": "p", "prefix": "sk-ft-abc", "sha256": "h"})
        found = api_keys.find(tx, sha256="h")
        assert found is not None
        assert (found["project"], found["read_only"]) == ("p", False)
        assert api_keys.find(tx, key_id=found["id"]) == found
        assert api_keys.find(tx, sha256="g") is None
        assert "sha256" not in api_keys.newest(tx)[0]
        assert api_keys.revoke(tx, "key_1")
        assert not api_keys.revoke(tx, "key_1")
        assert api_keys.find(tx, sha256="h") is None
        assert api_keys.any_created(tx)  # a server that had keys does not open again


@pytest.fixture
def upload(database: Database) -> Callable[..., None]:
    def add(upload_id: str, seconds: float = 60) -> None:
        facts = {"project": "p", "filename": "a", "purpose": "fine-tune", "mime_type": "text/jsonl", "bytes": 2}
        with database.write() as tx:
            uploads.add(
                tx, facts | {"id": upload_id, "created_at": now(), "expires_at": now() + timedelta(seconds=seconds)}
            )

    return add


def test_upload_ends_once(database: Database, upload: Callable[..., None]) -> None:
    upload("u1")
    with database.write() as tx:
        uploads.add_part(tx, {"id": "part_1", "upload_id": "u1", "bytes": 2, "path": "/p", "created_at": now()})
        assert list(uploads.parts(tx, "u1")) == ["part_1"]
        assert uploads.end(tx, "u1", "cancelled")
        assert not uploads.end(tx, "u1", "completed")
        uploads.remove_parts(tx, "u1")
        assert uploads.parts(tx, "u1") == {}
        assert uploads.get(tx, "other", "u1") is None


def test_upload_after_expiry_is_expired(database: Database, upload: Callable[..., None]) -> None:
    upload("u1", seconds=-1)
    with database.read() as tx:
        found = uploads.get(tx, "p", "u1", lock=True)
        assert found is not None
        assert found["status"] == "expired"
        assert ids(uploads.overdue(tx)) == ["u1"]


def test_completions_are_found_by_model_and_metadata(database: Database) -> None:
    with database.write() as tx:
        for name, model, metadata in (("c1", "a", {"k": "v"}), ("c2", "b", {"k": "v"}), ("c3", "a", {"k": "w"})):
            facts = {"id": name, "project": "p", "model": model, "metadata": metadata}
            completions.add(tx, facts | {"request": {"n": 1}, "response": {}})

    def found(**wanted: Any) -> list[str]:
        asked = {"model": None, "metadata": {}, "after": None, "limit": 9, "newest_first": False} | wanted
        with database.read() as tx:
            return ids(completions.page(tx, "p", **asked).rows)

    assert found() == ["c1", "c2", "c3"]
    assert found(metadata={"k": "v"}) == ["c1", "c2"]
    assert found(metadata={"k": "v"}, model="a") == ["c1"]
    assert found(metadata={"x": "v"}) == []
    with database.write() as tx:
        completions.set_metadata(tx, "c1", {"k": "w"})
        completions.remove(tx, "c3")
        assert completions.get(tx, "q", "c1") is None
    assert found(metadata={"k": "w"}) == ["c1"]


def test_checkpoint_permission_is_granted_once_and_removed(database: Database) -> None:
    with database.write() as tx:
        granted = checkpoint_permissions.grant(tx, "ft:x:ckpt-step-4", ["p", "q", "p"])
        again = checkpoint_permissions.grant(tx, "ft:x:ckpt-step-4", ["p"])
        assert {row["project"] for row in granted} == {"p", "q"}
        assert again[0]["id"] in ids(granted)
        asked = {"project": None, "after": None, "limit": 9, "newest_first": True}
        assert len(checkpoint_permissions.page(tx, "ft:x:ckpt-step-4", **asked).rows) == 2
        assert checkpoint_permissions.has(tx, "ft:x:ckpt-step-4", "q")
        assert checkpoint_permissions.revoke(tx, "ft:x:ckpt-step-4", again[0]["id"])
        assert not checkpoint_permissions.revoke(tx, "ft:x:ckpt-step-4", again[0]["id"])
        assert not checkpoint_permissions.has(tx, "ft:x:ckpt-step-4", "p")
        assert len(tx.execute(select(tables.checkpoint_permissions)).all()) == 1
