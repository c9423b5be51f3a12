"""The fine-tuner of a job, and the start of a job from files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fine_tuning._util import hosts
from fine_tuning.errors import ConfigurationError, NotFoundError
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.openai_fine_tuner import OpenAIFineTuner
from fine_tuning.store import jobs
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.training.jobs.training_request import UploadedFiles


def of_job(workspace: Workspace, job_id: str) -> FineTuner:
    """The fine-tuner of a job: of this machine, of the host it was created at, or of the configured host.

    Raises:
        NotFoundError: the job is not in this workspace, and there is no key for a host.
    """
    with workspace.database.read() as tx:
        job = jobs.get(tx, job_id)
    if job is not None and job["provider"] == "local":
        return LocalFineTuner(workspace=workspace)
    if job is not None:
        settings = hosts.settings_for(workspace.settings, job["provider"])
        return OpenAIFineTuner(base_url=job["provider"], workspace=replace(workspace, settings=settings))
    try:
        hosts.find_host(workspace.settings).check_key()
    except ConfigurationError as error:
        raise NotFoundError(f"no job {job_id} in this workspace, and no host to look it up: {error}") from None
    return OpenAIFineTuner(workspace=workspace)


def start(
    tuner: FineTuner,
    model: str,
    file: Path,
    validation_file: Path | None,
    suffix: str | None,
    **hyperparameters: object,
) -> JobView:
    """Check a request, read its files once, upload them and start the job.

    Raises:
        FineTuningError: as for `FineTuner.check_request` and `FineTuner.start_job`.
    """
    request = tuner.check_request(model, suffix, file, validation_file, **hyperparameters)
    assert request.training_file is not None  # noqa: S101 - of `file`
    uploaded = UploadedFiles(
        tuner.upload(request.training_file),
        None if request.validation_file is None else tuner.upload(request.validation_file),
    )
    return tuner.start_job(request, uploaded)
