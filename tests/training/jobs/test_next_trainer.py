"""The next trainer of a pool waits with its libraries, trains the next job, and ends with its pool."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from fine_tuning import LocalFineTuner
from fine_tuning.store import job_events, jobs
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs import next_trainer
from fine_tuning.training.jobs.next_trainer import NextTrainer
from fine_tuning.training.jobs.spawn_worker import Reserved, environment, spawn
from fine_tuning.training.jobs.worker_pool import Pool
from tests.security.test_clocks import enqueue
from tests.training.jobs.test_local_trainer import write_chats
from tests.waiting import wait_until


def waiting_process() -> psutil.Process:
    """The one that this process has started."""
    (found,) = [
        each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE and waits(each.cmdline())
    ]
    return found


def waits(words: list[str]) -> bool:
    return words[-1:] == [next_trainer.WAITS]


@pytest.mark.slow
def test_job_after_the_first_is_trained_by_the_process_that_waits(
    workspace: Path, tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch, warm_trainer: str
) -> None:
    database = open_workspace().database
    file_id = LocalFineTuner().upload_training_file(write_chats(tmp_path / "chats.jsonl", 8))
    monkeypatch.setenv("FINE_TUNING_TRAINER_COMMAND", warm_trainer)
    pool = Pool(open_workspace())

    def train(name: str) -> None:
        def has_ended() -> bool:
            pool.step()
            with database.read() as tx:
                return (jobs.get(tx, name) or {})["status"] == "succeeded"

        wait_until(has_ended, seconds=120)

    first, second = enqueue(database, file_id, str(tiny_model_dir), 2)
    with database.write() as tx:
        jobs.change(tx, second, status="paused", requested="pause")
    train(first)
    wait_until(lambda: not (pool.step() or pool._children), seconds=60)
    pool._next_trainer.prepare(environment(open_workspace()))  # as where no other command is set
    process = waiting_process()
    with database.write() as tx:
        jobs.change(tx, second, status="queued", requested="run")
    train(second)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    with database.read() as tx:
        assert "training" in {each["message"] for each in job_events.newest(tx, second, 100)}
    assert f"the worker of {second} ends" in (open_workspace().folder("logs") / f"{second}.log").read_text()
    pool.shut_down()


def test_process_that_waits_ends_with_whoever_started_it() -> None:
    code = (
        "import os, time; from fine_tuning.training.jobs.next_trainer import NextTrainer\n"
        "made = NextTrainer(); made.prepare(os.environ); print(made._waiting.process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        process = psutil.Process(int(owner.stdout.readline()))
        wait_until(lambda: waits(process.cmdline()))
        owner.send_signal(signal.SIGKILL)
    process.wait(60)


def test_one_that_has_ended_or_waited_for_long_is_not_taken(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = NextTrainer()
    assert ready.take([], []) is None
    ready.prepare(environment(open_workspace()))
    ready.prepare(environment(open_workspace()))  # there is one
    process = waiting_process()
    process.kill()
    monkeypatch.setenv("FINE_TUNING_TRAINER_COMMAND", f"{sys.executable} -c pass")
    spawned = spawn(open_workspace(), Reserved("job", "worker", None), ready=ready)
    assert spawned.pid != process.pid
    assert spawned.wait(60) == 0
    monkeypatch.setattr(next_trainer, "UNUSED_SECONDS", 0.0)
    ready.prepare(environment(open_workspace()))
    process = waiting_process()
    ready.end_if_unused()
    assert not process.is_running()
    assert ready.take([], []) is None
