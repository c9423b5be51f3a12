"""Which fine-tuner a job belongs to, and how one is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fine_tuning._util import hosts
from fine_tuning.errors import ConfigurationError, NotFoundError
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.openai_fine_tuner import OpenAIFineTuner
from fine_tuning.store import jobs
from fine_tuning.store.database import open_database
from fine_tuning.training.jobs.fine_tuner import FineTuner


def of_job(job_id: str) -> FineTuner:
    """The fine-tuner that a job belongs to: this machine, the host it was created at, or the host in force.

    Raises:
        NotFoundError: the job is not known here, and there is no key to ask a host with.
    """
    with open_database().read() as tx:
        job = jobs.get(tx, job_id)
    if job is not None and job["provider"] == "local":
        return LocalFineTuner()
    if job is not None:
        return OpenAIFineTuner(base_url=job["provider"])
    try:
        hosts.find_key()
    except ConfigurationError as error:
        raise NotFoundError(f"no job {job_id} in this workspace, and no host to ask: {error}") from None
    return OpenAIFineTuner()


def start(
    tuner: FineTuner, model: str, file: Path, validation_file: Path | None, suffix: str | None, **hyperparameters: Any
) -> dict[str, Any]:
    """Upload and start, once everything that can be checked before is.

    Raises:
        FineTuningError: as for `FineTuner.check_request` and `FineTuner.create_fine_tuning_job`.
    """
    found = [tuner.find_file(path) for path in (file, validation_file) if path is not None]
    tuner.check_request(model, suffix, found[0], **hyperparameters)
    uploaded = [tuner.upload_training_file(path) for path in found]
    validation = uploaded[1] if validation_file is not None else None
    return tuner.create_fine_tuning_job(model, uploaded[0], validation, suffix, **hyperparameters)
