"""Registers versions: checked values, or the model of a finished job."""

from __future__ import annotations

from fine_tuning._util import checks, hosts
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.store import costs, datasets, jobs, model_versions, named_versions
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.model_versions import ModelVersion, NewModelVersion
from fine_tuning.store.tables import MODEL_STATUSES


def register_version(database: Database, version: NewModelVersion, *, actor: str) -> ModelVersion:
    """Check the values of a version and add it as the next one of its model; see `ModelRegistry.register_model`."""
    checked = _checked(version)
    with database.write() as tx:
        artifact_id = checked["artifact_id"]
        if artifact_id is not None and not model_versions.has_artifact(tx, artifact_id):
            raise NotFoundError(f"no artifact {artifact_id!r} is recorded")
        _check_is_free(tx, checked["model_name"])
        return model_versions.register(tx, checked, actor=actor)


def _check_is_free(tx: Transaction, name: str) -> None:
    """Refuse a new name that calls would take for a version or an alias of another model."""
    taken = named_versions.find(tx, name)
    if taken is not None and taken["model_name"] != name and model_versions.get(tx, name) is None:
        raise ConflictError(
            f"{name} is version {taken['version']} of {taken['model_name']}; register the next version of "
            f"{taken['model_name']}, or choose another name"
        )


def _checked(version: NewModelVersion) -> NewModelVersion:
    provider, provider_model = version.get("provider"), version.get("provider_model")
    if (provider is None) != (provider_model is None):
        raise UsageError("provider and provider_model belong together; give both or neither")
    if version["status"] == "DEPLOYED":
        raise UsageError("a new version cannot be DEPLOYED; register it with register_model, then call deploy_model")
    return {
        "model_name": checks.name("model_name", version["model_name"]),
        "base_model": checks.name("base_model", version["base_model"]),
        "job_id": checks.name("job_id", version["job_id"]),
        "artifact_id": version["artifact_id"],
        "dataset_size": checks.count("dataset_size", version["dataset_size"]),
        "accuracy": checks.rate("accuracy", version["accuracy"]),
        "cost": checks.amount("cost", version["cost"]),
        "status": checks.one_of("status", version["status"], MODEL_STATUSES),
        "provider": None if provider is None else _checked_provider(provider),
        "provider_model": None if provider_model is None else checks.name("provider_model", provider_model),
        "metadata": checks.mapping("metadata", version["metadata"]),
    }


def _checked_provider(provider: str) -> str:
    return provider if provider == "local" else hosts.normalized_url(checks.name("provider", provider))


def register_job(database: Database, model_name: str, job_id: str, *, actor: str) -> ModelVersion:
    """Register the model of a finished job, or return the version that it is registered as under this name.

    Raises:
        NotFoundError: there is no such job.
        ConflictError: it has not succeeded.
        UsageError: the name is empty.
    """
    with database.read() as tx:
        job = jobs.get(tx, job_id)
        if job is None:
            raise NotFoundError(f"no job {job_id} in this workspace; ft-cli jobs list shows them")
        if job["status"] != "succeeded":
            raise ConflictError(f"job {job_id} has status {job['status']}; only a succeeded job can be registered")
        if job["model_deleted_at"] is not None:
            raise ConflictError(f"the model of job {job_id} was deleted; only one that exists can be registered")
        if (registered := model_versions.of_job(tx, job["id"], model_name)) is not None:
            return registered
        version = _version_of_job(tx, model_name, job)
    return register_version(database, version, actor=actor)


def _version_of_job(tx: Transaction, model_name: str, job: Job) -> NewModelVersion:
    recorded_costs = costs.training_jobs(tx, job_id=job["id"])
    dataset = datasets.get(tx, job["dataset_id"])
    is_local = job["provider"] == "local"
    return {
        "model_name": model_name,
        "base_model": job["model"],
        "job_id": job["id"],
        "artifact_id": None,
        "dataset_size": (job["result"] or {}).get("rows") or (dataset["rows"] if dataset else 0),
        "accuracy": None,
        "cost": recorded_costs[0]["total_cost"] if recorded_costs else None,
        "status": "READY",
        "provider": None if is_local else job["provider"],
        "provider_model": None if is_local else job["fine_tuned_model"],
        "metadata": {},
    }
