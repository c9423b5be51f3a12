"""The overview: counts at each step of the loop, and the tasks that need a person."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, DatasetBuilder, FineTuningCLI, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store import jobs, shutdown_dates
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.overview import Overview, overview


def needs(found: Overview) -> list[str]:
    return [need.what for need in found.needs]


def test_overview_empty_workspace_suggests_import(database: Database) -> None:
    found = overview(open_workspace())
    assert (found.captured, found.datasets, found.jobs, found.models, found.spent) == (0, 0, {}, 0, 0.0)
    assert found.days_left is None
    assert needs(found) == ["no calls have been captured yet; import some: ft-cli capture import FILE"]


def test_overview_of_a_retired_base_model_says_so(cli: Any) -> None:
    registry = ModelRegistry()
    registry.register_model("bot", "gpt-4o-mini", "job", 5, provider="https://api.openai.com/v1", provider_model="ft:x")
    registry.deploy_model("bot", force=True)
    with open_database().write() as tx:
        shutdown_dates.record_dates(tx, "https://api.openai.com/v1", {"ft:x": "2025-01-01"})
    shown = cli("overview")[1]
    assert re.search(r"next shutdown of a deployed model +retired", shown)


def test_overview_counts_every_step(database: Database) -> None:
    collector = DistillationDataCollector()
    ids = [collector.capture_success(f"Question {n}?", f"Answer {n}.", "d", "t", rating=3 + n % 3) for n in range(6)]
    collector.rate(ids[0], 5)
    DatasetBuilder().build("set", min_response=1)
    with open_database().write() as tx:
        for number, status in enumerate(("succeeded", "failed", "failed", "paused")):
            jobs.add(
                tx,
                {
                    "id": f"j{number}",
                    "provider": "local",
                    "idempotency_key": str(number),
                    "model": "m",
                    "training_file_id": "f",
                    "hyperparameters": {},
                    "status": status,
                    "error": {"message": "no room"} if status == "failed" else None,
                    "finished_at": now() - timedelta(days=number * 5),
                },
            )
    registry = ModelRegistry()
    registry.register_model("bot", "gpt-4o-mini", "job", 5, provider="https://api.openai.com/v1", provider_model="ft:x")
    registry.deploy_model("bot", force=True)
    ABTestFramework().create_test("t", "a", "b")
    CostTracker().record_inference("bot", 10, 2.5, True)
    CostTracker().record_inference("bot", 10, None, True)
    CostTracker().set_budget("*", 2.6)
    found = overview(open_workspace())
    assert (found.captured, found.curated, found.waiting, found.datasets) == (6, 5, 5, 1)
    assert found.jobs == {"succeeded": 1, "failed": 2, "paused": 1}
    assert (found.models, found.versions, found.deployed, found.running_tests) == (1, 1, 1, 1)
    assert (found.spent, found.unpriced) == (2.5, 1)
    assert found.days_left == registry.describe_models()[0]["days_left"]
    assert "job j1 failed: no room" in needs(found)
    assert not any("j2" in each for each in needs(found))  # failed too long ago
    assert "1 job is paused; resume or cancel it" in needs(found)
    assert "5 captured calls are waiting for a rating" in needs(found)
    assert "the budget of all models has $2.50 of $2.60 (96%) spent this month, without 1 of unknown price" in needs(
        found
    )
    urgent = [need.is_urgent for need in found.needs]
    assert urgent == sorted(urgent, reverse=True)


def test_overview_experiment_with_verdict_is_a_task(database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    for number in range(400):
        framework.record_sample("t", "model_a", "x", "x" if number % 2 else "y", None, None)
        framework.record_sample("t", "model_b", "x", "x", None, None)
    assert "test t has a verdict; conclude it" in needs(overview(open_workspace()))
    framework.conclude_test("t")
    assert not any("test t" in each for each in needs(overview(open_workspace())))


def test_overview_command_prints_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    cli = FineTuningCLI()
    assert cli.run(["overview"]) == 0
    assert "no calls have been captured yet" in capsys.readouterr().out
    assert cli.run(["overview", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["captured"] == 0
