"""A workspace made by the code of an older commit; `scripts/make_older_workspace.py` says which."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import (
    ABTestFramework,
    CostTracker,
    DatasetBuilder,
    LocalFineTuner,
    ModelEvaluator,
    ModelRegistry,
)
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.llm_service import LLMService
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance.doctor import check_workspace

DATA = Path(__file__).parent / "data"
PLACEHOLDER = "{home}"


@pytest.fixture
def expected(workspace: Path) -> dict[str, Any]:
    """Lay the older workspace out; what the older code read from it."""
    shutil.copytree(DATA / "home", workspace)
    for file in workspace.rglob("*.json"):
        file.write_text(file.read_text(encoding="utf-8").replace(PLACEHOLDER, str(workspace)), encoding="utf-8")
    with closing(sqlite3.connect(workspace / "fine_tuning.db")) as connection:
        connection.executescript(
            (DATA / "workspace.sql").read_text(encoding="utf-8").replace(PLACEHOLDER, str(workspace))
        )
    facts = (DATA / "expected.json").read_text(encoding="utf-8").replace(PLACEHOLDER, str(workspace))
    return dict(json.loads(facts))


def as_json(value: object) -> Any:
    return json.loads(json.dumps(value, default=str))


def test_older_workspace_passes_every_check(expected: dict[str, Any]) -> None:
    assert {name: found for name, found in check_workspace(open_workspace()).items() if found} == {}


def test_older_workspace_lists_what_the_older_code_listed(expected: dict[str, Any]) -> None:
    registry, collector = ModelRegistry(), DistillationDataCollector()
    assert collector.get_dataset_stats() == expected["examples"]["stats"]
    assert [as_json(each) for each in collector.get_preferences()] == expected["preferences"]
    assert [each["name"] for each in DatasetBuilder().list_datasets()] == expected["datasets"]
    job = LocalFineTuner().get_job_status(expected["job"]["job_id"])
    assert (job["model"], job["status"]) == (expected["job"]["model"], "succeeded")
    assert as_json(registry.list_model_versions("orders")) == expected["versions"]
    assert registry.get_aliases("orders") == expected["aliases"]
    assert as_json(registry.history("orders")) == expected["history"]
    assert ModelEvaluator().get_results_summary() == expected["evaluations"]
    assert [budget["usd_per_month"] for budget in CostTracker().get_budgets()] == [25.0]
    assert str(CostTracker().get_cost_summary()["inference_by_model"]["gpt-4o"]) == str(
        expected["costs"]["inference_by_model"]["gpt-4o"]
    )


def test_older_workspace_answers_deploys_and_rolls_back(expected: dict[str, Any], cli: Any) -> None:
    registry, service = ModelRegistry(), LLMService(model="orders", default_temperature=0.0)
    answer = service.complete("Where is order 3, please?", max_tokens=8)
    assert {name: answer[name] for name in expected["answer"]} == expected["answer"]
    assert registry.rollback_model("orders", 1)
    assert registry.get_deployment_status()["orders"]["version"] == 1
    assert service.complete("Where is order 3, please?", max_tokens=8)["version"] == 1
    registry.deploy_model("orders", 2)
    assert registry.get_deployment_status()["orders"]["version"] == 2
    service.close()
    code, out, _ = cli("keys", "list", "--json")
    assert (code, [key["name"] for key in json.loads(out)]) == (0, ["reader"])


def test_older_workspace_concludes_its_experiments(expected: dict[str, Any]) -> None:
    tests = ABTestFramework()
    old = tests.get_test_results("concluded")
    shared = {name: value for name, value in expected["concluded"].items() if name in vars(old)}
    assert as_json({name: vars(old)[name] for name in shared}) == as_json(shared)
    assert tests.recommend_winner(old) == expected["recommendation"]
    assert tests.record_sample("running", "model_a", "yes", "yes", 20.0, 0.002)
    new = tests.conclude_test("running")
    assert (new.total_samples, new.model_b_accuracy) == (81, 1.0)
    assert tests.recommend_winner(new) == "orders-v2"


def test_older_workspace_builds_and_evaluates_on(expected: dict[str, Any]) -> None:
    builder = DatasetBuilder()
    examples = builder.build_from_distillation()
    assert {example["id"] for example in examples} >= {expected["examples"]["corrected"]}
    builder.save_dataset(examples, "orders-again")
    assert builder.list_datasets()[0]["name"] == "orders-again"
    ModelEvaluator().evaluate(["a"], ["a"], "other", metrics=["exact_match", "token_f1"], questions=["1"])
    assert ModelEvaluator().compare_evaluations("orders", "other")["examples"] == 1
