"""An evaluation is not compared with itself, nor a text taken as a list of models."""

from __future__ import annotations

from pathlib import Path

import pytest

from fine_tuning import ABTestFramework, ModelEvaluator
from fine_tuning._util.hosts import find_host
from fine_tuning.errors import UsageError
from fine_tuning.evaluation.numeric_match import matches
from fine_tuning.settings import Settings
from fine_tuning.store.workspace import open_workspace


def test_compare_evaluations_of_one_evaluation_is_refused(tmp_path: Path) -> None:
    evaluator = ModelEvaluator(workspace=open_workspace(tmp_path))
    found = evaluator.evaluate(["a", "b"], ["a", "a"], "inbox")
    for name in (found.id, "inbox"):
        with pytest.raises(UsageError, match=rf"both are evaluation {found.id} of inbox"):
            evaluator.compare_evaluations(name or 0, "inbox")
    other = evaluator.evaluate(["a", "a"], ["a", "a"], "inbox")
    assert evaluator.compare_evaluations(found.id or 0, other.id or 0)["examples"] == 2


def test_create_test_with_text_as_further_models_is_refused(tmp_path: Path) -> None:
    framework = ABTestFramework(workspace=open_workspace(tmp_path))
    with pytest.raises(UsageError, match="more must be a list of models"):
        framework.create_test("t", "a", "b", more="abc")


@pytest.mark.parametrize("written", ["%50", "yüzde %50", "\u066a\u06f5\u06f0", "50 %"])
def test_numeric_match_percent_before_number_is_a_part_of_one(written: str) -> None:
    assert matches(written, "0.5")
    assert not matches(written, "0.5 %")


def test_host_with_password_hides_it_and_sends_it() -> None:
    host = find_host(Settings(_env_file=None), "http://user:secret@127.0.0.1:9/v1", "key")
    assert host.url == "http://127.0.0.1:9/v1"
    assert "secret" not in repr(host)
    assert "user:secret@" in str(host.client().base_url)
