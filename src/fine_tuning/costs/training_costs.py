"""Cost of training by job: from the ledger, else from the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import nan
from typing import Any

from fine_tuning.store.records.costs import TrainingCost

JobCosts = dict[str, float | None]
"""US dollars by job id; None where unknown."""


def by_model(recorded: Iterable[TrainingCost], versions: Iterable[Mapping[str, Any]]) -> dict[str, JobCosts]:
    """Each model's training jobs and their costs.

    A job counts once, for the model that was registered from it, else for the name it was recorded under. Its cost is
    the ledger's; where that has none, the registry's, in which 0 means unknown.

    Args:
        recorded: training jobs of the ledger.
        versions: of the registry (job_id, model_name, cost).
    """
    found: dict[str, JobCosts] = {}
    owner: dict[str, str] = {}
    for version in versions:
        name = owner.setdefault(version["job_id"], version["model_name"])
        known = found.setdefault(name, {}).get(version["job_id"])
        found[name][version["job_id"]] = known if known is not None else version["cost"] or None
    for job in recorded:
        costs = found.setdefault(owner.get(job["job_id"], job["model_name"]), {})
        cost = job["total_cost"]
        costs[job["job_id"]] = costs.get(job["job_id"]) if cost is None else cost
    return found


def total(costs: JobCosts) -> float:
    """The sum in US dollars; nan where there are no jobs or a cost is unknown."""
    known = [cost for cost in costs.values() if cost is not None]
    return sum(known) if known and len(known) == len(costs) else nan


def known_part(costs: JobCosts) -> float:
    """The sum of the known costs in US dollars; nan where none is known."""
    known = [cost for cost in costs.values() if cost is not None]
    return sum(known) if known else nan
