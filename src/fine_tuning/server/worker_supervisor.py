"""The processes that a server keeps running: a worker that trains, one that stores what the gateway recorded, and one
for the standing loop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fine_tuning._util.files import make_folder
from fine_tuning.gateway.recorder import SPOOL
from fine_tuning.settings import Settings

RESTART_SECONDS = 1.0
LAST_SECONDS = 60.0


@contextmanager
def workers(slots: int, settings: Settings) -> Iterator[None]:
    """Keep `ft-cli worker` running while the block runs.

    The worker ends when this process is killed. When the block ends, its jobs are paused until the next worker starts.
    """
    with _kept_running(["fine_tuning.cli", "worker", "--slots", str(slots)], "worker", settings):
        yield


@contextmanager
def recorder(settings: Settings) -> Iterator[None]:
    """Keep the process that stores the calls of the gateway running while the block runs, from the first of them on.

    What was recorded last is stored when the block ends.
    """
    spool, module = settings.folder(SPOOL), "fine_tuning.server.spool_worker"

    def has_calls() -> bool:
        return spool.is_dir() and any(spool.iterdir())

    try:
        with _kept_running([module], "gateway", settings, has_calls):
            yield
    finally:  # a server ends by a signal
        if has_calls():
            subprocess.run([sys.executable, "-m", module, "--once"], check=False, timeout=LAST_SECONDS)  # noqa: S603 - ours


@contextmanager
def flywheel(policies: Path, settings: Settings) -> Iterator[None]:
    """Keep `ft-cli flywheel run` running while the block runs; a run that it has begun goes on at the next start."""
    with _kept_running(["fine_tuning.cli", "flywheel", "run", str(policies.absolute())], "flywheel", settings):
        yield


@contextmanager
def _kept_running(
    module: Sequence[str], name: str, settings: Settings, is_needed: Callable[[], bool] = lambda: True
) -> Iterator[None]:
    """Keep a module of ours running as a process; one that dies is restarted. Its output goes to a log of that name.

    Args:
        is_needed: asked once a second until it says so; before that no process is started.
    """
    stop = threading.Event()
    log = make_folder(settings.folder("logs")) / f"{name}.log"
    command = [sys.executable, "-m", *module, "--parent", str(os.getpid())]
    running: list[subprocess.Popen[bytes]] = []

    def keep_running() -> None:
        while not stop.is_set():
            if is_needed():
                with log.open("ab") as stream:
                    process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                        command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
                    )
                running[:] = [process]
                process.wait()
            stop.wait(RESTART_SECONDS)

    thread = threading.Thread(target=keep_running, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        for process in running:
            process.send_signal(signal.SIGTERM)
        thread.join()
