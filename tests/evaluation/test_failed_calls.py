"""Calls that failed have no score, and never make a model look better."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

import pytest

from fine_tuning import CostTracker, ModelEvaluator, ModelRegistry
from fine_tuning.costs.roi import CostAnalysis
from fine_tuning.errors import ConflictError

pytestmark = pytest.mark.usefixtures("database")


def evaluate(model: str, answers: Sequence[str | None]) -> None:
    """Evaluate answers whose reference is always "right"; None is a call that failed."""
    ModelEvaluator().evaluate(
        answers,
        ["right"] * len(answers),
        model,
        questions=[f"question {n}" for n in range(len(answers))],
        errors=["timeout" if each is None else None for each in answers],
    )


def returned(incumbent: Sequence[str | None], candidate: Sequence[str | None]) -> CostAnalysis:
    ModelRegistry().register_model("inbox", "small", "job", 100, cost=5.0)
    evaluate("gpt-4o", incumbent)
    evaluate("inbox", candidate)
    return CostTracker().calculate_roi("inbox", 0.002, 10_000, 10.0, "gpt-4o")


def test_gain_is_unknown_where_failed_calls_could_have_decided_it() -> None:
    found = returned(["wrong"] * 10 + ["right"] * 190, ["right"] * 60 + [None] * 140)
    assert isnan(found.accuracy_improvement)
    assert isnan(found.accuracy_value)
    assert "gpt-4o failed in 0 of 200 calls and inbox-v1 in 140 of 200; failed calls have no score" in " ".join(
        found.unknown
    )


def test_gain_of_a_candidate_that_always_failed_says_so() -> None:
    assert "inbox-v1 in 9 of 9" in " ".join(returned(["right"] * 9, [None] * 9).unknown)


def test_gain_that_few_failed_calls_cannot_turn_has_a_wider_interval() -> None:
    found = returned(["wrong"] * 80 + ["right"] * 120, ["right"] * 197 + [None] * 3)
    low, high = found.intervals["accuracy_value"]
    calls = 10_000 * 10.0
    assert found.accuracy_value == pytest.approx(calls * 80 / 197)
    assert low < calls * 77 / 200 < calls * 80 / 200 < high


@pytest.mark.parametrize(("right", "failed", "is_deployed"), [(1, 99, False), (89, 11, False), (90, 10, True)])
def test_evaluation_gate_counts_failed_calls_as_wrong(
    right: int, failed: int, is_deployed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "evaluation")
    monkeypatch.setenv("FINE_TUNING_DEPLOY_MIN_ACCURACY", "0.9")
    ModelRegistry().register_model("inbox", "small", "job", 1)
    evaluate("inbox-v1", ["right"] * right + [None] * failed)
    if is_deployed:
        assert ModelRegistry().deploy_model("inbox", 1)
    else:
        with pytest.raises(ConflictError, match=f"failed in {failed} of 100 calls"):
            ModelRegistry().deploy_model("inbox", 1)
