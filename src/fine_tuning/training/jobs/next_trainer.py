"""The trainer of a pool's next job, which loads its libraries before there is a job: its first step comes sooner."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

COMMAND = [sys.executable, "-m", "fine_tuning.training.jobs.worker"]
WAITS = "--wait"  # in place of jobs and workers
UNUSED_SECONDS = 600.0  # after which its memory is given back
LONGEST_MESSAGE, MOST_FILES = 1 << 16, 250  # a log, and the lock of each job


class _Waiting(NamedTuple):
    """A process, our end of what it waits at, and until when it may; seconds of the monotonic clock."""

    process: subprocess.Popen[bytes]
    connection: socket.socket
    until: float

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


class NextTrainer:
    """Keeps at most one process ready, which ends with this one."""

    def __init__(self) -> None:
        self._waiting: _Waiting | None = None

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Let a process load the libraries, if none has or does and the system can start another."""
        if self._waiting is not None or not hasattr(socket, "send_fds"):
            return
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(  # noqa: S603 - our own module, no shell
                    [*COMMAND, WAITS],
                    env=dict(environment),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError:
                ours.close()
            else:
                self._waiting = _Waiting(process, ours, time.monotonic() + UNUSED_SECONDS)

    def take(self, words: Sequence[str], files: Sequence[int]) -> subprocess.Popen[bytes] | None:
        """Have the process train, with the arguments of a worker. None if there is none, or it has ended.

        Args:
            files: open ones: the log, which gets all that it writes, and those that it keeps open.
        """
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return None
        try:
            socket.send_fds(waiting.connection, [json.dumps(words).encode()], list(files))
        except OSError:
            waiting.end()
            return None
        waiting.connection.close()
        return waiting.process

    def end_if_unused(self) -> None:
        """End a process that has waited for long."""
        if self._waiting is not None and time.monotonic() > self._waiting.until:
            self.end()

    def end(self) -> None:
        """End the process, if there is one."""
        if self._waiting is not None:
            self._waiting.end()
        self._waiting = None


def wait() -> list[str]:
    """Load the libraries, and wait for the arguments of a worker; ends where whoever would send them has ended."""
    received: list[list[str]] = []
    waiting = threading.Thread(target=lambda: received.append(_receive()), daemon=True)
    waiting.start()
    _load_libraries()
    waiting.join()
    return received[0]


def _receive() -> list[str]:
    with socket.socket(fileno=os.dup(0)) as connection:
        message, files, _, _ = socket.recv_fds(connection, LONGEST_MESSAGE, MOST_FILES)
    if not message:
        os._exit(0)
    log = files[0]
    for standard in (1, 2):
        os.dup2(log, standard)
    os.close(log)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    words: list[str] = json.loads(message)
    return words


def _load_libraries() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401 - loads what they need

    from fine_tuning.training.loop import data_parallel, train  # noqa: F401
