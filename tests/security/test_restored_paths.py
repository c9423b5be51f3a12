"""A forged backup names files of this machine: they are neither named by the restored rows nor served."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fine_tuning.server import file_storage
from fine_tuning.server.file_storage import NewUpload
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import tables
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.workflows.maintenance import backup
from tests.security.requests import ask
from tests.server.conftest import listening

SECRET = "the content of a file elsewhere"


def uploaded(workspace: Workspace) -> str:
    row = file_storage.save(workspace, [b'{"a": 1}'], NewUpload("default", "rows.jsonl", "batch", None))
    return row["id"]


def forged(archive: Path, to: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A backup whose rows of files are changed, with the checksums that they have then."""
    name = "tables/files.jsonl"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(to, "w") as target:
        rows = [json.loads(line) for line in source.read(name).splitlines()]
        for row in rows:
            change(row)
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        manifest = json.loads(source.read("manifest.json"))
        manifest["members"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for each in source.namelist():
            changed = {name: content, "manifest.json": json.dumps(manifest).encode()}
            target.writestr(each, changed.get(each) or source.read(each))


@pytest.mark.parametrize("path", ["{elsewhere}", "{home}/../elsewhere", "../elsewhere", "{home}/files/../../elsewhere"])
def test_restored_rows_name_no_file_outside_of_the_workspace(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    elsewhere, again = tmp_path / "elsewhere", tmp_path / "again"
    elsewhere.write_text(SECRET)
    file_id = uploaded(open_workspace())
    backup.write(open_workspace(), tmp_path / "backup.zip")
    named = path.format(elsewhere=elsewhere, home=workspace)
    forged(tmp_path / "backup.zip", tmp_path / "forged.zip", lambda row: row.update(path=named))
    monkeypatch.setenv("FINE_TUNING_HOME", str(again))
    restored = backup.restore(open_workspace(), tmp_path / "forged.zip")
    assert len(restored["outside"]) == 1
    with open_workspace().database.read() as tx:
        (kept,) = tx.execute(tables.files.select()).mappings()
    assert Path(kept["path"]).resolve().is_relative_to(again.resolve())
    with listening(ServerConfig()) as address:
        answer = ask("GET", f"{address}/files/{file_id}/content")
    assert answer.status_code >= 400
    assert SECRET not in answer.text


def test_restored_rows_of_the_workspace_are_served(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = uploaded(open_workspace())
    backup.write(open_workspace(), tmp_path / "backup.zip")
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "again"))
    assert backup.restore(open_workspace(), tmp_path / "backup.zip")["outside"] == []
    with listening(ServerConfig()) as address:
        assert ask("GET", f"{address}/files/{file_id}/content").text == '{"a": 1}'


@pytest.mark.parametrize("is_link", [False, True])
def test_file_outside_of_the_workspace_is_neither_served_nor_deleted(
    workspace: Path, tmp_path: Path, is_link: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(SECRET)
    file_id = uploaded(open_workspace())
    named = workspace / "files" / "link" if is_link else elsewhere
    if is_link:
        named.symlink_to(elsewhere)
    with open_workspace().database.write() as tx:
        tx.execute(update(tables.files).values(path=str(named)))
    with listening(ServerConfig()) as address:
        found = [ask("GET", f"{address}/files/{file_id}/content"), ask("DELETE", f"{address}/files/{file_id}")]
    assert [each.status_code for each in found] == [404, 404]
    assert SECRET not in found[0].text
    assert elsewhere.read_text() == SECRET
