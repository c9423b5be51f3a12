"""The worker process that a server keeps running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fine_tuning._util.files import make_folder
from fine_tuning.settings import Settings

RESTART_SECONDS = 1.0


@contextmanager
def workers(slots: int, settings: Settings) -> Iterator[None]:
    """Keep `ft-cli worker` running while the block runs; one that dies is restarted.

    The worker ends when this process is killed. When the block ends, its jobs are paused until the next worker starts.
    """
    stop = threading.Event()
    log = make_folder(settings.folder("logs")) / "worker.log"
    command = [sys.executable, "-m", "fine_tuning.cli", "worker", "--slots", str(slots), "--parent", str(os.getpid())]
    running: list[subprocess.Popen[bytes]] = []

    def keep_running() -> None:
        while not stop.is_set():
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
