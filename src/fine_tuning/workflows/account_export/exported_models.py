"""Registers the fine-tuned models of an account, and archives those that it no longer has."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from fine_tuning._util.model_names import base_model_of, suffix_of, version_name
from fine_tuning.costs.prices import PriceList
from fine_tuning.store import datasets, files, model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion, NewModelVersion
from fine_tuning.training.jobs.hosted_objects import HostedJob, HostedModel
from fine_tuning.workflows.account_export.account_lists import AccountLists
from fine_tuning.workflows.account_export.export_session import ExportSession


def register_model_of_job(
    session: ExportSession, tx: Transaction, job: HostedJob, *, has_file: bool, is_alive: bool
) -> None:
    """Register the model that a job made.

    Args:
        has_file: whether its training file is stored here.
        is_alive: whether the account still has the model; else it is registered as archived.
    """
    prices = PriceList(session.workspace.settings.prices)
    price = prices.training_price(job.model, session.host.url)
    cost = None if isnan(price) or job.trained_tokens is None else price * job.trained_tokens / 1e6
    stored = files.get(tx, job.training_file) if has_file else None
    dataset = datasets.get(tx, stored["dataset_id"]) if stored is not None else None
    version: NewModelVersion = {
        "model_name": suffix_of(job.fine_tuned_model) or _name_of_base(job.model),
        "base_model": job.model,
        "job_id": job.id,
        "artifact_id": None,
        "dataset_size": 0 if dataset is None else dataset["rows"],
        "accuracy": None,
        "cost": cost,
        "status": "READY" if is_alive else "ARCHIVED",
        "provider": session.url,
        "provider_model": job.fine_tuned_model,
        "metadata": {"exported": True, "in_account": is_alive},
    }
    model_versions.register(tx, version, actor=session.actor)
    session.report.new_models += 1


def register_models_without_job(session: ExportSession, models: Sequence[HostedModel]) -> None:
    """Register fine-tuned models whose jobs the account does not list."""
    with session.write() as tx:
        known = {(each["provider"], each["provider_model"]) for each in model_versions.versions(tx)}
        for model in models:
            if (session.url, model.id) in known:
                continue
            base = base_model_of(model.id) or "unknown"
            version: NewModelVersion = {
                "model_name": suffix_of(model.id) or _name_of_base(base),
                "base_model": base,
                "job_id": f"unknown, of {model.id}",
                "artifact_id": None,
                "dataset_size": 0,
                "accuracy": None,
                "cost": None,
                "status": "READY",
                "provider": session.url,
                "provider_model": model.id,
                "metadata": {"exported": True, "in_account": True},
            }
            model_versions.register(tx, version, actor=session.actor)
            session.report.new_models += 1
            session.report.missing.append(f"job of {model.id}: the account does not list it; the model is registered")


def archive_deleted_models(session: ExportSession, lists: AccountLists) -> None:
    """Report the models that the account no longer has, and archive those that are not deployed."""
    job_ids, alive = {job.id for job in lists.jobs}, lists.model_ids()
    with session.write() as tx:
        for each in model_versions.versions(tx):
            ours = each["metadata"].get("exported") or each["job_id"] in job_ids
            if each["provider"] == session.url and ours and each["provider_model"] not in alive:
                outcome = _archive(session, tx, each)
                missing = f"model {each['provider_model']}: the account no longer has it; {outcome}"
                session.report.missing.append(missing)


def _archive(session: ExportSession, tx: Transaction, version: ModelVersion) -> str:
    """Archive a version unless it is deployed. Returns its state in words."""
    name, number, status = version["model_name"], version["version"], version["status"]
    if status == "DEPLOYED":
        return f"{version_name(name, number)} is still deployed: deploy another (ft-cli relocate {name} trains one)"
    if status == "READY" and (row := model_versions.locked(tx, name, number)) is not None:
        model_versions.move(tx, row, "ARCHIVED", actor=session.actor, reason="the account no longer has it")
        session.report.archived_models += 1
        status = "ARCHIVED"
    return f"{version_name(name, number)} is kept as {status}"


def _name_of_base(model: str) -> str:
    """A name for models without a suffix."""
    return f"{model}-fine-tuned"
