"""Look up the model that a request names, among those of the client's project. A path in a request is never opened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from fine_tuning._util.model_names import fine_tuned_name, is_fine_tuned, job_id_prefix, parse_checkpoint_name
from fine_tuning.base_models import catalogue
from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.server.api_errors import ApiError, invalid, no_model
from fine_tuning.server.context import Context
from fine_tuning.server.loaded_models import Served
from fine_tuning.serving.embedding.embedding_models import BUILT_IN, is_embedding_model
from fine_tuning.serving.model_resolution import LOCAL, Target, find_target
from fine_tuning.store import artifacts, checkpoint_permissions, jobs, routes
from fine_tuning.store import model_versions as versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.job_results import Artifact
from fine_tuning.store.records.jobs import Job

UNSUITABLE = "unsupported_model"
MAX_NAMED = 5  # names in an error


class Listed(NamedTuple):
    """A model in the list of models."""

    name: str
    created: datetime | None
    owner: str


def name_of(job: Job) -> str:
    """The name of the model of a job, also before it has ended."""
    return str(job["fine_tuned_model"] or fine_tuned_name(job))


def base_model(server: Context, project: str, name: str) -> str:
    """The base model to train for a name: a catalogue name, or the folder or hub id of an alias.

    Raises:
        ApiError: 404, the name is unknown; 400, it is an embedding model, a route, or a model that cannot be trained.
    """
    if _embedding_model(server, name) is not None:
        raise invalid(f"{name} is an embedding model; it answers at /v1/embeddings only", "model", UNSUITABLE)
    if name in server.config.aliases:
        return server.config.aliases[name]
    if catalogue.is_embedded(name):
        return name
    with server.database.read() as tx:
        job = jobs.find_by_model(tx, name)
        if job is not None and job["project"] == project and job["provider"] == LOCAL:
            return str((job["result"] or {})["merged_dir"])
        if routes.get(tx, project, name) is not None:
            raise invalid(
                f"{name} is a route, which answers calls of clients alone; name a model here", "model", UNSUITABLE
            )
        find_listed(server, tx, project, name)
    message = f"{name} cannot be trained further: name a base model, or a fine-tuned model of this project"
    raise invalid(message, "model", UNSUITABLE)


def find(server: Context, project: str, name: str) -> Served:
    """What answers for a name.

    Raises:
        ApiError: 404, the name is unknown, or the project may not use the model.
    """
    with server.database.read() as tx:
        if parse_checkpoint_name(name) is not None:
            if (found := _checkpoint(tx, project, name)) is None:
                raise unknown(server, tx, project, name)
            return _model_at(*found)
        job = jobs.find_by_model(tx, name)
        if job is not None and job["provider"] == LOCAL and _may_use(tx, project, job, name):
            return _model_of(job)
        if (target := _registered(tx, project, name)) is not None:
            made = jobs.find_by_folder(tx, target.model) if target.provider == LOCAL else None
            return Served(target.provider, target.model) if made is None else _model_of(made)
    return Served(LOCAL, base_model(server, project, name))


def _registered(tx: Transaction, project: str, name: str) -> Target | None:
    """What answers for a registered model; the registry is the workspace's owner's, who works in the default project.

    Raises:
        ApiError: 404, the model is registered, and not this version or alias of it, or its weights are gone.
    """
    if project != DEFAULT_PROJECT or is_fine_tuned(name):
        return None
    try:
        return find_target(tx, name)
    except (ConflictError, NotFoundError) as error:
        raise no_model(str(error)) from None


def find_embedding_model(server: Context, project: str, name: str) -> str:
    """What embeds for a name: a name or folder for `open_embedder`.

    Raises:
        ApiError: 404, the name is unknown; 400, it is a chat model.
    """
    if (found := _embedding_model(server, name)) is not None:
        return found
    find(server, project, name)
    known = [each for each in (*BUILT_IN, *server.config.aliases) if _embedding_model(server, each) is not None]
    message = f"{name} is a chat model; embeddings need an embedding model, such as {', '.join(known)}"
    raise invalid(message, "model", UNSUITABLE)


def _embedding_model(server: Context, name: str) -> str | None:
    """The embedding model of a name; only an alias may be a path."""
    if name in server.config.aliases:
        target = server.config.aliases[name]
        return target if is_embedding_model(target) else None
    return name if name in BUILT_IN else None


def _model_of(job: Job) -> Served:
    """A finished job's model: its adapter over the base, which all models of that base share, or all its weights."""
    result = job["result"] or {}
    adapter, merged = result["adapter_dir"], str(result["merged_dir"])
    if adapter is None:
        return Served(LOCAL, merged)
    return Served(LOCAL, job["base_model"] or job["model"], Path(adapter), Path(merged))


def _may_use(tx: Transaction, project: str, job: Job, name: str) -> bool:
    return job["project"] == project or checkpoint_permissions.has(tx, name, project)


def _checkpoint(tx: Transaction, project: str, name: str) -> tuple[Job, Artifact] | None:
    """The job and the files of a checkpoint that the project may use."""
    if (parsed := parse_checkpoint_name(name)) is None:
        return None
    model, step = parsed
    job = jobs.find_by_model(tx, model) or _unfinished_job(tx, model)
    if job is None or not _may_use(tx, project, job, name):
        return None
    found = artifacts.epoch_at(tx, job["id"], step)
    return None if found is None else (job, found)


def _model_at(job: Job, checkpoint: Artifact) -> Served:
    kept = Path(checkpoint["path"])
    if (kept / "config.json").is_file():  # all its weights
        return Served(LOCAL, str(kept))
    return Served(LOCAL, job["base_model"] or job["model"], kept)


def _unfinished_job(tx: Transaction, model: str) -> Job | None:
    """The job of a model that it has not finished, or will not; its checkpoints exist."""
    for job in jobs.find_by_id_start(tx, job_id_prefix(model)):
        # One that the server took over had another name before, under which its checkpoints were listed.
        if model in {fine_tuned_name(job), fine_tuned_name({**job, "pooled": False})}:
            return job
    return None


def find_listed(server: Context, tx: Transaction, project: str, name: str) -> Listed:
    """A model, a version of a registered one or a checkpoint, that the project may use.

    Raises:
        ApiError: 404.
    """
    if (found := _checkpoint(tx, project, name)) is not None:
        job, checkpoint = found
        return Listed(name, checkpoint["created_at"], f"org-{job['project']}")
    for each in listed(server, tx, project):
        if each.name == name:
            return each
    if _registered(tx, project, name) is not None:
        return Listed(name, None, "registry")
    raise unknown(server, tx, project, name)


def owned(server: Context, tx: Transaction, project: str, name: str) -> None:
    """Check that a fine-tuned model, or a checkpoint of one, is the project's own.

    Raises:
        ApiError: 404; 400, the project may use it alone.
    """
    job = jobs.find_by_model(tx, name)
    if (found := _checkpoint(tx, project, name)) is not None:
        job, _ = found
    if job is None or job["project"] != project or job["provider"] != LOCAL:
        find_listed(server, tx, project, name)
        raise invalid(f"{name} was not fine-tuned by this project, so that it has no permissions to give", "model")


def listed(server: Context, tx: Transaction, project: str) -> list[Listed]:
    """Every model that the project may use, and its routes, which clients name as one."""
    names = [Listed(name, None, "alias") for name in server.config.aliases]
    names += [Listed(name, None, "system") for name in (*catalogue.embedded_names(), *BUILT_IN)]
    names += [
        Listed(str(job["fine_tuned_model"]), job["finished_at"], f"org-{project}")
        for job in jobs.with_model(tx, project)
    ]
    names += _granted(tx, project)
    if project == DEFAULT_PROJECT:
        names += [Listed(name, None, "registry") for name in versions.deployed_names(tx)]
    found = {each.name: each for each in names}
    for route in routes.listed(tx, project):
        found.setdefault(route["name"], Listed(route["name"], route["changed_at"], "route"))
    return list(found.values())


def _granted(tx: Transaction, project: str) -> Iterator[Listed]:
    """Of other projects."""
    for name in checkpoint_permissions.granted(tx, project):
        job = jobs.find_by_model(tx, (parse_checkpoint_name(name) or (name, 0))[0])
        if job is not None:
            yield Listed(name, job["finished_at"], f"org-{job['project']}")


def unknown(server: Context, tx: Transaction, project: str, name: str) -> ApiError:
    """404: why there is no model of this name, the same wherever it is named."""
    model, step = parse_checkpoint_name(name) or (name, None)
    if jobs.has_deleted(tx, project, model):
        reason = ": it was deleted" if step is None else ": the model of its job was deleted"
    elif step is not None and (steps := _steps(tx, project, model)):
        reason = f": there are checkpoints of {model} at the steps {', '.join(map(str, steps))}"
    else:
        known = [each.name for each in listed(server, tx, project)]
        near = get_close_matches(name, known, n=3, cutoff=0.3)
        there_are = f"similar names are {', '.join(near)}" if near else f"there are {_some(known)}"
        reason = f" or you do not have access to it; {there_are}"
    return no_model(f"The model '{name}' does not exist{reason}")


def _some(names: list[str]) -> str:
    more = f", and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _steps(tx: Transaction, project: str, model: str) -> list[int]:
    """The steps of the checkpoints of a model of the project."""
    job = jobs.find_by_model(tx, model) or _unfinished_job(tx, model)
    return [] if job is None or job["project"] != project else artifacts.epoch_steps(tx, job["id"])
