"""Start the process that trains one job."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from fine_tuning._util.cpu_threads import environment_of_trainers
from fine_tuning._util.files import explain_os_error, make_folder
from fine_tuning.store.workspace import Workspace

START_SECONDS = 120.0  # within which a worker imports its libraries and claims its job


def spawn(workspace: Workspace, job_id: str, worker: str, lock: int | None) -> subprocess.Popen[bytes]:
    """Start a worker that alone may claim the job; it outlives this process.

    Args:
        lock: of `trainer_liveness.held`, which the worker inherits.

    Raises:
        StorageError: its log cannot be written, or the system cannot start another process.
    """
    environment = {**environment_of_trainers(), **os.environ, **workspace.environment()}
    settings = workspace.settings
    command = shlex.split(settings.trainer_command) or [sys.executable, "-m", "fine_tuning.training.jobs.worker"]
    log = make_folder(workspace.folder("logs")) / f"{job_id}.log"
    try:
        with log.open("ab") as stream:
            return subprocess.Popen(  # noqa: S603 - our own module, no shell
                [*command, job_id, worker],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # Ctrl-C reaches whoever waits; a worker is paused, not killed
                pass_fds=() if lock is None else (lock,),
            )
    except OSError as error:
        raise explain_os_error(error, log, f"start the worker of {job_id} with its log") from error
