"""Registered versions by model, their counts and known training costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from fine_tuning.costs import training_costs
from fine_tuning.costs.training_costs import PaidJob
from fine_tuning.store.records.costs import TrainingCost
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.tables import MODEL_STATUSES


class RegistryStats(TypedDict):
    """Counts of models, versions and deployed models; training cost in US dollars."""

    total_models: int
    total_versions: int
    deployed_models: int
    versions_by_status: dict[str, int]
    total_training_cost: float


class ModelCost(TypedDict):
    """The number of versions of a model and the known cost of the jobs that trained them, US dollars."""

    versions: int
    cost: float


class TrainingCostSummary(TypedDict):
    """Known training cost, US dollars; unpriced_versions: versions whose cost is not known and not in the sum.

    A job costs what the ledger says, else what it was registered with: the same as in the ledger's own total, which
    has the jobs that no model was registered from besides.

    A job is paid once: `total_cost` counts it once, and `shared_jobs` has the jobs that several models were made of.
    """

    total_cost: float
    unpriced_versions: int
    shared_jobs: dict[str, list[str]]
    models: dict[str, ModelCost]


def registry_stats(versions: Sequence[ModelVersion], recorded: Sequence[TrainingCost]) -> RegistryStats:
    """Counts of models and versions, and the known training cost; recorded: the training jobs of the ledger."""
    by_status = {status: sum(each["status"] == status for each in versions) for status in MODEL_STATUSES}
    return {
        "total_models": len({each["model_name"] for each in versions}),
        "total_versions": len(versions),
        "deployed_models": by_status["DEPLOYED"],
        "versions_by_status": by_status,
        "total_training_cost": sum((each.cost or 0.0 for each in _jobs(versions, recorded).values()), 0.0),
    }


def _jobs(versions: Sequence[ModelVersion], recorded: Sequence[TrainingCost]) -> dict[str, PaidJob]:
    """The jobs of these versions, with the names that are registered."""
    paid = training_costs.by_job(recorded, versions)
    return {job_id: replace(job, cost=paid[job_id].cost) for job_id, job in training_costs.by_job([], versions).items()}


def training_cost_summary(versions: Sequence[ModelVersion], recorded: Sequence[TrainingCost]) -> TrainingCostSummary:
    """Known training cost in total and per model, each job once; recorded: the training jobs of the ledger."""
    jobs = _jobs(versions, recorded)
    models: dict[str, ModelCost] = {}
    for name, own in by_model(versions).items():
        costs = [jobs[job_id].cost or 0.0 for job_id in {each["job_id"] for each in own}]
        models[name] = {"versions": len(own), "cost": sum(costs, start=0.0)}
    return {
        "total_cost": sum((job.cost or 0.0 for job in jobs.values()), start=0.0),
        "unpriced_versions": sum(jobs[each["job_id"]].cost is None for each in versions),
        "shared_jobs": training_costs.shared(jobs),
        "models": models,
    }


def by_model(versions: Sequence[ModelVersion]) -> dict[str, list[ModelVersion]]:
    """The versions of each model."""
    found: dict[str, list[ModelVersion]] = {}
    for each in versions:
        found.setdefault(each["model_name"], []).append(each)
    return found


def deployed_versions(versions: Sequence[ModelVersion]) -> dict[str, ModelVersion]:
    """The deployed version of each model that has one."""
    return {each["model_name"]: each for each in versions if each["status"] == "DEPLOYED"}
