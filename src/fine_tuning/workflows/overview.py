"""The loop at a glance: how much there is at each stage, and what needs a person now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from fine_tuning import ab_testing, cost_tracker, model_registry
from fine_tuning.distillation.distillation_stats import MIN_EXAMPLES_FOR_TRAINING
from fine_tuning.experiments.guardrails import BROKEN
from fine_tuning.registry import expiry
from fine_tuning.settings import get_settings
from fine_tuning.store import datasets, examples, jobs, reviews
from fine_tuning.store.column_types import now
from fine_tuning.store.database import open_database
from fine_tuning.store.records import DescribedModelVersion, Job

RECENT = timedelta(days=7)  # within which a job that failed is news
NEARLY = 0.9  # of a budget
Place = Literal["review", "datasets", "jobs", "models", "experiments", "costs"]


class Need(NamedTuple):
    """Something that waits for a person.

    Attributes:
        what: in a line, with what to do.
        place: the stage that it is about.
        is_urgent: waiting costs something.
    """

    what: str
    place: Place
    is_urgent: bool = False


@dataclass(frozen=True)
class Overview:
    """How much there is at each stage; None where it is not known.

    Attributes:
        spent: US dollars since the first of the month (UTC); unpriced: events of that time without a price.
        days_left: of the deployed version whose host switches it off first; None where none has an end.
        needs: what waits for a person, urgent things first.
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


def overview() -> Overview:
    """Of the workspace, now."""
    moment = now()
    with open_database().read() as tx:
        captured, curated = examples.totals(tx)
        waiting = reviews.count(tx, reviews.waiting(reviews.Filters()))
        frozen = datasets.count(tx)
        by_status = jobs.count_by_status(tx)
        failed = jobs.failed_since(tx, moment - RECENT)
    registry = model_registry.ModelRegistry()
    versions = registry.describe_models()
    deployed = [version for version in versions if version["status"] == "DEPLOYED"]
    tests = ab_testing.ABTestFramework().get_running()
    tracker = cost_tracker.CostTracker()
    months = tracker.get_costs_by("month", since=f"{moment:%Y-%m}-01")
    ends = [version["days_left"] for version in deployed if version["days_left"] is not None]
    needs = [
        *_of_models(deployed),
        *_of_jobs(failed, by_status.get("paused", 0)),
        *_of_tests(tests),
        *_of_budgets(tracker.get_budgets()),
        *_of_data(captured, curated, waiting, frozen),
    ]
    return Overview(
        captured=captured,
        curated=curated,
        waiting=waiting,
        datasets=frozen,
        jobs=by_status,
        models=len({version["model_name"] for version in versions}),
        versions=len(versions),
        deployed=len(deployed),
        running_tests=len(tests),
        spent=sum(month["total"] for month in months),
        unpriced=sum(month["unpriced"] for month in months),
        days_left=min(ends, default=None),
        needs=sorted(needs, key=lambda need: not need.is_urgent),
    )


def _of_models(deployed: list[DescribedModelVersion]) -> Iterator[Need]:
    for version in deployed:
        left, name = version["days_left"], f"{version['model_name']} v{version['version']}"
        if left is not None and expiry.is_expiring(version, get_settings().expiry_days):
            when = "already" if expiry.is_retired(left) else expiry.time_left(left)
            yield Need(f"{name} stops answering {when}, on {version['shutdown_date']}; move it: ft-cli relocate "
                       f"{version['model_name']}", "models", is_urgent=True)  # fmt: skip


def _of_jobs(failed: list[Job], paused: int) -> Iterator[Need]:
    for job in failed:
        yield Need(
            f"job {job['id']} failed: {job['error']['message'] if job['error'] else 'unknown'}", "jobs", is_urgent=True
        )
    if paused:
        yield Need(f"{_counted(paused, 'job')} paused; let {'it' if paused == 1 else 'them'} go on, or cancel", "jobs")


def _of_tests(tests: list[Any]) -> Iterator[Need]:
    for test in tests:
        if test.withheld:
            yield Need(f"test {test.test_id} has no verdict: {test.withheld}", "experiments", is_urgent=True)
        elif broken := [rail["name"] for rail in test.guardrails if rail["status"] == BROKEN]:
            yield Need(
                f"test {test.test_id} breaks its guardrail on {', '.join(broken)}", "experiments", is_urgent=True
            )
        elif test.statistical_significance or test.is_over:
            yield Need(f"test {test.test_id} has its verdict; conclude it", "experiments")


def _of_budgets(found: list[dict[str, Any]]) -> Iterator[Need]:
    for budget in found:
        if budget["spent"] >= NEARLY * budget["usd_per_month"]:
            name = "all models" if budget["model_name"] == "*" else budget["model_name"]
            spent, limit = budget["spent"], budget["usd_per_month"]
            yield Need(f"${spent:,.2f} of ${limit:,.2f} a month are spent on {name}", "costs", is_urgent=True)


def _of_data(captured: int, curated: int, waiting: int, frozen: int) -> Iterator[Need]:
    if waiting:
        yield Need(f"{_counted(waiting, 'captured call')} waiting for a rating", "review")
    if curated >= MIN_EXAMPLES_FOR_TRAINING and not frozen:
        yield Need(f"{curated:,} curated calls are enough to train on; build a data set", "datasets")
    if not captured:
        yield Need("no call is captured yet; import some: ft-cli capture import FILE", "review")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what} is" if count == 1 else f"{count:,} {what}s are"
