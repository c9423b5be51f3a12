"""Registered versions by model, their counts and known training costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from fine_tuning.costs import training_costs
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

    A job is paid once: `total_cost` counts it once, and `shared_jobs` has the jobs that several models were made of.
    """

    total_cost: float
    unpriced_versions: int
    shared_jobs: dict[str, list[str]]
    models: dict[str, ModelCost]


def registry_stats(versions: Sequence[ModelVersion]) -> RegistryStats:
    """Counts of models and versions, and the known training cost."""
    by_status = {status: sum(each["status"] == status for each in versions) for status in MODEL_STATUSES}
    return {
        "total_models": len({each["model_name"] for each in versions}),
        "total_versions": len(versions),
        "deployed_models": by_status["DEPLOYED"],
        "versions_by_status": by_status,
        "total_training_cost": sum((each.cost or 0.0 for each in training_costs.by_job([], versions).values()), 0.0),
    }


def training_cost_summary(versions: Sequence[ModelVersion]) -> TrainingCostSummary:
    """Known training cost in total and per model, each job once."""
    jobs, trained = training_costs.by_job([], versions), training_costs.by_model([], versions)
    models: dict[str, ModelCost] = {}
    for name, costs in trained.items():
        count = sum(each["model_name"] == name for each in versions)
        models[name] = {"versions": count, "cost": sum((cost or 0.0 for cost in costs.values()), start=0.0)}
    return {
        "total_cost": sum((job.cost or 0.0 for job in jobs.values()), start=0.0),
        "unpriced_versions": sum(each["cost"] is None and jobs[each["job_id"]].cost is None for each in versions),
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
