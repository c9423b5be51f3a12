"""Samples as production sends them: verdicts that must not change, and errors that must not add up."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.experiments import sample_size
from fine_tuning.experiments.simulation import Scenario
from fine_tuning.store.database import Database
from tests.experiments.test_designs import rows, started

pytestmark = pytest.mark.slow


def test_samples_without_cluster_count_as_own_clusters() -> None:
    false = 0
    for seed in range(7):
        framework = ABTestFramework()
        framework.create_test(f"t{seed}", "a", "b")
        rng = np.random.default_rng(seed)
        samples = rows(0.8, 0.8, 600, seed=seed)
        for sample in samples:
            if rng.random() < 0.1:  # only users who are signed in are known
                sample["cluster_id"] = f"{sample['model']} {rng.integers(200)}"
        for start in range(0, len(samples), 100):
            framework.record_samples(f"t{seed}", samples[start : start + 100])
            if framework.monitor(f"t{seed}").statistical_significance:
                false += 1
                break
    assert false <= 2  # of a true 5 % in 99.6 of 100 runs


def test_monitor_with_one_accidental_pair_stays_unpaired(database: Database) -> None:
    framework = started()
    samples = [{**sample, "sample_id": f"{n}"} for n, sample in enumerate(rows(0.6, 0.75, 1000))]
    framework.record_samples("t", samples)
    before = framework.monitor("t")
    framework.record_samples("t", [{"model": "model_b", "score": 0.0, "sample_id": "0"}])
    after = framework.monitor("t")
    assert (before.statistical_significance, after.statistical_significance, after.is_paired) == (True, True, False)
    framework.record_samples("t", [{"model": "model_a", "score": 0.0}] * 600)
    assert framework.monitor("t").withheld


def test_sample_ratio_check_with_clusters_counts_units() -> None:
    framework = started()
    rng = np.random.default_rng(5)
    samples = []
    for user in range(600):
        arm = framework.assign("t", f"u{user}")
        calls = min(300, int(rng.pareto(1.2)) + 1)
        samples += [{"model": arm, "score": float(rng.random() < 0.8), "cluster_id": f"u{user}"} for _ in range(calls)]
    framework.record_samples("t", samples)
    result = framework.monitor("t")
    assert abs(result.model_a_samples - result.model_b_samples) > 0.1 * result.total_samples  # by a few busy users
    assert not result.withheld


def test_recommend_winner_by_three_measures_keeps_error_rate() -> None:
    named = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        framework = ABTestFramework()
        framework.create_test(f"t{seed}", "a", "b", margin=0.2)
        samples = rows(0.8, 0.8, 600, seed=seed)
        for sample in samples:
            sample |= {"latency_ms": float(rng.lognormal(5, 0.5)), "cost": float(rng.lognormal(-5, 0.5))}
        for start in range(0, len(samples), 200):
            framework.record_samples(f"t{seed}", samples[start : start + 200])
            if not framework.recommend_winner(framework.monitor(f"t{seed}")).startswith("TIE"):
                named += 1
                break
    assert named <= 2  # of a true 5 % in 99 of 100 runs


def test_monitor_of_effect_that_turns_around_recommends_nobody() -> None:
    framework = started(score="bounded")
    rng = np.random.default_rng(1)

    def record(gain: float, count: int) -> None:
        for a, b in rng.uniform(0, 0.5, (count, 2)).tolist():
            framework.record_samples(
                "t",
                [{"model": "model_a", "score": a - min(0.0, gain)}, {"model": "model_b", "score": b + max(0.0, gain)}],
            )

    record(0.3, 120)
    first = framework.monitor("t")
    record(-0.3, 160)
    later = framework.monitor("t")
    assert (first.favours, later.favours, later.statistical_significance) == (1, 0, False)
    assert math.isnan(later.p_value)
    low, high = later.intervals["accuracy"]
    assert low < 0 < high  # what was, and what is
    assert framework.recommend_winner(later).startswith("TIE: effect changed at about 2")


def test_cheaper_and_not_worse_with_sample_ratio_mismatch_does_not_hold() -> None:
    framework = started()
    samples = rows(0.8, 0.8, 900)
    for sample in samples:
        sample["cost"] = 0.5 if sample["model"] == "model_b" else 1.0
    framework.record_samples("t", samples)
    assert framework.cheaper_and_not_worse("t")["holds"]
    framework.record_samples("t", [{"model": "model_a", "score": 1.0}] * 500)
    found = framework.cheaper_and_not_worse("t")
    assert (found["holds"], "500" in found["withheld"] or "1,400" in found["withheld"]) == (False, True)
    for margin in (math.nan, -0.1, 5, "x"):
        with pytest.raises(UsageError, match="margin"):
            framework.cheaper_and_not_worse("t", margin)  # type: ignore[arg-type]


def test_guardrail_of_negative_or_close_figures_is_judged_correctly() -> None:
    rails = [
        {"measure": "logprob", "margin": 0.1, "higher_is_better": True},
        {"measure": "latency", "statistic": "p95", "margin": 0.01},
    ]
    framework = started(guardrails=rails)
    rng = np.random.default_rng(2)
    edge = math.exp(350.5 * math.log(1.02))
    samples = rows(0.8, 0.8, 2500)
    for sample in samples:
        sample["measures"] = {"logprob": float(rng.normal(-2, 0.1))}
        sample["latency_ms"] = edge * (1.0001 if sample["model"] == "model_b" else 0.9999)
    framework.record_samples("t", samples)
    assert [rail["status"] for rail in framework.monitor("t").guardrails] == ["holds", "open"]


def test_record_samples_repeated_after_outcome_counts_once(database: Database) -> None:
    framework = started()
    sample = {"model": "model_a", "prediction": "yes", "sample_id": "r", "metadata": {"t": (1, 2), "n": {1: "x"}}}
    framework.record_samples("t", [sample])
    framework.record_outcome("t", "r", "yes")
    assert framework.record_samples("t", [sample, sample]) == {"recorded": 0, "repeated": 2, "refused": 0}


def test_monitor_after_end_counts_late_samples() -> None:
    framework = started()
    framework.record_samples("t", rows(0.5, 0.5, 2))
    framework.conclude_test("t")
    framework.record_samples("t", rows(0.5, 0.5, 3))
    assert framework.monitor("t").late_samples == 6
    with pytest.raises(NotFoundError, match="no test nowhere"):
        framework.ramp("nowhere", 0.5)


def test_record_samples_with_numpy_and_bool_scores_accepts_them() -> None:
    framework = started()
    scores: list[Any] = [np.int64(1), np.float32(0), True, False]
    framework.record_samples("t", [{"model": "model_a", "score": score} for score in scores])
    assert framework.monitor("t").model_a_accuracy == 0.5


def test_ab_conclude_without_alpha_uses_alpha_of_design(cli: Any) -> None:
    cli("setup-ab-test", "t", "a", "b", "--alpha", "0.0001")
    ABTestFramework().record_samples("t", rows(0.6, 0.85, 100, seed=3))
    shown = json.loads(cli("ab", "show", "t", "--json")[1])
    assert 0.0001 < shown["p_value"] < 0.05
    concluded = json.loads(cli("ab", "conclude", "t", "--json")[1])
    assert (concluded["statistical_significance"], concluded["confidence_level"]) == (False, 0.9999)


def test_plan_of_small_difference_skips_simulation() -> None:
    fixed, looked_at, anytime = sample_size.plan(Scenario(0.5, 0.501))
    assert fixed.most is not None
    assert looked_at.most is not None
    assert fixed.most > 1_000_000
    assert anytime.most is None
    with pytest.raises(UsageError, match="power must be above alpha"):
        sample_size.plan(Scenario(0.5, 0.6), power=0.02)
