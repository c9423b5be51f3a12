"""Start the process that trains one job, or several on the same base model."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import NamedTuple

from fine_tuning._util.cpu_threads import environment_of_trainers
from fine_tuning._util.files import explain_os_error, make_folder
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.next_trainer import COMMAND, NextTrainer


class Reserved(NamedTuple):
    """A job and the name of the worker that it is reserved for, with a lock of `trainer_liveness.held`."""

    job_id: str
    worker: str
    lock: int | None


START_SECONDS = 120.0  # within which a worker imports its libraries and claims its job


def spawn(
    workspace: Workspace, first: Reserved, *others: Reserved, ready: NextTrainer | None = None
) -> subprocess.Popen[bytes]:
    """Start a process whose workers alone may claim the jobs; it outlives this process, and inherits the locks.

    Its log is that of the first job; those of the others name it.

    Args:
        ready: has the process in place of a new one, if it is.

    Raises:
        StorageError: its log cannot be written, or the system cannot start another process.
    """
    logs = make_folder(workspace.folder("logs"))
    log = logs / f"{first.job_id}.log"
    jobs = [first, *others]
    words = [word for each in jobs for word in (each.job_id, each.worker)]
    locks = [each.lock for each in jobs if each.lock is not None]
    try:
        for each in others:
            with (logs / f"{each.job_id}.log").open("a", encoding="utf-8") as stream:
                stream.write(f"trains on the base model of {first.job_id}, see {log.name}\n")
        with log.open("ab") as stream:
            if ready is not None and (process := ready.take(words, [stream.fileno(), *locks])) is not None:
                return process
            return subprocess.Popen(  # noqa: S603 - our own module, no shell
                [*(shlex.split(workspace.settings.trainer_command) or COMMAND), *words],
                env=environment(workspace),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # Ctrl-C reaches whoever waits; a worker is paused, not killed
                pass_fds=locks,
            )
    except OSError as error:
        raise explain_os_error(error, log, f"start the worker of {first.job_id} with its log") from error


def environment(workspace: Workspace) -> dict[str, str]:
    """The variables of a trainer's process. Compiled code is kept for later jobs, where nobody else can write to it."""
    cache = {"TORCHINDUCTOR_CACHE_DIR": str(workspace.folder("compiled"))}
    return {**environment_of_trainers(), **cache, **os.environ, **workspace.environment()}
