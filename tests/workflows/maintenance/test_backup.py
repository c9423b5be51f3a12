"""A workspace in one file and back, on the same database or the other one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fine_tuning import CostTracker, ModelRegistry
from fine_tuning._util import locks
from fine_tuning.errors import ConflictError, DataError, UsageError
from fine_tuning.store import dump, integrity, schema
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import backup
from tests.tiny_model import make_tiny_model
from tests.workflows.maintenance.conftest import everything, workspace_of

pytestmark = pytest.mark.slow


def test_restore_returns_all_rows_and_files(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workspace: Path, postgres_url: str
) -> None:
    before, file = everything(full), tmp_path / "w.backup"
    manifest = backup.write(workspace_of(full), file)
    assert manifest["schema"] == schema.REVISIONS[-1]
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "other"))
    # Onto the other database than it came from.
    url = postgres_url if full.url.get_backend_name() == "sqlite" else f"sqlite:///{tmp_path / 'other.db'}"
    monkeypatch.setenv("FINE_TUNING_DATABASE_URL", url)
    if full.url.get_backend_name() == "sqlite":
        with open_database().write() as tx:
            tx.execute(text("DROP SCHEMA public CASCADE"))
            tx.execute(text("CREATE SCHEMA public"))
    restored = backup.restore(open_workspace(), file)
    assert restored["tables"] == {name: len(rows) for name, rows in before.items()}
    moved = json.loads(json.dumps(before).replace(str(workspace), str(tmp_path / "other")))
    assert everything(open_database()) == moved
    assert (tmp_path / "other" / "datasets" / "orders.jsonl").read_bytes() == (
        workspace / "datasets" / "orders.jsonl"
    ).read_bytes()
    # New rows are numbered after the restored ones, and the registry's constraints hold.
    registry = ModelRegistry()
    assert registry.register_model("lamp", "base", "j3", 1)["version"] == 3
    registry.deploy_model("lamp", 3)
    assert registry.get_aliases("lamp") == {"champion": 1}
    with open_database().read() as tx:
        assert integrity.registry(tx) == integrity.totals(tx) == []
    with pytest.raises(ConflictError, match="not empty"):
        backup.restore(open_workspace(), file)
    open_database().close()


def test_backup_during_writes_is_consistent(database: Database, tmp_path: Path) -> None:
    """Writers go on while it is made; what it holds fits together."""
    script = (
        "from fine_tuning import ModelRegistry, CostTracker\n"
        "while True:\n"
        "    v = ModelRegistry().register_model('m', 'b', 'j', 1)['version']\n"
        "    ModelRegistry().deploy_model('m', v)\n"
        "    CostTracker().record_inference('m', 1, 0.5, True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script])
    try:
        deadline = time.monotonic() + 60
        while not ModelRegistry().list_models() and time.monotonic() < deadline:
            time.sleep(0.05)
        for number in range(3):
            backup.write(workspace_of(database), tmp_path / f"{number}.backup")
    finally:
        writer.kill()
        writer.wait()
    for number in range(3):
        copy = Database(_sqlite(tmp_path / f"{number}.db"))
        os.environ["FINE_TUNING_HOME"] = str(tmp_path / f"home{number}")
        backup.restore(workspace_of(copy), tmp_path / f"{number}.backup")
        with copy.read() as tx:
            assert integrity.registry(tx) == integrity.totals(tx) == integrity.damage(tx) == []
        copy.close()


def _sqlite(path: Path) -> Any:
    return open_database(path).url


def test_restore_of_an_older_schema_migrates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = open_database(tmp_path / "old.db")
    with old.write_unprepared() as tx:
        schema.migrate(tx, "0003")
        tx.execute(text("INSERT INTO models (name, created_at) VALUES ('m', '2026-01-01 00:00:00')"))
        tx.execute(
            text(
                "INSERT INTO cost_events (kind, model_name, cost, tokens, metadata, recorded_at)"
                " VALUES ('inference', 'm', 0.5, 10, '{}', '2026-01-02 03:04:05')"
            )
        )
    file = tmp_path / "old.backup"
    members = {}
    with zipfile.ZipFile(file, "w") as archive, old.write_unprepared() as tx:
        for table in dump.tables_of(tx):
            lines = (dump.as_line(row).encode() + b"\n" for row in dump.rows(tx, table))
            members[f"tables/{table.name}.jsonl"] = backup._add(archive, f"tables/{table.name}.jsonl", lines)
        manifest = {"format": 1, "schema": "0003", "home": "/old", "members": members}
        archive.writestr("manifest.json", json.dumps(manifest))
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "new"))
    backup.restore(open_workspace(), file)
    assert CostTracker().get_inference_costs("m")["m"]["total"] == 0.5
    assert CostTracker().get_costs_by("day")[0]["day"] == "2026-01-02"


def test_restore_of_a_damaged_file_writes_nothing(
    full: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    file = tmp_path / "w.backup"
    backup.write(workspace_of(full), file)
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "new"))
    monkeypatch.delenv("FINE_TUNING_DATABASE_URL", raising=False)
    whole = file.read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text").write_text("hello")
    wrong = bytearray(whole)
    place = whole.index(b"tables/model_versions.jsonl") + 60
    wrong[place : place + 8] = b"\0" * 8
    (tmp_path / "flipped").write_bytes(bytes(wrong))
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(tmp_path / "outside", "w") as archive:
        manifest = json.loads(source.read("manifest.json"))
        manifest["members"]["workspace/../../evil"] = {"sha256": "0", "bytes": 0}
        archive.writestr("manifest.json", json.dumps(manifest))
    for name in ("cut", "text", "flipped", "outside"):
        code, _, err = cli("restore", name)
        assert (code, err.count("\n")) == (1, 1), name
        with pytest.raises(DataError):
            backup.restore(open_workspace(), tmp_path / name)
    assert not (tmp_path / "new" / "datasets").exists()
    assert not (tmp_path.parent / "evil").exists()
    assert cli("restore", "nothing")[0] == 1
    assert cli("restore", "w.backup")[0] == 0
    code, out, _ = cli("doctor", "--json")
    assert (code, {name for name, findings in json.loads(out).items() if findings}) == (0, set())


def test_backup_command_prints_counts(full: Database, tmp_path: Path, cli: Any) -> None:
    code, out, _ = cli("backup", str(tmp_path / "b"), "--json")
    assert code == 0
    assert json.loads(out)["members"] > 10
    assert cli("backup", "/proc/nowhere/b")[0] == 1


def test_backup_killed_leaves_no_file_of_its_name(full: Database, workspace: Path, tmp_path: Path) -> None:
    large = workspace / "artifacts" / "large"
    large.parent.mkdir(exist_ok=True)
    with large.open("wb") as stream:
        stream.truncate(8 * 2**30)  # a hole that takes no space, and a minute to pack
    killed = subprocess.Popen([sys.executable, "-m", "fine_tuning.cli", "backup", str(tmp_path / "half")])
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size for file in tmp_path.glob(".half.*")):
        assert time.monotonic() < deadline
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "half").exists()


def test_backup_removes_what_killed_ones_left_of_it(full: Database, tmp_path: Path) -> None:
    left, other = tmp_path / ".b.zip.ab12cd34.partial", tmp_path / ".c.zip.ab12cd34.partial"
    written = tmp_path / ".b.zip.zz12cd34.partial"
    for each in (left, other, written):
        each.write_bytes(b"x")
    with written.open("rb") as stream:
        assert locks.try_lock(stream.fileno())  # by another backup at this moment
        backup.write(workspace_of(full), tmp_path / "b.zip")
        assert [each.exists() for each in (left, other, written)] == [False, True, True]


def test_backup_inside_the_workspace_is_refused(full: Database, workspace: Path, tmp_path: Path, cli: Any) -> None:
    (tmp_path / "link").symlink_to(workspace / "files")
    (workspace / "files").mkdir()
    for file in (workspace / "files" / "b.zip", tmp_path / "link" / "b.zip", workspace / "artifacts" / "new" / "b"):
        code, _, err = cli("backup", str(file))
        assert (code, err.count("\n")) == (2, 1)
        assert "write the backup somewhere else" in err
    assert not list((workspace / "files").iterdir())
    assert not (workspace / "artifacts").exists()
    if full.url.get_backend_name() == "sqlite":
        with pytest.raises(UsageError, match="the database itself"):
            backup.write(workspace_of(full), workspace / "fine_tuning.db")
    backup.write(workspace_of(full), workspace / "b.zip")  # beside the folders there is room


def test_backup_omits_half_written_files(full: Database, workspace: Path, tmp_path: Path) -> None:
    unfinished = workspace / "artifacts" / "job" / ".merged.partial" / "model.safetensors"
    unfinished.parent.mkdir(parents=True)
    unfinished.write_text("x")
    (workspace / "datasets" / ".gitignore").write_text("*")
    names = backup.write(workspace_of(full), tmp_path / "b")["members"]
    assert "workspace/datasets/.gitignore" in names
    assert not [name for name in names if name.startswith("workspace/artifacts")]


def test_backup_lists_paths_outside_of_the_workspace(full: Database, workspace: Path, tmp_path: Path, cli: Any) -> None:
    outside, inside = make_tiny_model(tmp_path / "elsewhere"), make_tiny_model(workspace / "artifacts" / "mine")
    for folder in (outside, inside):
        ModelRegistry().import_model("imported", folder)
    code, _, err = cli("backup", str(tmp_path / "b"))
    assert (code, err.strip().splitlines()[-1]) == (0, f"not included, because outside the workspace: {outside}")
    code, out, _ = cli("backup", str(tmp_path / "b"), "--json")
    assert (code, json.loads(out)["outside"]) == (0, [str(outside)])
