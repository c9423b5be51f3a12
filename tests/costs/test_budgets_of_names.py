"""A budget holds for its model under all of its names, in whatever order budget and name were made."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning import CostTracker, ModelRegistry
from fine_tuning.errors import ConflictError
from fine_tuning.store import budgets, jobs
from fine_tuning.store.database import Database


@pytest.mark.parametrize("name", ["inbox-v1", "inbox@live"])
def test_budget_of_a_version_that_is_registered_later_holds_for_its_model(database: Database, name: str) -> None:
    tracker, registry = CostTracker(), ModelRegistry()
    tracker.set_budget(name, 10.0, hard=True)
    registry.register_model("inbox", "gpt-4o-mini", "ftjob-1", 100)
    registry.set_alias("inbox", "live", 1)
    tracker.record_inference("inbox", 10, 6.0, is_fine_tuned=True)
    tracker.record_inference("inbox-v1", 10, 5.0, is_fine_tuned=True)
    (budget,) = tracker.get_budgets()
    assert budget["spent"] == pytest.approx(11.0)
    with database.read() as tx:
        for called in ("inbox", "inbox-v1"):
            with pytest.raises(ConflictError, match=r"\$11.00 of \$10.00"):
                budgets.check_call(tx, called)
        budgets.check_call(tx, "other")


@pytest.mark.parametrize(
    "model", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini", "openai/gpt-4o-mini:nitro"]
)
def test_budget_holds_for_training_jobs_under_any_name_of_the_model(database: Database, model: str) -> None:
    CostTracker().set_budget("gpt-4o-mini", 10.0)
    with database.write() as tx:
        assert budgets.limits(tx, model)
        budgets.check(tx, model, 9.0)
        with pytest.raises(ConflictError, match="the budget of gpt-4o-mini has"):
            budgets.check(tx, model, 11.0)
        budgets.check(tx, "gpt-4o", 11.0)
    CostTracker().record_training_job("ftjob-1", model, "gpt-4o-mini", 10, 100, 8.0)
    (budget,) = CostTracker().get_budgets()
    assert budget["spent"] == 8.0


def test_budget_counts_estimates_of_open_jobs_under_any_name(database: Database) -> None:
    CostTracker().set_budget("gpt-4o-mini", 10.0)
    job: Any = {
        "id": "ftjob-1",
        "provider": "openai",
        "model": "gpt-4o-mini-2024-07-18",
        "suffix": None,
        "idempotency_key": "k",
        "training_file_id": "f",
        "hyperparameters": {},
        "status": "running",
        "estimate": {"tokens": 1, "usd": 8.0, "seconds": None},
    }
    with database.write() as tx:
        jobs.add(tx, job)
    (budget,) = CostTracker().get_budgets()
    assert budget["spent"] == 8.0
