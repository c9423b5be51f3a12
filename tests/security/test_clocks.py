"""Machines whose clock is wrong: they say so and take no job, and each job is trained once."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from fine_tuning import LocalFineTuner
from fine_tuning._util.files import make_folder
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.review_inbox import CLAIM_SECONDS, ReviewInbox
from fine_tuning.errors import StorageError
from fine_tuning.store import batch_queue, database_clock, job_events, job_queue, jobs, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database
from fine_tuning.store.records.jobs import NewJob
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs import trainer_liveness
from tests.gateway.test_routes import save
from tests.store.test_batches import add_with_file
from tests.training.jobs.test_local_trainer import write_chats
from tests.waiting import wait_until

FAKETIME = shutil.which("faketime")
needs_faketime = pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed (Debian's package faketime)")
AHEAD = timedelta(hours=2)
TWO_HOURS = r"(2:00:0\d|1:59:5\d)"  # by a database that a busy machine may keep waiting
LEASE = 30.0


@contextmanager
def command(*arguments: str, log: Path, clock: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """`ft-cli`, whose clock may be ahead or behind, until the end of the block."""
    words = [sys.executable, "-m", "fine_tuning.cli", *arguments]
    environment = dict(os.environ)
    if clock is not None:
        words = [str(FAKETIME), "-f", clock, *words]
        environment["FINE_TUNING_TRAINER_COMMAND"] = ""  # the tests' warm trainer must not get this clock
    with log.open("wb") as stream:
        process = subprocess.Popen(words, stdout=stream, stderr=stream, env=environment, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        for left in Path("/dev/shm").glob(f"*faketime_*_{process.pid}"):  # of a faketime that a signal ended:
            left.unlink()  # another does not start under the same number


def enqueue(database: Database, file_id: str, model: str, count: int) -> list[str]:
    """Jobs that wait for any worker."""
    names = [f"ftjob-{number}" for number in range(count)]
    with database.write() as tx:
        for name in names:
            job: NewJob = {
                "id": name,
                "provider": "local",
                "idempotency_key": name,
                "model": model,
                "training_file_id": file_id,
                "suffix": None,
                "hyperparameters": {"n_epochs": 1, "batch_size": 4},
                "status": "queued",
                "pooled": True,
            }
            jobs.add(tx, job)
    return names


def statuses(database: Database, names: list[str]) -> set[str]:
    with database.read() as tx:
        return {job["status"] for name in names if (job := jobs.get(tx, name)) is not None}


def starts(database: Database, name: str) -> int:
    """How often a trainer of the job began to load the base model."""
    with database.read() as tx:
        events = job_events.newest(tx, name, 1000)
    return sum(event["message"].startswith("loading") for event in events)


@needs_faketime
@pytest.mark.slow
def test_workers_two_hours_ahead_and_behind_take_no_job(
    database: Database, tmp_path: Path, tiny_model_dir: Path
) -> None:
    file_id = LocalFineTuner().upload_training_file(write_chats(tmp_path / "chats.jsonl", 8))
    names = enqueue(database, file_id, str(tiny_model_dir), 5)
    ahead, behind, right = (tmp_path / f"{name}.log" for name in ("ahead", "behind", "right"))
    with command("worker", log=ahead, clock="+2h"), command("worker", log=behind, clock="-2h"):
        wait_until(lambda: all("this machine's clock is " in each.read_text() for each in (ahead, behind)))
        assert statuses(database, names) == {"queued"}
        with command("worker", "--slots", "2", log=right):
            wait_until(lambda: statuses(database, names) <= {"succeeded", "failed"}, seconds=120)
    assert statuses(database, names) == {"succeeded"}
    assert {starts(database, name) for name in names} == {1}
    for log, side in ((ahead, "ahead of"), (behind, "behind")):
        assert re.search(rf"clock is {TWO_HOURS} {side} the database's: set it", log.read_text())
        assert "training ftjob" not in log.read_text()


@needs_faketime
def test_doctor_with_a_wrong_clock_names_it(database: Database, tmp_path: Path) -> None:
    with database.read() as tx:
        assert database_clock.problem(tx) is None
    log = tmp_path / "doctor.log"
    with command("doctor", log=log, clock="-90m") as process:
        assert process.wait(60) == 1
    assert re.search(r"clock is 1:(30:0\d|29:5\d) behind the database's", " ".join(log.read_text().split()))


def test_lease_of_a_job_far_in_the_future_ends_soon(database: Database, tmp_path: Path) -> None:
    file_id = LocalFineTuner().upload_training_file(write_chats(tmp_path / "chats.jsonl", 8))
    (name,) = enqueue(database, file_id, "base", 1)
    with database.write() as tx:
        assert job_queue.reserve_next(tx, "host/gone", AHEAD.total_seconds()) == name
    with database.write() as tx:
        job_queue.reconcile(tx)
        assert job_queue.reserve_next(tx, "host/next", LEASE) is None  # its worker may live, and has time to renew it
        held = jobs.get(tx, name)
        assert held is not None
        assert held["lease_expires_at"] is not None
        assert held["lease_expires_at"] - database_clock.database_now(tx) <= database_clock.CAPPED_LEASE
        assert job_queue.renew_lease(tx, name, "host/gone", LEASE) == "run"


def test_job_of_this_process_with_a_lease_far_in_the_future_pauses_after_the_capped_lease(
    database: Database, tmp_path: Path
) -> None:
    tuner = LocalFineTuner()
    file_id = tuner.upload_training_file(write_chats(tmp_path / "chats.jsonl", 8))
    (name,) = enqueue(database, file_id, "base", 1)
    own = update(tables.jobs).values(pooled=False)
    with database.write() as tx:
        tx.execute(own)
        assert job_queue.reserve(tx, name, "gone", AHEAD.total_seconds())
    assert tuner.get_job_status(name)["status"] == "queued"  # shortened, not taken away
    with database.write() as tx:
        held = jobs.get(tx, name)
        assert held is not None
        assert held["lease_expires_at"] is not None
        assert held["lease_expires_at"] - database_clock.database_now(tx) <= database_clock.CAPPED_LEASE
        tx.execute(own.values(lease_expires_at=held["lease_expires_at"] - timedelta(minutes=1)))
    assert tuner.get_job_status(name)["status"] == "paused"


def test_lease_of_a_batch_far_in_the_future_ends_soon(database: Database) -> None:
    with database.write() as tx:
        batch_id = add_with_file(tx)
        assert batch_queue.claim_next(tx, "gone", AHEAD.total_seconds()) is not None
        assert batch_queue.is_waiting(tx)  # for its lease to be shortened
        assert batch_queue.claim_next(tx, "next", LEASE) is None
        assert not batch_queue.is_waiting(tx)
        assert batch_queue.renew(tx, batch_id, "gone", LEASE) is not None


def test_second_trainer_of_a_job_on_this_machine_is_refused(tmp_path: Path) -> None:
    with trainer_liveness.held(tmp_path, "ftjob-1", tries=1):
        refused = pytest.raises(StorageError, match="another trainer of ftjob-1 still runs on this machine")
        with refused, trainer_liveness.held(tmp_path, "ftjob-1", tries=1):
            pass
    with trainer_liveness.held(tmp_path, "ftjob-1", tries=1):
        pass


def test_job_whose_launcher_died_before_it_started_the_trainer_pauses_at_once(
    database: Database, tmp_path: Path
) -> None:
    tuner = LocalFineTuner()
    (name,) = enqueue(database, tuner.upload_training_file(write_chats(tmp_path / "chats.jsonl", 8)), "base", 1)
    logs = make_folder(open_workspace().folder("logs"))
    with trainer_liveness.held(logs, name), database.write() as tx:
        tx.execute(update(tables.jobs).values(pooled=False))
        assert job_queue.reserve(tx, name, f"{trainer_liveness.worker_prefix()}gone", LEASE)
    with trainer_liveness.held(logs, name):
        assert tuner.get_job_status(name)["status"] == "queued"  # its launcher lives
    assert tuner.get_job_status(name)["status"] == "paused"
    with database.write() as tx:
        assert job_queue.reserve(tx, name, "elsewhere/gone", LEASE)  # of a machine whose locks nobody sees here
    assert tuner.get_job_status(name)["status"] == "queued"


@needs_faketime
def test_flywheel_whose_clock_is_wrong_begins_nothing(workspace: Path, tmp_path: Path) -> None:
    save(incumbent="openai/gpt-x")
    policies, log = tmp_path / "policies.toml", tmp_path / "flywheel.log"
    policies.write_text("[triage.when]\nschedule = '* * * * *'\n")
    with command("flywheel", "run", str(policies), "--once", log=log, clock="+2h") as process:
        assert process.wait(60) == 1
    assert re.search(f"triage: this machine's clock is {TWO_HOURS} ahead of the database's: set it", log.read_text())


def test_claim_of_a_reviewer_whose_clock_is_ahead_ends_with_the_others(database: Database) -> None:
    chats = DistillationDataCollector()
    for number in range(3):
        chats.capture_success(f"Question {number}", "Yes.", "shop", "support", rating=3, model_used="m")
    ahead = ReviewInbox("ann", database=database, clock=lambda: now() + AHEAD)
    (claimed,) = (each["id"] for each in ahead.take(limit=1))
    assert claimed not in {each["id"] for each in ReviewInbox("bob", database=database).take()}  # she may be at work
    with database.read() as tx:
        most = database_clock.database_now(tx) + timedelta(seconds=CLAIM_SECONDS)
        assert max(tx.scalars(select(tables.review_claims.c.expires_at))) <= most
