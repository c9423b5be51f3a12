"""Samples that cannot be compared give no verdict: late outcomes, failed calls, measures while shares change."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from fine_tuning import ABTestFramework, ABTestResult, ModelRegistry
from fine_tuning.experiments import sample_ratio
from fine_tuning.experiments.recommendation import Reason, recommend
from fine_tuning.experiments.won_tests import won_by
from fine_tuning.store.database import open_database
from tests.experiments.test_designs import started


def ramped(count: int, seed: int, **strata: str) -> list[dict[str, Any]]:
    """Samples of equal models, of which model_b gets more and more while both become faster."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        share, latency = 0.05 + 0.9 * number / count, 200 - 100 * number / count
        found.append(
            {
                "model": "model_b" if rng.random() < share else "model_a",
                "score": float(rng.random() < 0.95),
                "latency_ms": latency + rng.normal(0, 10),
                **strata,
            }
        )
    return found


def test_latency_is_compared_among_samples_of_one_time_while_shares_change() -> None:
    framework = started(split=None, guardrails=[{"measure": "latency", "margin": 0.1}])
    framework.record_samples("t", ramped(2000, 1))
    result = framework.monitor("t")
    assert result.latency_improvement > 20  # of all samples, of which model_b's are later
    low, high = result.intervals["latency"]
    assert -5 < low < 0 < high < 5
    assert result.guardrails[0]["status"] == "holds"
    assert recommend(result).winner is None


def test_model_that_is_faster_while_shares_change_is_found_so() -> None:
    framework = started(split=None, margin=0.1)
    rows = ramped(2000, 1)
    framework.record_samples("t", [{**row, "latency_ms": row["latency_ms"] + 40 * (row["model"] == "model_b")}
                                   for row in rows])  # fmt: skip
    result = framework.monitor("t")
    assert result.latency_improvement > -20
    low, high = result.intervals["latency"]
    assert low < -40 < high < -30
    assert recommend(result).winner == "model_a"  # although the means say less


def test_latency_is_compared_within_strata_of_other_shares() -> None:
    framework = started(split=None)
    rng = np.random.default_rng(2)
    for stratum, share, latency in (("day", 0.1, 300.0), ("night", 0.9, 100.0)):
        for is_b in rng.random(600) < share:
            sample = {"model": "model_b" if is_b else "model_a", "score": 1.0, "stratum": stratum}
            framework.record_samples("t", [{**sample, "latency_ms": latency + rng.normal(0, 5)}])
    result = framework.monitor("t")
    low, high = result.intervals["latency"]
    assert -5 < low < 0 < high < 5
    assert recommend(result).winner is None


def late(gain: float, seed: int) -> ABTestResult:
    """2,000 samples, of which model_b has 10, then 90 %; wrong answers are known 500 samples later."""
    framework = ABTestFramework()
    framework.create_test(f"t{seed}", "a", "b", split=None)
    rng = np.random.default_rng(seed)
    is_b = rng.random(2000) < np.where(np.arange(2000) < 1000, 0.1, 0.9)
    right = rng.random(2000) < 0.5 + gain * is_b
    due = np.argsort(np.arange(2000) + np.where(right, 0, 500), kind="stable")
    with framework.buffer(f"t{seed}") as samples:
        for number, is_of_b in enumerate(is_b):
            samples.record("model_b" if is_of_b else "model_a", "yes", None, sample_id=str(number))
    for number in due:
        framework.record_outcome(f"t{seed}", str(number), score=float(right[number]))
    return framework.monitor(f"t{seed}")


def test_outcomes_that_come_late_count_in_the_time_of_their_samples() -> None:
    equal, better = late(0.0, 3), late(0.35, 4)
    assert (equal.withheld, equal.statistical_significance) == ("", False)
    assert (better.withheld, recommend(better).winner) == ("", "model_b")
    low, high = better.intervals["accuracy"]
    assert low < 0.35 < high


@pytest.mark.parametrize("size", [2, 3, 10, 30, 32, 50, 100])
def test_models_in_turns_of_any_size_are_not_compared(size: int) -> None:
    framework = started(split=None)
    rng = np.random.default_rng(size)
    for number in range(960):
        turn = number // size % 2
        framework.record_samples(
            "t", [{"model": ("model_a", "model_b")[turn], "score": float(rng.random() < 0.5 + 0.4 * turn)}]
        )
        if number % 40 == 39 and number > 2 * size:
            assert recommend(framework.monitor("t")).reason in (Reason.NOT_COMPARABLE, Reason.UNDECIDED)
    result = framework.monitor("t")
    assert recommend(result).reason == Reason.NOT_COMPARABLE
    assert "turns" in result.withheld


def test_share_that_jumps_with_the_rate_makes_no_winner() -> None:
    framework = started(split=None)
    rng = np.random.default_rng(11)
    for number in range(1000):
        share, rate = (0.05, 0.5) if number < 500 else (0.95, 0.9)
        sample = {"model": "model_b" if rng.random() < share else "model_a", "score": float(rng.random() < rate)}
        framework.record_samples("t", [sample])
        assert not framework.monitor("t").statistical_significance


def test_users_of_both_models_while_shares_change_give_no_verdict() -> None:
    framework = started(split=None)
    rng = np.random.default_rng(5)
    for number in range(1500):
        time = number / 1500
        arm = "model_b" if rng.random() < 0.05 + 0.9 * time else "model_a"
        sample = {"model": arm, "score": float(rng.random() < 0.5 + 0.4 * time), "cluster_id": str(rng.integers(50))}
        framework.record_samples("t", [sample])
    result = framework.monitor("t")
    assert result.withheld.startswith("the models' shares of the samples changed while users (cluster_id) got answers")
    assert recommend(result).reason == Reason.NOT_COMPARABLE


@pytest.mark.parametrize("are_open", [True, False])
def test_outcomes_that_are_open_of_one_model_alone_give_no_verdict(are_open: bool) -> None:
    framework = started()
    rng = np.random.default_rng(6)
    for number in range(400):
        arm, is_right = ("model_a", "model_b")[number % 2], rng.random() < 0.6
        framework.record_samples("t", [{"model": arm, "sample_id": str(number)}])
        if is_right or arm == "model_a" or not are_open:  # wrong ones of model_b are not known yet
            framework.record_outcome("t", str(number), score=float(is_right))
    result = framework.monitor("t")
    assert not result.statistical_significance
    assert result.withheld.startswith("the outcome is known of 100% of model_a's samples and of 60%") == are_open


def test_percentiles_are_not_compared_while_shares_change() -> None:
    framework = started(split=None, guardrails=[{"measure": "latency", "statistic": "p95", "margin": 0.1}])
    framework.record_samples("t", ramped(2000, 1))
    assert framework.monitor("t").guardrails[0]["status"] == "open"


@pytest.mark.parametrize("guardrails", [[], [{"measure": "errors", "margin": 0.5, "relative": False}]])
def test_failed_calls_make_no_winner(guardrails: list[dict[str, Any]]) -> None:
    framework = started(guardrails=guardrails)
    for number in range(300):
        framework.record_samples("t", [{"model": "model_a", "score": float(number % 10 >= 3)}])
        answer = {"score": 1.0} if (7 * number + 3) % 10 >= 3 else {"error": "timeout"}
        framework.record_samples("t", [{"model": "model_b", **answer}])
    result = framework.monitor("t")
    if guardrails:  # which says that half of the calls may fail
        assert framework.recommend_winner(result) == "b"
        return
    assert "model_a failed in 0 of 300 calls and model_b in 90 of 300" in result.withheld
    assert recommend(result).reason == Reason.NOT_COMPARABLE


@pytest.mark.parametrize("is_told_late", [False, True])
def test_pairs_whose_wrong_answers_are_missing_make_no_winner(is_told_late: bool) -> None:
    framework, rng = started(), np.random.default_rng(11)
    for number in range(600):
        right = {arm: float(rng.random() < 0.7) for arm in ("model_a", "model_b")}
        framework.record_samples("t", [{"model": "model_a", "score": right["model_a"], "sample_id": str(number)}])
        is_missing = not right["model_b"] and rng.random() < 0.5
        if is_told_late:
            framework.record_samples("t", [{"model": "model_b", "sample_id": str(number)}])
            if not is_missing:
                framework.record_outcome("t", str(number), score=right["model_b"], model="model_b")
        elif not is_missing:
            framework.record_samples("t", [{"model": "model_b", "score": right["model_b"], "sample_id": str(number)}])
    result = framework.monitor("t")
    assert result.is_paired
    assert "of model_a alone and 0 of model_b alone; which are missing may depend on the answer" in result.withheld
    assert framework.recommend_winner(result).startswith("TIE")


def test_pairs_still_to_come_are_not_missing() -> None:
    framework = started()
    for number in range(300):
        score = float(number % 10 < 4)
        framework.record_samples("t", [{"model": "model_a", "score": score, "sample_id": str(number)}])
        if number >= 3:  # whose answers take longer
            score = float((number - 3) % 10 < 8)
            framework.record_samples("t", [{"model": "model_b", "score": score, "sample_id": str(number - 3)}])
    result = framework.monitor("t")
    assert (result.withheld, framework.recommend_winner(result)) == ("", "b")


def test_test_that_was_lost_later_is_not_won() -> None:
    registry, framework = ModelRegistry(), ABTestFramework()
    for provider_model in ("one", "two"):
        registry.register_model("m", "base", "ftjob-x", 1, provider="http://host/v1", provider_model=provider_model)
    for test_id, rates in (("first", (5, 9)), ("second", (9, 4))):
        framework.create_test(test_id, "m-v1", "m-v2")
        for number in range(200):
            for arm, rate in zip(("model_a", "model_b"), rates, strict=True):
                framework.record_samples(test_id, [{"model": arm, "score": float(number % 10 < rate)}])
        framework.conclude_test(test_id)
        with open_database().read() as tx:
            assert won_by(tx, "m", 2) == (["first"] if test_id == "first" else [])
    with open_database().read() as tx:
        assert won_by(tx, "m", 1) == ["second"]


@pytest.mark.parametrize(
    ("counts", "split", "fails"),
    [
        ((555, 445), 0.5, True),
        ((40, 10), 0.5, True),
        ((25, 3), 0.5, True),
        ((545, 455), 0.5, False),  # p = 0.005
        ((960, 40), 0.1, True),
        ((905, 95), 0.1, False),
    ],
)
def test_look_that_concludes_checks_the_ratio_once(counts: tuple[int, int], split: float, fails: bool) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b", split=split)
    order = np.random.default_rng(3).permutation(["model_a"] * counts[0] + ["model_b"] * counts[1])
    framework.record_samples("t", [{"model": str(each), "score": place % 2} for place, each in enumerate(order)])
    result = framework.conclude_test("t")
    expected = binomtest(counts[1], sum(counts), split).pvalue
    assert result.ratio_mismatch_p <= expected < 1
    assert result.withheld.startswith("sample ratio mismatch (SRM") is fails
    assert framework.get_test_results("t").withheld == result.withheld
    assert framework.cheaper_and_not_worse("t", 0.5)["withheld"].startswith("sample ratio mismatch") is fails


def test_honest_models_of_three_keep_their_ratio_at_the_end() -> None:
    rng, failed = np.random.default_rng(1), 0
    for _ in range(2000):
        counts = rng.multinomial(600, [0.4, 0.3, 0.3])
        failed += sample_ratio.last_p_value([int(each) for each in counts], [0.4, 0.3, 0.3]) <= sample_ratio.ALPHA
    assert failed <= 8  # 2 are expected at most
    assert sample_ratio.last_p_value([240, 120, 240], [0.4, 0.3, 0.3]) < 1e-6


def test_mismatch_of_a_model_without_samples_is_said() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    framework.record_samples("t", [{"model": "model_b", "score": 1}] * 200)
    assert "sample ratio mismatch" in framework.recommend_winner(framework.monitor("t"))


def test_samples_needed_of_an_undecided_test_are_unknown_rather_than_none() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    arms = np.random.default_rng(2).permutation(["model_a", "model_b"] * 12)
    framework.record_samples("t", [{"model": str(arm), "score": int(arm == "model_b")} for arm in arms])
    result = framework.monitor("t")
    assert not result.statistical_significance
    assert isnan(result.samples_needed)


@pytest.mark.parametrize("design", ["fixed", "group_sequential"])
def test_planned_look_that_finds_nothing_in_drifting_shares_is_a_look(design: str) -> None:
    framework, rng = ABTestFramework(), np.random.default_rng(12)
    framework.create_test("t", "a", "b", split=None, design=design, planned=300)
    for count, share, rate in ((500, 0.5, 0.6), (700, 0.9, 0.9)):
        is_b = rng.random(count) < share
        rows = [{"model": "model_b" if b else "model_a", "score": int(rng.random() < rate)} for b in is_b]
        framework.record_samples("t", rows)
    result = framework.monitor("t")
    low, high = result.intervals["accuracy"]
    assert -1 < low < 0 < high < 1
    assert result.p_value > 0.05
    assert "no difference found in the planned samples" in framework.recommend_winner(result)
