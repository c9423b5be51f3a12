"""The overview: counts at each step of the loop, and the tasks that need a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple

from fine_tuning.ab_testing import ABTestFramework, ABTestResult
from fine_tuning.cost_tracker import CostTracker
from fine_tuning.distillation.distillation_stats import MIN_EXAMPLES_FOR_TRAINING
from fine_tuning.experiments.recommendation import Reason, broken_guardrails, recommend
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.registry import expiry
from fine_tuning.store import budgets, datasets, examples, jobs, reviews
from fine_tuning.store.column_types import now
from fine_tuning.store.records.costs import BudgetStatus
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.model_versions import DescribedModelVersion
from fine_tuning.store.workspace import Workspace

RECENT = timedelta(days=7)  # failed jobs of this time are listed
Place = Literal["review", "datasets", "jobs", "models", "experiments", "costs"]


class Need(NamedTuple):
    """A task that needs a person.

    Attributes:
        what: the task in a line, with what to do.
        place: the page of the dashboard that it belongs to.
        is_urgent: waiting has a cost.
    """

    what: str
    place: Place
    is_urgent: bool = False


@dataclass(frozen=True)
class Overview:
    """Counts at each step of the loop.

    Attributes:
        captured, curated, waiting: captured calls, those rated 4 or 5, and those without a rating.
        spent: US dollars since the first of the month (UTC); unpriced: events of that time without a price.
        days_left: days until the first deployed version's base model shuts down; None where no date is announced.
        needs: tasks that need a person, urgent ones first.
    """

    captured: int
    curated: int
    waiting: int
    datasets: int
    jobs: dict[str, int]
    models: int
    versions: int
    deployed: int
    running_tests: int
    spent: float
    unpriced: int
    days_left: int | None
    needs: list[Need]


def overview(workspace: Workspace) -> Overview:
    """Count what a workspace holds now."""
    moment = now()
    with workspace.database.read() as tx:
        captured, curated = examples.totals(tx)
        waiting = reviews.count(tx, reviews.waiting(reviews.Filters()))
        dataset_count = datasets.count(tx)
        by_status = jobs.count_by_status(tx)
        failed = jobs.failed_since(tx, moment - RECENT)
    versions = ModelRegistry(workspace=workspace).describe_models()
    deployed = [version for version in versions if version["status"] == "DEPLOYED"]
    tests = ABTestFramework(workspace=workspace).get_running()
    tracker = CostTracker(workspace=workspace)
    months = tracker.get_costs_by("month", since=f"{moment:%Y-%m}-01")
    days_left = [version["days_left"] for version in deployed if version["days_left"] is not None]
    needs = [
        *_model_needs(deployed, workspace.settings.expiry_days),
        *_job_needs(failed, by_status.get("paused", 0)),
        *_experiment_needs(tests),
        *_budget_needs(tracker.get_budgets()),
    ]
    if waiting:
        needs.append(Need(f"{_counted(waiting, 'captured call')} waiting for a rating", "review"))
    if curated >= MIN_EXAMPLES_FOR_TRAINING and not dataset_count:
        needs.append(Need(f"{curated:,} curated calls are enough to train on; build a dataset", "datasets"))
    if not captured:
        needs.append(Need("no calls have been captured yet; import some: ft-cli capture import FILE", "review"))
    return Overview(
        captured=captured,
        curated=curated,
        waiting=waiting,
        datasets=dataset_count,
        jobs=by_status,
        models=len({version["model_name"] for version in versions}),
        versions=len(versions),
        deployed=len(deployed),
        running_tests=len(tests),
        spent=sum(month["total"] for month in months),
        unpriced=sum(month["unpriced"] for month in months),
        days_left=min(days_left, default=None),
        needs=sorted(needs, key=lambda need: not need.is_urgent),
    )


def _model_needs(deployed: Iterable[DescribedModelVersion], expiry_days: int) -> Iterator[Need]:
    for version in deployed:
        left, name = version["days_left"], version["model_name"]
        if left is None or not expiry.is_expiring(version, expiry_days):
            continue
        date = version["shutdown_date"]
        event = f"shut down on {date}" if expiry.is_retired(left) else f"shuts down {expiry.time_left(left)}, on {date}"
        yield Need(
            f"{name} v{version['version']} {event}; relocate it: ft-cli relocate {name}", "models", is_urgent=True
        )


def _job_needs(failed: Iterable[Job], paused: int) -> Iterator[Need]:
    for job in failed:
        reason = job["error"]["message"] if job["error"] else "unknown"
        yield Need(f"job {job['id']} failed: {reason}", "jobs", is_urgent=True)
    if paused:
        yield Need(f"{_counted(paused, 'job')} paused; resume or cancel {'it' if paused == 1 else 'them'}", "jobs")


def _experiment_needs(tests: Sequence[ABTestResult]) -> Iterator[Need]:
    for test in tests:
        advice = recommend(test)
        is_of_all = not test.others or advice.reason == Reason.SAMPLE_RATIO_MISMATCH
        needs = (
            [_need_of(test, test.test_id)]
            if is_of_all
            else [_need_of(each, f"{test.test_id} ({each.model_b})") for each in test.comparisons]
        )
        yield from filter(None, needs)
        is_decided = all(each.statistical_significance or each.is_over for each in test.comparisons)
        if not any(needs) and (is_decided or advice.reason == Reason.BETTER_SCORE):
            yield Need(f"test {test.test_id} has a verdict; conclude it", "experiments")


def _need_of(compared: ABTestResult, shown: str) -> Need | None:
    if compared.withheld:
        return Need(f"test {shown} has no verdict: {compared.withheld}", "experiments", is_urgent=True)
    if broken := broken_guardrails(compared):
        return Need(f"test {shown} violates its guardrail on {', '.join(broken)}", "experiments", is_urgent=True)
    return None


def _budget_needs(found: Iterable[BudgetStatus]) -> Iterator[Need]:
    for budget in found:
        if budget["spent"] >= budgets.WARN_AT * budget["usd_per_month"]:
            yield Need(budgets.shown(budget), "costs", is_urgent=True)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what} is" if count == 1 else f"{count:,} {what}s are"
