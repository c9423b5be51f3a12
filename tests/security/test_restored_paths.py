"""A forged backup names files of this machine: they are neither named by the restored rows nor served."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from fine_tuning.errors import DataError
from fine_tuning.server import file_storage
from fine_tuning.server.app import make_app
from fine_tuning.server.file_storage import NewUpload
from fine_tuning.server.routes import uploads
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import files, jobs, relocations, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.jobs import NewJob
from fine_tuning.store.records.relocations import RelocationRequest
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.workflows.maintenance import backup, backup_archive
from tests.security.requests import ask
from tests.server.conftest import listening

SECRET = "the content of a file elsewhere"


def uploaded(workspace: Workspace) -> str:
    row = file_storage.save(workspace, [b'{"a": 1}'], NewUpload("default", "rows.jsonl", "batch", None))
    return row["id"]


def forged(archive: Path, to: Path, change: Callable[[dict[str, Any]], None], table: str = "files") -> None:
    """A backup whose rows of a table are changed, with the checksums that they have then."""
    name = f"tables/{table}.jsonl"
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


def test_folders_of_restored_jobs_are_in_the_workspace(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    job: NewJob = {
        "id": "ftjob-1",
        "provider": "local",
        "idempotency_key": "k",
        "model": "smollm2-135m-instruct",
        "base_model": "org/model",
        "training_file_id": "f",
        "hyperparameters": {},
        "status": "succeeded",
        "result": {"adapter_dir": str(workspace / "artifacts" / "a"), "merged_dir": None},
    }
    with open_workspace().database.write() as tx:
        jobs.add(tx, job)
    backup.write(open_workspace(), tmp_path / "backup.zip")

    def forge(row: dict[str, Any]) -> None:
        row["result"] |= {"merged_dir": elsewhere, "checkpoints": [{"id": "c", "model": "../../elsewhere"}]}

    forged(tmp_path / "backup.zip", tmp_path / "forged.zip", forge, "jobs")
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "again"))
    assert backup.restore(open_workspace(), tmp_path / "forged.zip")["outside"] == ["../../elsewhere", elsewhere]
    with open_workspace().database.read() as tx:
        found = jobs.get(tx, "ftjob-1")
    assert found is not None
    assert (found["model"], found["base_model"]) == ("smollm2-135m-instruct", "org/model")
    result = found["result"]
    assert result is not None
    named = [result["adapter_dir"], result["merged_dir"], result["checkpoints"][0]["model"]]
    assert all(str(each).startswith(f"{tmp_path / 'again'}/") for each in named)


def test_files_of_restored_relocations_are_in_the_workspace(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request: RelocationRequest = {
        "model_name": "m",
        "version": 1,
        "base_model": "b",
        "provider": "local",
        "n_epochs": 3,
        "hyperparameters": {},
        "test_file": None,
    }
    with open_workspace().database.write() as tx:
        made = relocations.start_or_resume(tx, request)
        relocations.record_step(tx, made["id"], "data", {"train": "t", "test": "t", "held_out": False})
    backup.write(open_workspace(), tmp_path / "backup.zip")
    elsewhere = str(tmp_path / "elsewhere")
    forge = partial(_set_files, train=elsewhere, test="../../elsewhere")
    forged(tmp_path / "backup.zip", tmp_path / "forged.zip", forge, "relocations")
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "again"))
    assert backup.restore(open_workspace(), tmp_path / "forged.zip")["outside"] == ["../../elsewhere", elsewhere]
    with open_workspace().database.read() as tx:
        data = relocations.start_or_resume(tx, request)["done"]["data"]
    assert all(data[part].startswith(f"{tmp_path / 'again'}/") for part in ("train", "test"))


def _set_files(row: dict[str, Any], **named: str) -> None:
    row["done"]["data"] |= named


def test_expired_file_outside_of_the_workspace_is_not_deleted(workspace: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(SECRET)
    file_id = uploaded(open_workspace())
    with open_workspace().database.write() as tx:
        tx.execute(update(tables.files).values(path=str(elsewhere), expires_at=now() - timedelta(days=1)))
    uploads.delete_expired(make_app().state.context)
    assert elsewhere.read_text() == SECRET
    with open_workspace().database.read() as tx:
        assert files.in_project(tx, "default", file_id) is None


def test_part_outside_of_the_workspace_is_neither_joined_nor_deleted(workspace: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(SECRET)
    asked = {"filename": "a.jsonl", "purpose": "batch", "bytes": len(SECRET), "mime_type": "text/plain"}
    with listening(ServerConfig()) as address:
        upload = ask("POST", f"{address}/uploads", json=asked).json()["id"]
        part = ask("POST", f"{address}/uploads/{upload}/parts", files={"data": SECRET.encode()}).json()["id"]
        with open_workspace().database.write() as tx:
            tx.execute(update(tables.upload_parts).values(path=str(elsewhere)))
        completed = ask("POST", f"{address}/uploads/{upload}/complete", json={"part_ids": [part]})
        assert completed.status_code == 404
        assert ask("POST", f"{address}/uploads/{upload}/cancel").status_code == 200
    assert elsewhere.read_text() == SECRET


@pytest.mark.parametrize("member", ["manifest.json", "tables/files.jsonl"])
def test_text_that_unpacks_to_more_than_there_is_memory_is_one_line(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, member: str
) -> None:
    uploaded(open_workspace())
    backup.write(open_workspace(), tmp_path / "backup.zip")
    vast = b" " * (backup_archive.MAX_TEXT_BYTES + 2)
    with (
        zipfile.ZipFile(tmp_path / "backup.zip") as source,
        zipfile.ZipFile(tmp_path / "vast.zip", "w", zipfile.ZIP_DEFLATED) as target,
    ):
        manifest = json.loads(source.read("manifest.json"))
        manifest["members"]["tables/files.jsonl"]["sha256"] = hashlib.sha256(vast).hexdigest()
        changed = {"manifest.json": json.dumps(manifest).encode(), member: vast}
        for each in source.namelist():
            target.writestr(each, changed.get(each) or source.read(each))
    monkeypatch.setenv("FINE_TUNING_HOME", str(tmp_path / "again"))
    with pytest.raises(DataError, match=r"more than 256 MiB"):
        backup.restore(open_workspace(), tmp_path / "vast.zip")
