"""Restore after moves, interruptions and damage."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fine_tuning import ModelRegistry
from fine_tuning.errors import ConflictError, DataError
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import backup, doctor
from tests.workflows.maintenance.conftest import everything, workspace_of

pytestmark = pytest.mark.slow

DAMAGES = 100


def emptied(database: Database, home: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """An empty workspace, with an empty database of the same kind."""
    monkeypatch.setenv("FINE_TUNING_HOME", str(home))
    if database.url.get_backend_name() == "postgresql":
        with database.write() as tx:
            tx.execute(text("DROP SCHEMA public CASCADE"))
            tx.execute(text("CREATE SCHEMA public"))
    return open_database()


def files_of(home: Path) -> dict[str, bytes]:
    folders = [home / name for name in ("datasets", "files", "artifacts", "evaluations")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


@pytest.mark.parametrize("set_as", ["link", "real"])
def test_restore_moves_paths_of_every_spelling(
    full: Database, set_as: str, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "w").symlink_to(workspace)
    named = {"real": str(workspace), "link": str(tmp_path / "link" / "w")}
    if set_as == "real":  # the rows then have the link
        with full.write() as tx:
            moved = {"old": named["real"], "new": named["link"]}
            tx.execute(text("UPDATE datasets SET path = replace(path, :old, :new)"), moved)
    monkeypatch.setenv("FINE_TUNING_HOME", named[set_as])
    manifest = backup.write(workspace_of(full), tmp_path / "b")
    assert set(manifest["homes"]) == set(named.values())
    assert manifest["outside"] == []
    new = emptied(full, tmp_path / "new", monkeypatch)
    backup.restore(workspace_of(new), tmp_path / "b")
    with new.read() as tx:
        paths = list(tx.execute(text("SELECT path FROM datasets")).scalars())
    assert [Path(path).parent for path in paths] == [tmp_path / "new" / "datasets"] * len(paths) != []


@pytest.mark.parametrize("step", ["file 1 of 3", "file 3 of 3", "writing the rows", "half"])
def test_restore_after_a_kill_can_be_repeated(
    full: Database, step: str, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "files").mkdir()
    for name in ("a", "b"):
        (workspace / "files" / name).write_text(name * 1000)
    before = everything(full)
    backup.write(workspace_of(full), tmp_path / "b")
    new = emptied(full, tmp_path / "new", monkeypatch)
    killer = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from fine_tuning.store.workspace import open_workspace\n"
        "from fine_tuning.workflows.maintenance import backup\n"
        "def on_message(step):\n"
        "    if step == sys.argv[2]:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "backup.restore(open_workspace(), Path(sys.argv[1]), on_message)\n"
    )
    killed_at = "file 3 of 3" if step == "half" else step
    process = subprocess.run([sys.executable, "-c", killer, tmp_path / "b", killed_at], check=False)
    assert process.returncode == -signal.SIGKILL
    if step == "half":
        (tmp_path / "new" / "files" / ".restore.partial").write_text("bbb")
    assert backup.restore(workspace_of(new), tmp_path / "b")["files"] == 3
    assert files_of(tmp_path / "new") == files_of(workspace)
    moved = json.loads(json.dumps(before).replace(str(workspace), str(tmp_path / "new")))
    assert everything(new) == moved


def test_restore_never_overwrites_other_files(
    full: Database, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.write(workspace_of(full), tmp_path / "b")
    new = emptied(full, tmp_path / "new", monkeypatch)
    for name in ("orders.jsonl", "mine.txt", ".gitignore"):
        own = tmp_path / "new" / "datasets" / name
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text("mine")
        with pytest.raises(ConflictError, match="is not empty"):
            backup.restore(workspace_of(new), tmp_path / "b")
        assert own.read_text() == "mine"
        own.unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "new" / "files").symlink_to(tmp_path / "elsewhere")
    backup.restore(workspace_of(new), tmp_path / "b")


@pytest.fixture
def small(workspace: Path, tmp_path: Path) -> Path:
    """A backup on SQLite that is quickly read."""
    ModelRegistry().register_model("lamp", "base", "j1", 10, metadata={"nested": [1, None]})
    (workspace / "files").mkdir()
    (workspace / "files" / "a").write_bytes(random.Random(5).randbytes(3000))
    backup.write(open_workspace(), tmp_path / "b")
    return tmp_path / "b"


def damaged(whole: bytes, rng: random.Random) -> bytes:
    """Cut off, with a bit flipped, with a byte replaced, or with a piece lost."""
    # Half of the damages hit the directory at the end, which is small and what a zip is read by.
    place = (
        rng.randrange(len(whole)) if rng.random() < 0.5 else rng.randrange(whole.rindex(b"manifest.json"), len(whole))
    )
    kind = rng.choice(["cut", "bit", "bit", "byte", "lost"])
    if kind == "cut":
        return whole[:place]
    if kind == "lost":
        return whole[:place] + whole[place + rng.randrange(1, 50) :]
    new = whole[place] ^ (1 << rng.randrange(8)) if kind == "bit" else rng.randrange(256)
    return whole[:place] + bytes([new]) + whole[place + 1 :]


def test_restore_with_flipped_bits_is_refused_or_correct(
    small: Path, workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    rng, whole, refused = random.Random(20261126), small.read_bytes(), 0
    rows, files = everything(open_database()), files_of(workspace)
    for number in range(DAMAGES):
        file, home = tmp_path / f"damaged{number}", tmp_path / f"home{number}"
        file.write_bytes(damaged(whole, rng))
        monkeypatch.setenv("FINE_TUNING_HOME", str(home))
        code, _, err = cli("restore", str(file))  # any other error than ours is raised
        if code:
            assert (code, err.count("\n"), home.exists()) == (1, 1, False), number
            refused += 1
        else:
            assert (everything(open_database()), files_of(home)) == (rows, files), number
        open_database().close()
    assert refused > DAMAGES // 2


def _pop(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda manifest: manifest.pop(name)


MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no home": _pop("home"),
    "no schema": _pop("schema"),
    "no members": _pop("members"),
    "no format": _pop("format"),
    "members as a list": lambda manifest: manifest.update(members=list(manifest["members"])),
    "member without sha256": lambda manifest: manifest["members"]["workspace/files/a"].pop("sha256"),
    "member that is a text": lambda manifest: manifest["members"].update({"workspace/files/a": "x"}),
    "sha256 that is a number": lambda manifest: manifest["members"]["workspace/files/a"].update(sha256=1),
    "no table": lambda manifest: manifest["members"].pop("tables/models.jsonl"),
    "schema that is unknown": lambda manifest: manifest.update(schema="9999"),
    "the database as a file": lambda manifest: manifest["members"].update({"workspace/fine_tuning.db": {"sha256": ""}}),
}


@pytest.mark.parametrize("what", [*MANIFESTS, "a list"])
def test_restore_with_a_wrong_manifest_is_refused(
    small: Path, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    def change(manifest: dict[str, Any]) -> Any:
        if what == "a list":
            return [manifest]
        MANIFESTS[what](manifest)
        return manifest

    assert_refused(repacked(small, tmp_path / "wrong", change), tmp_path / "new", monkeypatch, cli)


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "{",
        '{"name": null}',
        '{"name": "a", "created_at": 5}',
        '{"other": 1}',
        '{"name": "a", "created_at": "2026"}',
        '{"name": "a"}',
    ],
)
def test_restore_with_invalid_rows_is_refused(
    small: Path, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    name = "tables/models.jsonl"
    with zipfile.ZipFile(tmp_path / "rows", "w") as archive:
        told = backup._add(archive, name, iter([line.encode()]))

    def change(manifest: dict[str, Any]) -> Any:
        manifest["members"][name] = told
        return manifest

    assert_refused(repacked(small, tmp_path / "wrong", change, {name: line}), tmp_path / "new", monkeypatch, cli)


def repacked(source: Path, target: Path, change: Callable[[dict[str, Any]], Any], members: Any = ()) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name == "manifest.json":
                new.writestr(name, json.dumps(change(json.loads(old.read(name)))))
            else:
                new.writestr(name, members[name] if name in members else old.read(name))
    return target


def assert_refused(file: Path, home: Path, monkeypatch: pytest.MonkeyPatch, cli: Any) -> None:
    monkeypatch.setenv("FINE_TUNING_HOME", str(home))
    code, _, err = cli("restore", str(file))
    assert (code, err.count("\n")) == (1, 1)
    with pytest.raises(DataError):
        backup.restore(open_workspace(), file)
    assert files_of(home) == {}
    with open_database().read() as tx:
        assert tx.scalar(text("SELECT count(*) FROM models")) == 0


def test_doctor_of_a_restored_workspace_finds_nothing(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "new"))
    backup.restore(open_workspace(), small)
    assert not [each for found in doctor.check_workspace(open_workspace()).values() for each in found]
