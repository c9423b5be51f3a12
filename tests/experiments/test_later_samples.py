"""Samples that come later, or come to one model more often: the method of a test stays, and every sample counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework, ABTestResult
from fine_tuning.store.database import Database


def is_consistent(result: ABTestResult) -> bool:
    """Whether the interval excludes 0 exactly where the verdict says different."""
    low, high = result.intervals["accuracy"]
    return (low > 0 or high < 0) is result.statistical_significance


def pairs(wins: int, losses: int, both: int) -> list[tuple[str, int, int]]:
    """The scores of both models for questions that one of them, or both, answer right."""
    scores = [(0, 1)] * wins + [(1, 0)] * losses + [(1, 1)] * both
    return [(f"q{number}", *each) for number, each in enumerate(scores)]


def unpaired(count: int) -> list[dict[str, Any]]:
    return [{"model": arm, "score": number % 2} for number in range(count) for arm in ("model_a", "model_b")]


@pytest.mark.parametrize("order", [1, -1])
def test_traffic_without_pairs_after_pairs_keeps_the_verdict(database: Database, order: int) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new")
    asked = pairs(18, 0, 42)
    framework.record_samples("t", [{"model": "model_a", "score": a, "sample_id": q} for q, a, _ in asked])
    framework.record_samples("t", [{"model": "model_b", "score": b, "sample_id": q} for q, _, b in asked[::order]])
    before = framework.monitor("t")
    assert (before.favours, before.is_paired, is_consistent(before)) == (1, True, True)
    framework.record_samples("t", unpaired(70))
    after = framework.monitor("t")
    assert (after.favours, is_consistent(after)) == (1, True)
    assert after.p_value <= before.p_value
    assert framework.recommend_winner(after) == "new"


def verdicts(framework: ABTestFramework, parts: Sequence[list[dict[str, Any]]]) -> list[tuple[bool, float]]:
    """The verdict and the p-value after each part."""
    found = []
    for part in parts:
        framework.record_samples("t", part)
        result = framework.monitor("t")
        assert is_consistent(result)
        found.append((result.statistical_significance, result.p_value))
    return found


@pytest.mark.parametrize("count", [40, 55, 70, 120])
def test_one_user_known_late_does_not_change_the_method(database: Database, count: int) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new")
    samples = [
        {"model": arm, "score": float(score)}
        for number in range(count)
        for arm, score in (("model_a", number % 10 < 5), ("model_b", number % 10 < (8 if number % 3 else 7)))
    ]
    user = [{"model": "model_b", "score": float(score), "cluster_id": "u1"} for score in (1, 0)]
    (before, p_before), (after, p_after) = verdicts(framework, [samples, user])
    assert before is after
    assert p_after == pytest.approx(p_before, rel=0.5)


@pytest.mark.parametrize("seed", range(2))
def test_canary_counts_every_sample_of_the_incumbent(database: Database, seed: int) -> None:
    rng, framework = np.random.default_rng(seed), ABTestFramework()
    framework.create_test("t", "old", "new", split=0.1)
    is_new = rng.random(10_000) < 0.1
    right = rng.random(10_000) < np.where(is_new, 0.77, 0.70)
    framework.record_samples(
        "t", [{"model": "model_b" if b else "model_a", "score": int(s)} for b, s in zip(is_new, right, strict=True)]
    )
    result = framework.monitor("t")
    assert (result.model_a_samples, result.model_b_samples) == (int((~is_new).sum()), int(is_new.sum()))
    assert result.model_a_accuracy == pytest.approx(right[~is_new].mean())
    low, high = result.intervals["accuracy"]
    # Of all samples: one of a thousand pairs alone would be a third wider than this one of all at any look.
    assert high - low < 2 * 3.2 * np.sqrt(0.21 / result.model_a_samples + 0.18 / result.model_b_samples)
    assert (result.favours, is_consistent(result)) == (1, True)
    assert framework.recommend_winner(result) == "new"


def test_canary_of_equal_models_keeps_its_error_rate() -> None:
    false = 0
    for seed in range(8):
        rng, framework = np.random.default_rng(100 + seed), ABTestFramework()
        framework.create_test(f"t{seed}", "old", "new", split=0.1)
        for _ in range(4):
            is_new, right = rng.random(1000) < 0.1, rng.random(1000) < 0.7
            framework.record_samples(
                f"t{seed}",
                [{"model": "model_b" if b else "model_a", "score": int(s)} for b, s in zip(is_new, right, strict=True)],
            )
            result = framework.monitor(f"t{seed}")
            assert is_consistent(result)
        false += result.statistical_significance
    assert false <= 2  # of a true 5 % in 99 of 100 runs
