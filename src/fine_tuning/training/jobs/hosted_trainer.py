"""Fine-tuning on an OpenAI-compatible host. Every paid call is recorded before it is sent.

After a crash between a call and its response, the next attempt with the same request finds the job: it has our
idempotency key in its metadata, by which it is looked up in the host's list of jobs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from math import isnan, nan
from typing import TYPE_CHECKING, Any, cast

from fine_tuning._util.hosts import Host
from fine_tuning.errors import ProviderError
from fine_tuning.store import costs, datasets, files, jobs
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.costs import NewCostEvent
from fine_tuning.store.records.job_results import JobCheckpoint
from fine_tuning.store.records.jobs import JobError, JobEstimate, NewJob
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.jobs.hosted_objects import (
    HostedCheckpoint,
    HostedEvent,
    HostedJob,
    HostedObject,
    Kind,
    checked,
    iso_of,
    moment_of,
)
from fine_tuning.training.jobs.job_view import JobEventView, JobView
from fine_tuning.training.jobs.trainer_port import ENDED, Action
from fine_tuning.training.jobs.training_files import TrainingFile, file_record
from fine_tuning.training.jobs.training_request import TrainingRequest, UploadedFiles

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.fine_tuning.job_create_params import Method

_KEY = "fine_tuning_pipeline_key"
_RECENT_JOBS = 100


@dataclass(frozen=True)
class _Recorded:
    """A job of ours before its host confirms it; an earlier attempt may have sent it."""

    job_id: str
    idempotency_key: str
    may_be_sent: bool


class HostedTrainer:
    """Jobs of one host, mirrored in the workspace's database."""

    def __init__(
        self,
        database: Database,
        host: Host,
        price: Callable[[str], float] = lambda _: nan,
    ) -> None:
        """Train at a host.

        Args:
            price: US dollars per million trained tokens of a base model; nan where unknown.
        """
        self.provider = host.url
        self._host = host
        self._price = price
        self._database = database
        self._client: OpenAI | None = None

    @property
    def client(self) -> OpenAI:
        """The SDK's client, made at the first call.

        Raises:
            ConfigurationError: there is no key.
        """
        self._client = self._client or self._host.client()
        return self._client

    def check(self, request: TrainingRequest, *, has_validation: bool) -> TrainingRequest:  # noqa: ARG002
        """Check that there is a key; the host checks the rest."""
        _ = self.client
        return request

    def check_row(self, row: JsonColumn, where: str) -> None:
        """Accept the row; the host checks it by its own rules."""

    def upload(self, file: TrainingFile) -> str:
        """Send a training file. Returns the host's file id.

        Raises:
            ProviderError, ConfigurationError: the host refuses.
        """
        client = self.client
        stored = file_record(self._database, file, self.provider)
        with self._database.write() as tx:
            files.add(tx, stored)
        path = file.path
        with self._host.translated_errors(f"upload of {path.name}"), path.open("rb") as stream:
            answer = client.files.create(file=(path.name, stream), purpose="fine-tune")
        uploaded = self._checked(HostedObject, answer, f"upload of {path.name}")
        with self._database.write() as tx:
            files.set_provider_id(tx, stored["id"], uploaded.id)
        return uploaded.id

    def _checked(self, kind: type[Kind], given: object, what: str) -> Kind:
        return checked(kind, given, f"{self.provider}, {what}")

    def start(self, request: TrainingRequest, uploaded: UploadedFiles, estimate: JobEstimate) -> JobView:
        """Create a job, once, however often this is called after a crash. Returns its view."""
        client = self.client
        recorded = self._record(request, uploaded, estimate)
        job = self._find_sent(recorded.idempotency_key) if recorded.may_be_sent else None
        if job is None:
            with self._host.translated_errors(f"a fine-tuning job of {request.model}"):
                job = self._create(client, request, uploaded, recorded.idempotency_key)
        self._mirror(recorded.job_id, job, provider_job_id=job.id)
        return view(job)

    def _record(self, request: TrainingRequest, uploaded: UploadedFiles, estimate: JobEstimate) -> _Recorded:
        with self._database.write() as tx:
            file = files.get(tx, uploaded.training_file_id)
            job: NewJob = {
                "id": f"ftjob-{uuid.uuid4().hex[:24]}",
                "provider": self.provider,
                "idempotency_key": uuid.uuid4().hex,
                "model": request.model,
                "training_file_id": uploaded.training_file_id,
                "validation_file_id": uploaded.validation_file_id,
                "dataset_id": file["dataset_id"] if file else None,
                "suffix": request.suffix,
                "hyperparameters": request.hyperparameters,
                "estimate": estimate,
                "status": "queued",
            }
            known = jobs.unconfirmed(tx, job)
            if known is not None:
                return _Recorded(known["id"], known["idempotency_key"], may_be_sent=True)
            jobs.add(tx, job)
        return _Recorded(job["id"], job["idempotency_key"], may_be_sent=False)

    def _find_sent(self, key: str) -> HostedJob | None:
        with self._host.translated_errors("the list of jobs"):
            page = self.client.fine_tuning.jobs.list(limit=_RECENT_JOBS)
        sent = (job for job in self._items(page, "the list of jobs") if _key_of(job) == key)
        return next((self._checked(HostedJob, job, "a job that was started here") for job in sent), None)

    def _items(self, page: object, what: str) -> list[Any]:
        items = getattr(page, "data", None)
        if not isinstance(items, list):
            raise ProviderError(f"{self.provider} sends no list as {what}; check the address (OPENAI_BASE_URL)")
        return items

    def _create(self, client: OpenAI, request: TrainingRequest, uploaded: UploadedFiles, key: str) -> HostedJob:
        from openai import omit

        method = {"type": "supervised", "supervised": {"hyperparameters": dict(request.hyperparameters)}}
        job = client.fine_tuning.jobs.create(
            model=request.model,
            training_file=uploaded.training_file_id,
            validation_file=omit if uploaded.validation_file_id is None else uploaded.validation_file_id,
            suffix=omit if request.suffix is None else request.suffix,
            method=cast("Method", method),
            metadata={_KEY: key},
            extra_headers={"Idempotency-Key": key},
        )
        return self._checked(HostedJob, job, f"a fine-tuning job of {request.model}")

    def _mirror(self, our_id: str, job: HostedJob, **more: object) -> None:
        values = {
            "status": job.status,
            "fine_tuned_model": job.fine_tuned_model,
            "trained_tokens": job.trained_tokens,
            "error": view(job)["error"],
            "finished_at": moment_of(job.finished_at),
        }
        with self._database.write() as tx:
            jobs.change(tx, our_id, **values, **more)
            if job.status in ENDED and job.trained_tokens is not None:  # hosts bill cancelled training, too
                self._bill(tx, our_id, job, job.trained_tokens)

    def _bill(self, tx: Transaction, our_id: str, job: HostedJob, trained_tokens: int) -> None:
        """Record the billed cost of the job in the ledger, in place of its estimate."""
        record = jobs.get(tx, our_id)
        if record is None or costs.training_jobs(tx, job_id=job.id):
            return
        price = self._price(job.model)
        dataset = datasets.get(tx, record["dataset_id"])
        event: NewCostEvent = {
            "kind": "training",
            "model_name": record["suffix"] or job.fine_tuned_model or job.model,
            "base_model": job.model,
            "job_id": job.id,
            "dataset_size": None if dataset is None else dataset["rows"],
            "tokens": trained_tokens,
            "cost": None if isnan(price) else trained_tokens / 1e6 * price,
            "is_fine_tuned": True,
            "metadata": {"estimate": record["estimate"]},
        }
        costs.add(tx, event)

    def status(self, job_id: str) -> JobView:
        """A job as the host has it, mirrored into the database."""
        with self._host.translated_errors(f"job {job_id}"):
            found = self.client.fine_tuning.jobs.retrieve(job_id)
        return self._mirrored(self._checked(HostedJob, found, f"job {job_id}"))

    def act(self, job_id: str, action: Action) -> JobView:
        """Cancel, pause or resume a job; its view afterwards."""
        endpoint = self.client.fine_tuning.jobs
        call = {"cancel": endpoint.cancel, "pause": endpoint.pause, "resume": endpoint.resume}[action]
        with self._host.translated_errors(f"{action} of job {job_id}"):
            found = call(job_id)
        return self._mirrored(self._checked(HostedJob, found, f"job {job_id}"))

    def _mirrored(self, job: HostedJob) -> JobView:
        with self._database.read() as tx:
            known = jobs.get(tx, job.id)
        if known is not None:
            self._mirror(known["id"], job)
        return view(job)

    def newest(self, limit: int) -> list[JobView]:
        """The host's newest jobs."""
        with self._host.translated_errors("the list of jobs"):
            page = self.client.fine_tuning.jobs.list(limit=min(limit, _RECENT_JOBS))
            found = list(islice(page, limit))  # further pages are fetched as needed
        jobs_found = [self._checked(HostedJob, job, "the list of jobs") for job in found]
        return [view(job) for job in jobs_found]

    def events(self, job_id: str, limit: int) -> list[JobEventView]:
        """The newest `limit` events, oldest first."""
        what = f"events of job {job_id}"
        with self._host.translated_errors(what):
            page = self.client.fine_tuning.jobs.list_events(job_id, limit=limit)
        events: list[JobEventView] = [
            {
                "id": event.id,
                "created_at": iso_of(event.created_at),
                "level": event.level,
                "type": event.type,
                "message": event.message,
                "data": event.data,
            }
            for event in (self._checked(HostedEvent, each, what) for each in self._items(page, what))
        ]
        return events[::-1]

    def checkpoints(self, job_id: str) -> list[JobCheckpoint]:
        """Checkpoints of a job, newest first."""
        what = f"checkpoints of job {job_id}"
        with self._host.translated_errors(what):
            page = self.client.fine_tuning.jobs.checkpoints.list(job_id)
        return [
            {
                "id": point.id,
                "step": point.step_number,
                "model": point.fine_tuned_model_checkpoint,
                "metrics": {name: value for name, value in (point.metrics or {}).items() if value is not None},
                "created_at": iso_of(point.created_at),
            }
            for point in (self._checked(HostedCheckpoint, each, what) for each in self._items(page, what))
        ]

    def delete_model(self, model_id: str) -> bool:
        """Delete a fine-tuned model; returns whether the host confirms it."""
        with self._host.translated_errors(f"model {model_id}"):
            return bool(self.client.models.delete(model_id).deleted)


def view(job: HostedJob) -> JobView:
    """The view of a host's job."""
    # OpenAI sends an error object without a message for jobs that did not fail.
    error = cast("JobError", job.error) if job.error and job.error.get("message") else None
    return {
        "job_id": job.id,
        "model": job.model,
        "status": job.status,
        "training_file": job.training_file,
        "validation_file": job.validation_file,
        "fine_tuned_model": job.fine_tuned_model,
        "created_at": iso_of(job.created_at),
        "finished_at": iso_of(job.finished_at),
        "trained_tokens": job.trained_tokens,
        "error": error,
    }


def _key_of(job: object) -> object:
    """Our key in the metadata of a job, of which nothing is checked yet."""
    metadata = getattr(job, "metadata", None)
    return metadata.get(_KEY) if isinstance(metadata, dict) else None
