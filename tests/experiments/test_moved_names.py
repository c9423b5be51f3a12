"""A result names the version that it is about where the name of a model stands for another by now."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning import ABTestFramework, ABTestResult, ModelRegistry
from fine_tuning.errors import UsageError
from fine_tuning.store.database import Database
from tests.experiments.test_designs import rows

TIME = "at the time of the test"


@pytest.fixture
def registry(database: Database) -> ModelRegistry:
    found = ModelRegistry()
    for job in ("job-1", "job-2"):
        found.register_model("k", "base", job, 1)
    found.deploy_model("k", 1)
    found.set_alias("k", "champ", 1)
    return found


def test_winner_whose_name_has_moved_is_shown_with_its_version(registry: ModelRegistry, cli: Any) -> None:
    tests = ABTestFramework()
    for test_id, name in (("alias", "k@champ"), ("name", "k")):
        tests.create_test(test_id, "gpt-4o", name)
        tests.record_samples(test_id, rows(0.4, 0.9, 200))
    before = tests.conclude_test("alias")
    assert (before.versions, [each for each in before.warnings if "when the test began" in each]) == ({}, [])
    registry.set_alias("k", "champ", 2)
    registry.deploy_model("k", 2)
    for test_id, name in (("alias", "k@champ"), ("name", "k")):
        result = tests.conclude_test(test_id)
        assert tests.recommend_winner(result) == name  # the contract's
        assert result.versions == {"model_b": "k-v1"}
        told = f"{name} was k-v1 when the test began, and the samples count for it; by now it is k-v2"
        assert told in result.all_warnings
        assert ABTestResult(**json.loads(json.dumps(result.as_json()))).versions == result.versions
        assert f"recommendation: {name} (k-v1 {TIME})" in cli("ab", "show", test_id)[1]
        assert json.loads(cli("ab", "list", "--json")[1])[test_id]["versions"] == {"model_b": "k-v1"}
    assert TIME in tests.get_decisions("name")[0]["reason"]
    assert TIME not in tests.get_decisions("alias")[0]["reason"]
    registry.set_alias("k", "champ", 1)  # back again
    assert tests.monitor("alias").as_json() == before.as_json()


def test_pinned_version_has_no_such_note(registry: ModelRegistry) -> None:
    tests = ABTestFramework()
    tests.create_test("t", "gpt-4o", "k-v1")
    tests.record_samples("t", rows(0.4, 0.9, 200))
    registry.deploy_model("k", 2)
    assert (tests.monitor("t").versions, tests.monitor("t").warnings) == ({}, [])


@pytest.mark.parametrize(("choices", "name"), [({"score": "binary", "high": 2}, "high"), ({"low": -1.0}, "low")])
def test_bounds_of_scores_that_are_not_bounded_are_refused(choices: dict[str, Any], name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is of bounded scores, and those of this test are binary"):
        ABTestFramework().create_test("t", "a", "b", **choices)
    ABTestFramework().create_test("t", "a", "b", score="bounded", low=-1, high=2)
    ABTestFramework().create_test("u", "a", "b", score="binary", low=0, high=1)
