"""Export of an account with 500 jobs from a host whose requests fail at random; nothing there is changed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import ModelRegistry
from fine_tuning.errors import ConfigurationError, ProviderError
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store import files, jobs, tables
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.account_export import export_account
from tests import wire
from tests.faults import Faulty, faulty
from tests.server.conftest import listening

pytestmark = pytest.mark.slow

FILES = 40
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Faulty]:
    """This project's own server with a workspace of its own, playing OpenAI, behind a line that fails."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    monkeypatch.setenv("FINE_TUNING_HOME", str(theirs))
    database = open_database()
    _fill(database, theirs / "files", getattr(request, "param", 120))
    with listening(ServerConfig(aliases={})) as address, faulty(address) as line:
        monkeypatch.setenv("FINE_TUNING_HOME", str(ours))
        yield line
    database.close()


def _fill(database: Database, folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    with database.write() as tx:
        for number in range(FILES):
            said = [(f"{number} {row}", "x") for row in range(10 + number)]
            rows = [
                {"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]} for a, b in said
            ]
            path = folder / f"file-{number:04}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            files.add(
                tx,
                {
                    "id": path.stem,
                    "provider": "local",
                    "purpose": "fine-tune",
                    "path": str(path),
                    "filename": f"data{number}.jsonl",
                    "bytes": path.stat().st_size,
                    "sha256": "0" * 64,
                },
            )
        for number in range(count):
            name = f"ft:gpt-4o-mini:local:team{number % 7}:{number:012x}"
            failed = number % 10 == 9
            job = {
                "id": f"ftjob-{number:04}",
                "provider": "local",
                "idempotency_key": f"k{number}",
                "model": "gpt-4o-mini",
                "training_file_id": f"file-{number % FILES:04}",
                "pooled": True,
                "hyperparameters": {"n_epochs": 2},
                "status": "failed" if failed else "succeeded",
                "suffix": f"team{number % 7}",
                "trained_tokens": 1000 + number,
                "fine_tuned_model": None if failed else name,
                "result": {"merged_dir": "/nowhere"},
                "finished_at": BEGIN + timedelta(hours=number),
            }
            jobs.add(tx, job)
            created = BEGIN + timedelta(minutes=number)
            tx.execute(tables.jobs.update().where(tables.jobs.c.id == job["id"]).values(created_at=created))


@pytest.mark.parametrize("account", [220], indirect=True)  # three pages
def test_export_account_failing_host_exports_everything(account: Faulty) -> None:
    account.rate = 0.15
    report = export_account(open_workspace(), "key", account.url)
    assert sum(account.failed.values()) > 25
    assert {request.split()[0] for request in account.seen} == {"GET"}  # nothing there is changed
    assert (report.jobs, report.new_jobs, report.models, report.new_models) == (220, 220, 198, 198)
    assert (report.files, report.new_files) == (FILES, FILES)
    with open_database().read() as tx:
        for number in range(FILES):
            row = files.get(tx, f"file-{number:04}")
            assert row is not None
            assert len(Path(row["path"]).read_text().splitlines()) == 10 + number
            assert row["dataset_id"] is not None
        job = jobs.get(tx, "ftjob-0123")
    assert job is not None
    assert (job["provider"], job["trained_tokens"], job["hyperparameters"]["n_epochs"]) == (account.url, 1123, 2)
    registry = ModelRegistry()
    versions = registry.list_model_versions("team3")
    assert [each["job_id"] for each in versions] == sorted(each["job_id"] for each in versions)  # oldest first
    assert (versions[0]["provider"], versions[0]["dataset_size"]) == (account.url, 13)
    chain = [node.kind for node in registry.lineage("team3", 1).nodes]
    assert {"job", "file", "dataset"} <= set(chain)
    inventory = json.loads(Path(report.inventory).read_text())
    assert len(inventory["jobs"]) == 220
    # Once more: nothing is fetched again, nothing is registered twice.
    before = len([request for request in account.seen if request.endswith("/content")])
    again = export_account(open_workspace(), "key", account.url)
    assert (again.new_jobs, again.new_models, again.new_files, again.bytes) == (0, 0, 0, 0)
    assert len([request for request in account.seen if request.endswith("/content")]) == before
    assert len(registry.list_models()) == 198


def test_export_account_deleted_or_truncated_files_are_reported(account: Faulty, tmp_path: Path, cli: Any) -> None:
    (tmp_path / "theirs" / "files" / "file-0003.jsonl").write_text("shorter than announced\n")
    theirs = open_database(tmp_path / "theirs")
    with theirs.write() as tx:
        files.mark_deleted(tx, "file-0001")
    code, out, _ = cli("openai", "export", "--base-url", account.url, "--json")
    report = json.loads(out)
    assert code == 0
    gone = sorted(line for line in report["missing"] if line.startswith("file"))
    assert len(gone) == 2
    assert "does not know file file-0001 (404)" in gone[0]
    assert "file file-0003" in gone[1]
    assert report["new_files"] == FILES - 2
    code, out, _ = cli("openai", "export", "--base-url", account.url)
    assert (code, "unavailable: " in out, "inventory: " in out) == (0, True, True)


def test_export_account_changing_list_is_read_again(account: Faulty, tmp_path: Path) -> None:
    """The job that a page follows is deleted between two calls; new ones begin meanwhile."""
    theirs = open_database(tmp_path / "theirs")
    changed = []

    def change(path: str) -> None:
        if "after=" in path and "/jobs?" in path and len(changed) < 2:
            after = path.partition("after=")[2].partition("&")[0]
            with theirs.write() as tx:
                tx.execute(tables.jobs.delete().where(tables.jobs.c.id == after))
            changed.append(after)

    account.before = change
    report = export_account(open_workspace(), "key", account.url)
    assert len(changed) == 2
    assert report.jobs == 118


def test_export_account_interrupted_resumes(account: Faulty) -> None:
    def on_message(step: str) -> None:
        if step.startswith("files: 20"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_account(open_workspace(), "key", account.url, on_message=on_message)
    before = len([request for request in account.seen if request.endswith("/content")])
    report = export_account(open_workspace(), "key", account.url)
    fetched = len([request for request in account.seen if request.endswith("/content")]) - before
    assert fetched <= FILES - 20
    assert report.new_models == 108


def test_export_account_without_key_or_host_prints_one_line(cli: Any) -> None:
    code, _, err = cli("openai", "export")
    assert (code, "no OpenAI API key" in err) == (1, True)
    with wire.host() as host:
        host.answers["GET /fine_tuning/jobs"] = (401, {"error": {"message": "no"}})
        with pytest.raises(ConfigurationError, match="refused the API key"):
            export_account(open_workspace(), "key", host.url)
        host.answers["GET /fine_tuning/jobs"] = (400, {"error": {"message": "no such thing"}})
        with pytest.raises(ProviderError, match="no such thing"):
            export_account(open_workspace(), "key", host.url)


def listed(*each: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"object": "list", "data": list(each), "has_more": False}


def model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1, "owned_by": "me"}


@pytest.fixture
def small() -> Iterator[wire.Host]:
    """An account with a job that has ended and one that runs."""
    with wire.host() as host:
        host.answers["GET /fine_tuning/jobs"] = listed(
            wire.job(id="ftjob-1", status="succeeded", fine_tuned_model="ft:gpt:me:inbox:1"), wire.job(id="ftjob-2")
        )
        host.answers["GET /fine_tuning/jobs/*"] = listed()
        host.answers["GET /models"] = listed(model("gpt"), model("ft:gpt:me:inbox:1"))
        host.answers["GET /files"] = listed()
        yield host


def test_export_account_again_applies_changes(small: wire.Host, cli: Any) -> None:
    first = export_account(open_workspace(), "key", small.url)
    assert (first.new_jobs, first.new_models, first.changed_jobs) == (2, 1, 0)
    again = export_account(open_workspace(), "key", small.url)
    assert (again.new_jobs, again.new_models, again.changed_jobs) == (0, 0, 0)
    small.answers["GET /fine_tuning/jobs"] = listed(
        wire.job(id="ftjob-1", status="succeeded", fine_tuned_model="ft:gpt:me:inbox:1"),
        wire.job(id="ftjob-2", status="succeeded", fine_tuned_model="ft:gpt:me:inbox:2", trained_tokens=7),
    )
    small.answers["GET /models"] = listed(model("gpt"), model("ft:gpt:me:inbox:2"))
    ModelRegistry().deploy_model("inbox")
    third = export_account(open_workspace(), "key", small.url)
    assert (third.new_jobs, third.new_models, third.changed_jobs, third.archived_models) == (0, 1, 1, 0)
    assert "model ft:gpt:me:inbox:1: the account no longer has it; inbox-v1 is still deployed" in str(third.missing)
    with open_database().read() as tx:
        job = jobs.get(tx, "ftjob-2")
    assert job is not None
    assert (job["status"], job["trained_tokens"]) == ("succeeded", 7)
    ModelRegistry().deploy_model("inbox", 2)
    ModelRegistry().set_model_status("inbox", "READY", 1)
    code, out, _ = cli("openai", "export", "--base-url", small.url, "--json")
    report = json.loads(out)
    assert (code, report["archived_models"], report["changed_jobs"]) == (0, 1, 0)
    assert "inbox-v1 is kept as ARCHIVED" in str(report["missing"])
    assert [each["status"] for each in ModelRegistry().list_model_versions("inbox")] == ["ARCHIVED", "DEPLOYED"]


def test_export_account_model_without_job_is_registered(small: wire.Host) -> None:
    alive = ("gpt", "ft:gpt:me:inbox:1", "ft:gpt:me:inbox:1:ckpt-step-5", "ft:gpt:me:old:9")
    small.answers["GET /models"] = listed(*map(model, alive))
    report = export_account(open_workspace(), "key", small.url)
    assert (report.models, report.new_models) == (2, 2)
    assert "job of ft:gpt:me:old:9: the account does not list it" in str(report.missing)
    (old,) = ModelRegistry().list_model_versions("old")
    assert (old["status"], old["base_model"], old["provider_model"]) == ("READY", "gpt", "ft:gpt:me:old:9")
    again = export_account(open_workspace(), "key", small.url)
    assert (again.models, again.new_models, "ft:gpt:me:old:9" in str(again.missing)) == (2, 0, False)


def test_export_account_concurrent_exports_agree(database: Database, tmp_path: Path) -> None:
    """Into one new workspace, as each fetches what the others have not stored yet."""
    together = threading.Barrier(3)
    content = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    found = [wire.job(id=f"ftjob-{n}", status="succeeded", fine_tuned_model=f"ft:gpt:me:inbox:{n}") for n in range(20)]

    def bytes_of_it(_: Any) -> Any:
        together.wait(30)
        return 200, content

    with wire.host() as host, ThreadPoolExecutor(3) as pool:
        host.answers["GET /fine_tuning/jobs"] = listed(*found)
        host.answers["GET /fine_tuning/jobs/*"] = listed()
        host.answers["GET /models"] = listed(
            model("ft:gpt:me:orphan:0"), *(model(f"ft:gpt:me:inbox:{n}") for n in range(20))
        )
        host.answers["GET /files"] = listed(wire.file(bytes=len(json.dumps(content))))
        host.answers["GET /files/file-1/content"] = bytes_of_it
        reports = list(pool.map(lambda _: export_account(open_workspace(), "key", host.url), range(3)))
    assert sum(report.new_files for report in reports) == 1
    assert sum(report.new_jobs for report in reports) == 20
    assert sum(report.new_models for report in reports) == 21
    versions = ModelRegistry().list_model_versions("inbox")
    assert [each["job_id"] for each in versions] == sorted(f"ftjob-{n}" for n in range(20))
