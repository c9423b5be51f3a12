"""Cost of training by job: from the ledger, else from the registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any

from fine_tuning._util.model_names import is_fine_tuned
from fine_tuning.store.records.costs import TrainingCost

JobCosts = dict[str, float | None]
"""US dollars by job id; None where unknown."""


@dataclass
class PaidJob:
    """A training job: what it cost (US dollars; None where unknown), and the models that were made of it."""

    cost: float | None = None
    names: list[str] = field(default_factory=list)


def registered(version: Mapping[str, Any]) -> float | None:
    """US dollars that a version was registered with; None where unknown, which is 0 by default there."""
    return version["cost"] or None


def by_job(recorded: Iterable[TrainingCost], versions: Iterable[Mapping[str, Any]]) -> dict[str, PaidJob]:
    """Each training job once, however many names it was registered under.

    Its cost is the ledger's; where that has none, the highest one of the registry, in which 0 means unknown. The
    name in the ledger counts too, unless it is only the host's own (`ft:...`) or the base's of a registered model.

    Args:
        recorded: training jobs of the ledger.
        versions: of the registry (job_id, model_name, cost).
    """
    found: dict[str, PaidJob] = {}
    for version in versions:
        job = found.setdefault(version["job_id"], PaidJob())
        if version["model_name"] not in job.names:
            job.names.append(version["model_name"])
        job.cost = max(job.cost or 0.0, registered(version) or 0.0) or None
    for event in recorded:
        job, name = found.setdefault(event["job_id"], PaidJob()), event["model_name"]
        is_plain = not is_fine_tuned(name) and name != event["base_model"]
        if not job.names or (is_plain and name not in job.names):
            job.names.append(name)
        job.cost = job.cost if event["total_cost"] is None else event["total_cost"]
    return found


def by_model(recorded: Iterable[TrainingCost], versions: Iterable[Mapping[str, Any]]) -> dict[str, JobCosts]:
    """Each model's training jobs and their costs; a job of several models is the whole cost of each, see `by_job`."""
    found: dict[str, JobCosts] = {}
    for job_id, job in by_job(recorded, versions).items():
        for name in job.names:
            found.setdefault(name, {})[job_id] = job.cost
    return found


def shared(jobs: Mapping[str, PaidJob]) -> dict[str, list[str]]:
    """The jobs that several models were made of, with their names."""
    return {job_id: sorted(job.names) for job_id, job in jobs.items() if len(job.names) > 1}


def total(costs: JobCosts) -> float:
    """The sum in US dollars; nan where there are no jobs or a cost is unknown."""
    known = [cost for cost in costs.values() if cost is not None]
    return sum(known) if known and len(known) == len(costs) else nan


def known_part(costs: JobCosts) -> float:
    """The sum of the known costs in US dollars; nan where none is known."""
    known = [cost for cost in costs.values() if cost is not None]
    return sum(known) if known else nan
