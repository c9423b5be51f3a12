"""A version by its name: `<name>-v<version>` and `<name>@<alias>` wherever a version is taken."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning import ModelEvaluator, ModelRegistry
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.store.database import Database


@pytest.fixture
def registry(database: Database) -> ModelRegistry:
    found = ModelRegistry()
    for cost in (1.0, 2.0, 4.0):
        found.register_model("lamp", "base", f"job-{cost:g}", 10, cost=cost)
    found.set_alias("lamp", "ch", 2)
    return found


@pytest.mark.parametrize("name", ["lamp-v2", "lamp@ch"])
def test_version_is_taken_by_its_name(registry: ModelRegistry, name: str) -> None:
    found = registry.get_model_version(name)
    assert found is not None
    assert (found["model_name"], found["version"]) == ("lamp", 2)
    assert registry.lineage(name).nodes[0].id == "version:lamp v2"
    assert registry.lineage(name, 2) == registry.lineage(name)
    assert registry.get_job_record(name).job_id == "job-2"
    assert registry.get_cost_summary(name)["total_cost"] == 2.0
    assert [each["version"] for each in registry.describe_models(name)] == [2]
    assert registry.check_gates(name).keys() == registry.check_gates("lamp", 2).keys()
    assert {each["version"] for each in registry.history(name)} == {2}
    assert registry.set_tag(name, "team", "cx")
    assert registry.set_model_status(name, "ARCHIVED")
    assert registry.deploy_model(name) == 2
    registry.deploy_model("lamp", 3)
    assert registry.rollback_model(name)
    deployed = registry.get_deployed_version("lamp")
    assert deployed is not None
    assert (deployed["version"], deployed["tags"]) == (2, {"team": "cx"})
    assert registry.set_alias(name, "best") == 2
    assert registry.get_aliases("lamp") == {"best": 2, "ch": 2}


def test_name_that_says_another_version_is_refused(registry: ModelRegistry) -> None:
    with pytest.raises(UsageError, match="lamp-v2 is version 2 of lamp, not 3"):
        registry.lineage("lamp-v2", 3)
    with pytest.raises(NotFoundError, match="lamp has no version 9; it has 1, 2, 3"):
        registry.lineage("lamp-v9")
    with pytest.raises(NotFoundError, match="lamp has no alias old; it has ch"):
        registry.deploy_model("lamp@old")
    assert registry.get_model_version("lamp-v9") is None


@pytest.mark.parametrize("name", ["lamp-v2", "lamp@ch"])
def test_commands_take_a_version_by_its_name(registry: ModelRegistry, cli: Any, name: str) -> None:
    assert "lamp v2" in cli("lineage", name)[1]
    assert cli("deploy", name)[1] == "deployed lamp v2\n"
    cli("deploy", "lamp", "3")
    assert cli("rollback-model", name)[1] == "rolled back lamp to v2\n"
    assert cli("tag", name, "team=cx")[1].startswith("lamp v2: ")
    assert cli("history", name)[0] == 0
    assert cli("set-status", name, "FAILED")[0] == 1  # it is deployed
    assert registry.set_model_status("lamp-v1", "FAILED")


def test_lineage_shows_scores_as_shares_of_the_examples(registry: ModelRegistry) -> None:
    ModelEvaluator().evaluate(["a"] * 3, ["a"] * 3, "lamp-v2")
    (node,) = registry.lineage("lamp@ch").downstream("version:lamp v2")[:1]
    assert node.label == "evaluation 1: exact_match 100 % of 3 examples"
