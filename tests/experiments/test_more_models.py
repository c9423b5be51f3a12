"""Tests of three models and more: each against the first, with one family's error."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework, ABTestResult
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.experiments.recommendation import Reason, recommend
from fine_tuning.store.database import Database

ARMS = ("model_a", "model_b", "model_c", "model_d")


def samples(rates: dict[str, float], count: int, seed: int = 0, **more: Any) -> list[dict[str, Any]]:
    """So many samples of each arm, in turn."""
    rng = np.random.default_rng(seed)
    return [
        {"model": arm, "score": float(rng.random() < rate), **more} for _ in range(count) for arm, rate in rates.items()
    ]


def started(**choices: Any) -> ABTestFramework:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new", more=["small", "tiny"], **choices)
    return framework


def test_units_are_divided_evenly_and_keep_their_arm(database: Database) -> None:
    framework = started()
    units = [f"u{number}" for number in range(2000)]
    arms = {unit: framework.assign("t", unit) for unit in units}
    counts = Counter(arms.values())
    assert counts.keys() == set(ARMS)
    assert all(440 < count < 560 for count in counts.values())
    framework.create_test("t", "old", "new", more=["small", "tiny"])  # the same again
    assert arms == {unit: framework.assign("t", unit) for unit in units}
    models = {framework.choose("t", unit) for unit in units}
    assert models == {("model_a", "old"), ("model_b", "new"), ("model_c", "small"), ("model_d", "tiny")}
    framework.create_test("canary", "old", "new", more=["small"], split=0.1)
    few = Counter(framework.assign("canary", unit) for unit in units)
    assert 1750 < few["model_a"] < 1850
    assert all(70 < few[arm] < 130 for arm in ("model_b", "model_c"))


def test_best_of_several_better_models_is_recommended(database: Database) -> None:
    framework = started()
    framework.record_samples("t", samples(dict(zip(ARMS, (0.6, 0.75, 0.9, 0.55), strict=True)), 400))
    result = framework.monitor("t")
    assert (result.total_samples, result.model_a_samples) == (1600, 400)
    assert [each.model_b for each in result.comparisons] == ["new", "small", "tiny"]
    assert [each.favours for each in result.comparisons] == [1, 1, 0]
    assert framework.recommend_winner(result) == "small"
    assert recommend(result).winner == "model_c"
    for each in result.comparisons:
        low, high = each.intervals["accuracy"]
        assert (low > 0 or high < 0) == each.statistical_significance == (each.p_value <= 0.05)
    assert framework.cheaper_and_not_worse("t", model="model_c")["not_worse"]["holds"]
    with pytest.raises(UsageError, match="model_a is not compared with model_a"):
        framework.cheaper_and_not_worse("t", model="model_a")
    concluded = framework.conclude_test("t")
    assert framework.get_test_results("t").as_json() == concluded.as_json()


def test_comparison_among_several_is_more_cautious_than_of_two() -> None:
    framework = started()
    rows = samples(dict(zip(ARMS, (0.6, 0.68, 0.6, 0.6), strict=True)), 500, seed=3)
    framework.record_samples("t", rows)
    framework.create_test("two", "old", "new")
    framework.record_samples("two", [row for row in rows if row["model"] in ARMS[:2]])
    several, two = framework.monitor("t"), framework.monitor("two")
    assert several.p_value > 2 * two.p_value


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_equal_models_are_rarely_told_apart(count: int) -> None:
    named = 0
    for seed in range(8):
        framework, name = ABTestFramework(), f"t{seed}"
        framework.create_test(name, "m0", "m1", more=[f"m{at}" for at in range(2, count + 1)])
        rows = samples(dict.fromkeys([*ARMS, "model_e"][: count + 1], 0.7), 300, seed=seed)
        for start in range(0, len(rows), 200):
            framework.record_samples(name, rows[start : start + 200])
            if any(each.statistical_significance for each in framework.monitor(name).comparisons):
                named += 1
                break
    assert named <= 2  # of a true 5 % in 99 of 100 runs


def test_lost_samples_of_one_model_withhold_every_verdict() -> None:
    framework = started()
    framework.record_samples("t", samples(dict(zip(ARMS, (0.5, 0.9, 0.9, 0.9), strict=True)), 300))
    assert framework.monitor("t").statistical_significance
    framework.record_samples("t", [{"model": "model_d", "score": 1.0}] * 250)
    result = framework.monitor("t")
    assert [each.favours for each in result.comparisons] == [0, 0, 0]
    assert "the models got 300, 300, 300 and 550 samples where 25%, 25%, 25% and 25% were planned" in result.withheld
    assert recommend(result).reason == Reason.SAMPLE_RATIO_MISMATCH


def test_ties_say_why_of_each_model_and_losers_leave_model_a() -> None:
    framework = started()
    framework.record_samples("t", samples(dict.fromkeys(ARMS, 0.6), 60))
    said = framework.recommend_winner(framework.monitor("t"))
    assert said.startswith("TIE: new: undecided after 60 and 60 samples")
    assert "; small: undecided" in said
    framework.create_test("worse", "old", "new", more=["small"])
    framework.record_samples("worse", samples({"model_a": 0.9, "model_b": 0.4, "model_c": 0.3}, 200))
    assert framework.recommend_winner(framework.monitor("worse")) == "old"


def test_pairs_of_several_models_share_their_question(database: Database) -> None:
    framework = started(split=None)
    rng = np.random.default_rng(4)
    rows = []
    for question, easy in enumerate(rng.random(200)):
        for arm, rate in zip(ARMS, (0.6, 0.72, 0.6, 0.6), strict=True):
            rows.append({"model": arm, "score": float(easy < rate), "sample_id": f"q{question}"})
    framework.record_samples("t", [rows[at] for at in rng.permutation(len(rows))])
    result = framework.monitor("t")
    assert [each.is_paired for each in result.comparisons] == [True, True, True]
    assert (result.favours, result.others[0].effect) == (1, 0.0)


def test_wrong_models_and_arms_raise() -> None:
    framework = started()
    with pytest.raises(ConflictError, match="exists: old against new against small against tiny, running"):
        framework.create_test("t", "old", "new", more=["small"])
    with pytest.raises(UsageError, match="model_b and model_c are both new"):
        framework.create_test("u", "old", "new", more=["new"])
    with pytest.raises(UsageError, match="a test has 8 models at most, not 9"):
        framework.create_test("u", "old", "new", more=[f"m{number}" for number in range(7)])
    with pytest.raises(UsageError, match="unknown arm 'model_e'; use model_a, model_b, model_c or model_d"):
        framework.record_samples("t", [{"model": "model_e", "score": 1}])


def test_exported_result_of_several_models_can_be_loaded(tmp_path: Path) -> None:
    framework = started()
    framework.record_samples("t", samples(dict(zip(ARMS, (0.5, 0.7, 0.9, 0.5), strict=True)), 200))
    loaded = ABTestResult(**json.loads(Path(framework.export_results(tmp_path / "r.json")).read_text())["t"])
    assert framework.recommend_winner(loaded) == framework.recommend_winner(framework.monitor("t")) == "small"


def test_command_line_starts_and_shows_several_models(cli: Any) -> None:
    cli("setup-ab-test", "t", "old", "new", "--more", "small", "--more", "tiny")
    ABTestFramework().record_samples("t", samples(dict(zip(ARMS, (0.5, 0.7, 0.9, 0.5), strict=True)), 200))
    shown = cli("ab", "show", "t")[1]
    for text in ("A: old", "D: tiny", "C against A: anytime design: significant difference", "recommendation: small"):
        assert text in shown
    assert json.loads(cli("ab", "show", "t", "--json")[1])["others"][1]["model_b"] == "tiny"
