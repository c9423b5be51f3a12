"""Sums of the cost ledger: in total, by model, and by day, month or kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from fine_tuning.costs import training_costs
from fine_tuning.store import costs, model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.costs import CallTotals, CostEvent, TrainingCost
from fine_tuning.store.records.rows import record

COLUMNS = ("day", "month", "kind", "model_name")


class CostSummary(TypedDict):
    """Totals in US dollars, and by model. Events without a known price are counted in `unpriced_events` only.

    A model of which no training cost is known has nan in `training_by_model`. A job that several models were made of is
    the cost of each there, and counts once in the totals; `shared_jobs` has these jobs and the names of their models.
    """

    total_training_cost: float
    total_inference_cost: float
    total_evaluation_cost: float
    total_judge_cost: float
    total_labelling_cost: float
    total_cost: float
    training_jobs: int
    training_by_model: dict[str, float]
    shared_jobs: dict[str, list[str]]
    inference_by_model: dict[str, CallTotals]
    evaluation_by_model: dict[str, CallTotals]
    judge_by_model: dict[str, CallTotals]
    labelling_by_model: dict[str, CallTotals]
    unpriced_events: int


class GroupedCost(CallTotals):
    """Sums over the events that share the columns they are grouped by; only those columns are present."""

    day: NotRequired[str]
    month: NotRequired[str]
    kind: NotRequired[str]
    model_name: NotRequired[str]


class Ledger(TypedDict):
    """Every event of the ledger: training jobs by id, calls in order."""

    jobs: dict[str, TrainingCost]
    inferences: list[CostEvent]
    evaluations: list[CostEvent]
    judgements: list[CostEvent]
    labels: list[CostEvent]


def summarize(tx: Transaction) -> CostSummary:
    """Sum the ledger, with the registry's training costs where the ledger has none."""
    jobs = costs.training_jobs(tx)
    called = {kind: costs.calls_by_model(tx, kind) for kind in costs.CALL_KINDS}
    totals = {kind: sum(model["total"] for model in by_model.values()) for kind, by_model in called.items()}
    versions = model_versions.versions(tx)
    trained, paid = training_costs.by_model(jobs, versions), training_costs.by_job(jobs, versions)
    job_costs = [job.cost for job in paid.values()]
    training_total = sum(cost for cost in job_costs if cost is not None)
    unpriced = sum(model["unpriced"] for by_model in called.values() for model in by_model.values())
    return {
        "total_training_cost": training_total,
        "total_inference_cost": totals["inference"],
        "total_evaluation_cost": totals["evaluation"],
        "total_judge_cost": totals["judge"],
        "total_labelling_cost": totals["labelling"],
        "total_cost": training_total + sum(totals.values()),
        "training_jobs": len(jobs),
        "training_by_model": {name: training_costs.known_part(model) for name, model in trained.items()},
        "shared_jobs": training_costs.shared(paid),
        "inference_by_model": called["inference"],
        "evaluation_by_model": called["evaluation"],
        "judge_by_model": called["judge"],
        "labelling_by_model": called["labelling"],
        "unpriced_events": unpriced + job_costs.count(None),
    }


def group(tx: Transaction, columns: Sequence[str], since: str | None = None) -> list[GroupedCost]:
    """Sum the ledger by some of `COLUMNS`, sorted by them.

    Args:
        since: first day, ISO 8601.
    """
    found: dict[tuple[str, ...], CallTotals] = {}
    for row in costs.by_day(tx, since):
        values = {
            "day": row["day"],
            "month": row["day"][:7],
            "kind": row["kind"],
            "model_name": row["model_name"],
        }
        key = tuple(values[column] for column in columns)
        totals = found.setdefault(key, {"count": 0, "total": 0.0, "tokens": 0, "unpriced": 0})
        totals["count"] += row["count"]
        totals["total"] += row["total"]
        totals["tokens"] += row["tokens"]
        totals["unpriced"] += row["unpriced"]
    return [record(GroupedCost, {**dict(zip(columns, key, strict=True)), **found[key]}) for key in sorted(found)]


def ledger(tx: Transaction) -> Ledger:
    """Every event, for an export."""
    return {
        "jobs": {job["job_id"]: job for job in costs.training_jobs(tx)},
        "inferences": costs.all_events(tx, "inference"),
        "evaluations": costs.all_events(tx, "evaluation"),
        "judgements": costs.all_events(tx, "judge"),
        "labels": costs.all_events(tx, "labelling"),
    }
