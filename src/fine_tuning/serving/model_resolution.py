"""Resolve a model's name to the host or the local files that answer for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fine_tuning._util.hosts import find_host
from fine_tuning._util.model_names import parse_alias_name, parse_version_name, version_name
from fine_tuning.base_models import catalogue
from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.settings import Settings
from fine_tuning.store import jobs, model_aliases, model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.model_versions import ModelVersion

LOCAL = "local"


class Target(NamedTuple):
    """What answers: `provider` is "local" or a host's address, `model` a local folder or the host's model id."""

    provider: str
    model: str
    name: str | None = None
    version: int | None = None
    fine_tuned: bool = False


def find_target(tx: Transaction, name: str) -> Target | None:
    """The target of a registered model or of a job's model; None for a name that is neither.

    Raises:
        ConflictError: the model is registered and no version of it is deployed.
        NotFoundError: the version has no provider, and its job no model.
    """
    version = _version(tx, name)
    if version is not None:
        return _of_version(tx, version)
    job = jobs.find_by_model(tx, name)
    if job is None:
        return None
    return _of_job(job)._replace(fine_tuned=True)


def resolve_target(tx: Transaction, name: str, settings: Settings, base_url: str | None = None) -> Target:
    """The target of a name: as `find_target`, else a base model, else the host at `base_url` or of the settings.

    Raises:
        ConflictError, NotFoundError: see `find_target`.
        ConfigurationError: the address of the host is invalid.
    """
    found = find_target(tx, name)
    if found is not None:
        return found
    host = find_host(settings, base_url)
    # A name such as org/model may be a hub's or a host's: a host that was chosen has priority.
    is_here = catalogue.is_embedded(name) or Path(name).is_dir()
    is_host_chosen = base_url is not None or (not host.is_openai and not is_here)
    return Target(LOCAL if catalogue.is_known(name) and not is_host_chosen else host.url, name)


def _version(tx: Transaction, name: str) -> ModelVersion | None:
    deployed = model_versions.deployed(tx, name)
    if deployed is not None:
        return deployed
    model, alias = parse_alias_name(name) or (name, None)
    if alias is not None and model_versions.get(tx, model):
        aliases = model_aliases.of_model(tx, model)
        if alias not in aliases:
            raise NotFoundError(f"{model} has no alias {alias}; it has {', '.join(aliases) or 'none'}")
        return model_versions.get(tx, model, aliases[alias])
    parsed = parse_version_name(name)
    if parsed is not None and (record := model_versions.get(tx, *parsed)) is not None:
        return record
    if parsed is not None and (known := model_versions.versions(tx, parsed[0])):
        raise NotFoundError(f"{parsed[0]} has no version {parsed[1]}; it has {_numbers(known)}")
    if known := model_versions.versions(tx, name):
        example = version_name(name, known[-1]["version"])
        raise ConflictError(f"{name} has no deployed version (it has {_numbers(known)}); deploy one, or call {example}")
    return None


def _numbers(versions: Sequence[ModelVersion]) -> str:
    return ", ".join(str(version["version"]) for version in versions)


def _of_version(tx: Transaction, version: ModelVersion) -> Target:
    name, number = version["model_name"], version["version"]
    if version["provider"] and version["provider_model"]:
        return Target(version["provider"], version["provider_model"], name, number, fine_tuned=True)
    job = jobs.get(tx, version["job_id"])
    if job is not None and job["provider"] != LOCAL and job["fine_tuned_model"] is None:
        raise NotFoundError(
            f"job {version['job_id']} had no model yet when its status was last read ({job['status']}); "
            f"update it with: ft-cli check-job-status {version['job_id']}"
        )
    if job is not None and job["model_deleted_at"] is not None:
        raise NotFoundError(f"the model of {name} v{number} was deleted; call another version")
    if job is None or job["fine_tuned_model"] is None:
        raise NotFoundError(
            f"{name} v{number} has no provider, and its job {version['job_id']} has no model here; "
            "register it with provider and provider_model"
        )
    return _of_job(job)._replace(name=name, version=number, fine_tuned=True)


def _of_job(job: Job) -> Target:
    """The target of a job that has a model."""
    model = job["fine_tuned_model"]
    if job["provider"] == LOCAL:
        model = job["result"]["merged_dir"] if job["result"] else None
    if model is None:
        raise NotFoundError(f"job {job['id']} has no model; see its status: ft-cli check-job-status {job['id']}")
    return Target(job["provider"], model)
