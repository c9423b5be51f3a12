"""Start the process that trains one job."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from fine_tuning._util.files import explain_os_error, make_folder
from fine_tuning.settings import get_settings
from fine_tuning.store.database import Database
from fine_tuning.training.jobs import trainer_liveness

START_SECONDS = 120.0  # how long a trainer may take to import its libraries and claim its job


def spawn(database: Database, job_id: str, worker: str) -> subprocess.Popen[bytes]:
    """Start a trainer that alone may claim the job; it runs on when this process ends.

    Raises:
        StorageError: its log cannot be written, or the machine has no room for a process.
    """
    settings = get_settings()
    environment = {
        **os.environ,
        "FINE_TUNING_HOME": str(settings.home.absolute()),
        "FINE_TUNING_DATABASE_URL": database.location,
    }
    command = shlex.split(settings.trainer_command) or [sys.executable, "-m", "fine_tuning.training.jobs.worker"]
    log = make_folder(settings.folder("logs")) / f"{job_id}.log"
    lock: int | None = None
    try:
        lock = trainer_liveness.hold(job_id)
        with log.open("ab") as stream:
            return subprocess.Popen(  # noqa: S603 - our own module, no shell
                [*command, job_id, worker],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,  # Ctrl-C is for the one who waits; a worker is paused, not killed
                pass_fds=() if lock is None else (lock,),
            )
    except OSError as error:
        raise explain_os_error(error, log, f"start the worker of {job_id} with its log") from error
    finally:
        if lock is not None:
            os.close(lock)  # the trainer has it now
