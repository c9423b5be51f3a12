"""A disk that is full: one line or 507, nothing half-made, and it goes on when there is space again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import DiskFullError
from fine_tuning.gateway.recorder import Recorder
from fine_tuning.gateway.stored_calls import store_spool
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.store.database import open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import backup, doctor
from fine_tuning.workflows.model_export import ExportPlan, export_model
from tests.gateway.test_recording import exchange, kept
from tests.security.requests import ask
from tests.server.conftest import ALIAS, listening
from tests.small_disks import fill, small_disk
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
FULL = "the disk is full|is full; free some space"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    with small_disk(tmp_path / "disk", "24m") as found:
        yield found
        open_database().close()


@pytest.fixture
def home(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace on the small disk."""
    monkeypatch.setenv("FINE_TUNING_HOME", str(disk / "home"))
    with open_database().write():  # makes what a reader of SQLite needs, too
        return disk / "home"


def assert_is_sound() -> None:
    found = doctor.check_workspace(open_workspace())
    assert [each for findings in found.values() for each in findings] == []


def test_upload_to_full_disk_is_507(home: Path, disk: Path) -> None:
    content = {"file": b"x" * 3_000_000}
    with listening(ServerConfig()) as address:
        for room in (1_000_000, 0):
            ballast = fill(disk, room)
            for _ in range(3):
                answer = ask("POST", f"{address}/files", files=content, data={"purpose": "batch"})
                assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_error")
            assert [*(home / "files").iterdir()] == []
            assert ask("GET", f"{address}/files").json()["data"] == []
            ballast.unlink()
        assert ask("POST", f"{address}/files", files=content, data={"purpose": "batch"}).status_code == 200
    assert_is_sound()


def test_stored_answer_of_full_disk_is_507_or_kept(home: Path, disk: Path, tiny_model_dir: Path) -> None:
    asked: dict[str, Any] = {"model": ALIAS, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
    with listening(ServerConfig(aliases={ALIAS: str(tiny_model_dir)})) as address:
        assert ask("POST", f"{address}/chat/completions", json=asked).status_code == 200  # loads the model
        ballast = fill(disk)
        assert ask("POST", f"{address}/chat/completions", json=asked).status_code == 200
        answer = ask("POST", f"{address}/chat/completions", json=asked | {"store": True})
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_error")
        ballast.unlink()
        told = ask("POST", f"{address}/chat/completions", json=asked | {"store": True}).json()["id"]
        assert [each["id"] for each in ask("GET", f"{address}/chat/completions").json()["data"]] == [told]
    assert_is_sound()


def test_capture_to_full_disk_is_one_line(home: Path, disk: Path) -> None:
    collector = DistillationDataCollector()
    kept = collector.capture_success("What is 1?", "One.", "a", "b")
    ballast = fill(disk)
    with pytest.raises(DiskFullError, match=FULL):
        for number in range(3000):  # until the room that SQLite has made before is full
            collector.capture_success(f"What is {number}? {'x' * 3000}", "A number.", "a", "b")
    ballast.unlink()
    again = collector.capture_success("What is 2?", "Two.", "a", "b")
    assert {kept, again} <= {each["id"] for each in collector.find_examples()}
    assert_is_sound()


def test_build_on_full_disk_is_one_line(home: Path, disk: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"prompt": f"What is {number}?", "response": "x " * 900}) + "\n" for number in range(999)]
    rows, few = tmp_path / "rows.jsonl", tmp_path / "few.jsonl"
    rows.write_text("".join(lines))
    few.write_text("".join(lines[:20]))
    first = DatasetBuilder().build("made", [few])
    ballast = fill(disk, 1_500_000)
    for name in ("made", "new"):
        with pytest.raises(DiskFullError, match=FULL):
            DatasetBuilder().build(name, [rows])
    assert [each.name for each in (home / "datasets").iterdir()] == ["made"]
    assert DatasetBuilder().get_dataset("made")["hash"] == first["hash"]
    ballast.unlink()
    assert DatasetBuilder().build("made", [rows])["counts"]["read"] == 999
    assert_is_sound()


def test_export_and_backup_to_full_disk_are_one_line(trained: dict[str, Any], disk: Path) -> None:
    plan = ExportPlan("orders-v1", "gguf", output=disk / "out", prompts=1, force=True)
    backup.write(open_workspace(), disk / "backup.zip")
    whole = (disk / "backup.zip").read_bytes()
    for room in (0, 50_000):
        ballast = fill(disk, room)
        with pytest.raises(DiskFullError, match=FULL):
            export_model(plan, workspace=open_workspace())
        with pytest.raises(DiskFullError, match=FULL):
            backup.write(open_workspace(), disk / "backup.zip")
        ballast.unlink()
        assert [each.name for each in disk.iterdir()] == ["backup.zip"]
        assert (disk / "backup.zip").read_bytes() == whole
    assert export_model(plan, workspace=open_workspace()).weights.is_file()
    backup.write(open_workspace(), disk / "backup.zip")


def test_calls_of_the_gateway_wait_for_a_place_on_the_disk_and_none_is_lost(
    home: Path, disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = home / "spool"
    recorder = Recorder(spool)
    recorder.record(exchange(0))
    wait_until(lambda: [*spool.glob("*")] and any(path.stat().st_size for path in spool.glob("*")))
    ballast = fill(disk)
    for number in range(1, 4):
        made = exchange(number)
        made.response = kept(b" " * (1 << 19))
        recorder.record(made)
    wait_until(lambda: "calls wait in memory" in caplog.text)
    ballast.unlink()
    recorder.record(exchange(9))
    recorder.close()
    assert (store_spool(open_workspace(), spool), recorder.dropped) == (5, 0)
    assert [*spool.iterdir()] == []
