"""Fine-tuning on an OpenAI-compatible host. Every paid call is recorded before it is sent.

A crash between sending and the answer is mended at the next attempt with the same request: the job carries our
idempotency key in its metadata, so the host's list tells whether it exists already.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tuning._util import hosts
from fine_tuning.errors import ProviderError
from fine_tuning.store import costs, datasets, files, jobs
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records import NewCostEvent
from fine_tuning.training.jobs.training_files import file_record

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.fine_tuning import FineTuningJob

_KEY = "fine_tuning_pipeline_key"
_RECENT_JOBS = 100


class HostedTrainer:
    """Jobs of one host, mirrored in the workspace's database."""

    def __init__(
        self,
        database: Database,
        api_key: str | None,
        base_url: str | None,
        price: Callable[[str], float] = lambda _: nan,
    ) -> None:
        """Train at a host.

        Args:
            price: US dollars per million trained tokens of a base model; nan where unknown.
        """
        self.url = hosts.address(base_url)
        self._price = price
        self._database = database
        self._api_key = api_key
        self._client: OpenAI | None = None

    @property
    def client(self) -> OpenAI:
        """The SDK's client, made at the first call.

        Raises:
            ConfigurationError: there is no key.
        """
        if self._client is None:
            self._client = hosts.make_client(self._api_key, self.url)
        return self._client

    def check(self, model: str, hyperparameters: Mapping[str, Any]) -> None:  # noqa: ARG002 - the host knows them
        """See `FineTuner.check_request`: there is a key; the rest is the host's to say."""
        _ = self.client

    def upload(self, path: Path) -> str:
        """Check a training file and send it. Returns the host's file id.

        Raises:
            NotFoundError, DataError: the file is missing, empty or not JSONL of chat rows.
            ProviderError, ConfigurationError: the host refuses.
        """
        client = self.client
        record = file_record(self._database, path, self.url)
        with self._database.write() as tx:
            files.add(tx, record)
        with hosts.translated_errors(self.url, f"upload of {path.name}"), path.open("rb") as stream:
            uploaded = client.files.create(file=(path.name, stream), purpose="fine-tune")
        with self._database.write() as tx:
            files.set_provider_id(tx, record["id"], uploaded.id)
        return uploaded.id

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Create a job, once, however often this is called after a crash. Returns its view.

        Args:
            request: model, training_file_id, validation_file_id, suffix, hyperparameters.
        """
        client = self.client
        record = self._recorded(request)
        job = self._find_sent(record["idempotency_key"]) if record.pop("_recovered") else None
        if job is None:
            with hosts.translated_errors(self.url, f"a fine-tuning job of {request['model']}"):
                job = self._create(client, request, record["idempotency_key"])
        self._mirror(record["id"], job, provider_job_id=job.id)
        return view(job)

    def _recorded(self, request: Mapping[str, Any]) -> dict[str, Any]:
        with self._database.write() as tx:
            known = jobs.unanswered(tx, self.url, request)
            if known is not None:
                return {**known, "_recovered": True}
            file = files.get(tx, request["training_file_id"])
            record = {
                **request,
                "id": f"ftjob-{uuid.uuid4().hex[:24]}",
                "provider": self.url,
                "idempotency_key": uuid.uuid4().hex,
                "dataset_id": file["dataset_id"] if file else None,
                "status": "queued",
            }
            jobs.add(tx, record)
        return {**record, "_recovered": False}

    def _find_sent(self, key: str) -> FineTuningJob | None:
        with hosts.translated_errors(self.url, "the list of jobs"):
            page = self.client.fine_tuning.jobs.list(limit=_RECENT_JOBS)
        return next((job for job in page.data if (job.metadata or {}).get(_KEY) == key), None)

    def _create(self, client: OpenAI, request: Mapping[str, Any], key: str) -> FineTuningJob:
        optional = {"validation_file": request["validation_file_id"], "suffix": request["suffix"]}
        body: dict[str, Any] = {
            "model": request["model"],
            "training_file": request["training_file_id"],
            "method": {"type": "supervised", "supervised": {"hyperparameters": dict(request["hyperparameters"])}},
            "metadata": {_KEY: key},
            **{name: value for name, value in optional.items() if value is not None},
        }
        return client.fine_tuning.jobs.create(**body, extra_headers={"Idempotency-Key": key})

    def _mirror(self, our_id: str, job: FineTuningJob, **more: Any) -> None:
        values = {
            "status": job.status,
            "fine_tuned_model": job.fine_tuned_model,
            "trained_tokens": job.trained_tokens,
            "error": view(job)["error"],
            "finished_at": _moment(job.finished_at),
        }
        with self._database.write() as tx:
            jobs.change(tx, our_id, **values, **more)
            if job.status == "succeeded" and job.trained_tokens is not None:
                self._bill(tx, our_id, job, job.trained_tokens)

    def _bill(self, tx: Transaction, our_id: str, job: FineTuningJob, trained_tokens: int) -> None:
        """Put what the job was billed for in the ledger, in place of its estimate."""
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

    def status(self, job_id: str) -> dict[str, Any]:
        """The host's word on a job, mirrored into the database."""
        with hosts.translated_errors(self.url, f"job {job_id}"):
            return self._seen(self.client.fine_tuning.jobs.retrieve(job_id))

    def act(self, job_id: str, action: str) -> dict[str, Any]:
        """cancel, pause or resume a job; its view afterwards."""
        with hosts.translated_errors(self.url, f"{action} of job {job_id}"):
            return self._seen(getattr(self.client.fine_tuning.jobs, action)(job_id))

    def _seen(self, job: FineTuningJob) -> dict[str, Any]:
        with self._database.read() as tx:
            known = jobs.get(tx, job.id)
        if known is not None:
            self._mirror(known["id"], job)
        return view(job)

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """The host's newest jobs."""
        with hosts.translated_errors(self.url, "the list of jobs"):
            page = self.client.fine_tuning.jobs.list(limit=min(limit, _RECENT_JOBS))
            found: list[FineTuningJob] = []
            for job in page:  # further pages are fetched as needed
                found.append(job)
                if len(found) >= limit:
                    break
        return [view(job) for job in found]

    def events(self, job_id: str, limit: int) -> list[dict[str, Any]]:
        """The newest `limit` events, oldest first: id, created_at, level, type, message, data."""
        with hosts.translated_errors(self.url, f"events of job {job_id}"):
            page = self.client.fine_tuning.jobs.list_events(job_id, limit=limit)
        rows = [event.model_dump(include=_EVENT) | {"created_at": _iso(event.created_at)} for event in page.data]
        return rows[::-1]

    def checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """Checkpoints of a job, newest first: id, step, model, metrics, created_at."""
        with hosts.translated_errors(self.url, f"checkpoints of job {job_id}"):
            page = self.client.fine_tuning.jobs.checkpoints.list(job_id)
        return [
            {
                "id": point.id,
                "step": point.step_number,
                "model": point.fine_tuned_model_checkpoint,
                "metrics": point.metrics.model_dump(exclude_none=True),
                "created_at": _iso(point.created_at),
            }
            for point in page.data
        ]

    def delete_model(self, model_id: str) -> bool:
        """Delete a fine-tuned model; whether the host says it did."""
        with hosts.translated_errors(self.url, f"model {model_id}"):
            return bool(self.client.models.delete(model_id).deleted)


_EVENT = {"id", "level", "type", "message", "data"}


def view(job: FineTuningJob) -> dict[str, Any]:
    """A host's job in the shape that all trainers share."""
    # OpenAI sends an error object without a message for jobs that did not fail.
    error = job.error.model_dump() if job.error and job.error.message else None
    return {
        "job_id": job.id,
        "model": job.model,
        "status": job.status,
        "training_file": job.training_file,
        "validation_file": job.validation_file,
        "fine_tuned_model": job.fine_tuned_model,
        "created_at": _iso(job.created_at),
        "finished_at": _iso(job.finished_at),
        "trained_tokens": job.trained_tokens,
        "error": error,
    }


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _iso(seconds: int | None) -> str | None:
    moment = _moment(seconds)
    return None if moment is None else moment.isoformat()


def explain_failure(job: Mapping[str, Any]) -> ProviderError:
    """The error for a job that ended without a model."""
    reason = (job["error"] or {}).get("message") or "no reason was given"
    return ProviderError(f"job {job['job_id']} {job['status']}: {reason}")
