"""The figures of a verdict are of the samples as they are now, and say what is unknown."""

from __future__ import annotations

import json
from math import isnan
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework

Row = dict[str, Any]


def started(**choices: Any) -> ABTestFramework:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b", **choices)
    return framework


def drawn(rng: np.random.Generator, size: int, rates: tuple[float, float], **facts: Any) -> list[Row]:
    """So many samples of each model."""
    return [
        {"model": model, "score": float(rng.random() < rate), **facts}
        for _ in range(size)
        for model, rate in zip(("model_a", "model_b"), rates, strict=True)
    ]


@pytest.mark.parametrize("design", ["fixed", "group_sequential"])
def test_planned_look_at_one_unit_of_each_model_is_no_verdict(design: str) -> None:
    framework = started(design=design, planned=10)
    framework.record_samples(
        "t",
        [
            {"model": model, "score": number % 2, "cluster_id": f"{model}-user"}
            for number in range(20)
            for model in ("model_a", "model_b")
        ],
    )
    result = framework.monitor("t")
    assert isnan(result.p_value)
    assert framework.recommend_winner(result).startswith("TIE: no verdict: the spread of the scores is unknown")
    assert [*framework.get_all_results()] == ["t"]
    framework.conclude_test("t")


@pytest.mark.parametrize("scores", [(5.0, 5.0), (5.0, 6.0)])
def test_planned_look_at_scores_that_do_not_vary_is_no_verdict(scores: tuple[float, float]) -> None:
    framework = started(design="fixed", planned=40, score="real")
    pairs = zip(("model_a", "model_b"), scores, strict=True)
    framework.record_samples("t", [{"model": model, "score": score} for model, score in [*pairs] * 40])
    result = framework.monitor("t")
    assert isnan(result.p_value)
    assert "spread of the scores is unknown" in framework.recommend_winner(result)


@pytest.mark.parametrize("design", ["fixed", "group_sequential"])
def test_planned_verdict_that_later_samples_contradict_is_withdrawn(design: str) -> None:
    rng, framework = np.random.default_rng(3), started(design=design, planned=200)
    framework.record_samples("t", drawn(rng, 200, (0.6, 0.9)))
    assert framework.recommend_winner(framework.monitor("t")) == "b"
    framework.record_samples("t", drawn(rng, 500, (0.6, 0.9)))
    assert framework.recommend_winner(framework.monitor("t")) == "b"
    framework.record_samples("t", drawn(rng, 3000, (0.9, 0.5)))
    result = framework.monitor("t")
    assert "effect changed at about" in framework.recommend_winner(result)
    assert (result.favours, isnan(result.p_value)) == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize("design", ["fixed", "group_sequential"])
def test_planned_verdict_of_an_effect_that_stays_is_rarely_withdrawn(design: str) -> None:
    withdrawn = 0
    for seed in range(12):
        rng, framework = np.random.default_rng(seed), ABTestFramework()
        framework.create_test(f"{design}-{seed}", "a", "b", design=design, planned=200)
        framework.record_samples(f"{design}-{seed}", drawn(rng, 1000, (0.6, 0.75)))
        withdrawn += bool(framework.monitor(f"{design}-{seed}").changed)
    assert withdrawn <= 1


@pytest.mark.slow
@pytest.mark.parametrize("strata", [4, 150])
@pytest.mark.parametrize("choices", [{}, {"design": "fixed", "planned": 60}])
def test_equal_models_in_strata_of_other_shares_are_rarely_told_apart(strata: int, choices: dict[str, Any]) -> None:
    told, seeds = 0, 5 if strata > 100 else 8
    for seed in range(seeds):
        rng, framework = np.random.default_rng(seed), ABTestFramework()
        name = f"{strata}-{seed}-{len(choices)}"
        framework.create_test(name, "old", "new", split=None, **choices)
        rows = []
        for _ in range(500):
            stratum = int(rng.integers(strata))
            is_easy = stratum % 2 == 0
            model = "model_b" if rng.random() < (0.9 if is_easy else 0.1) else "model_a"
            score = float(rng.random() < (0.9 if is_easy else 0.3))
            rows.append({"model": model, "score": score, "stratum": f"s{stratum}"})
        is_told = False
        for start in range(0, 500, 50):
            framework.record_samples(name, rows[start : start + 50])
            is_told |= framework.monitor(name).statistical_significance
        told += is_told
    assert told <= 2  # of a true 5 % in 99 of 100 runs


def test_strata_beyond_the_limit_are_named() -> None:
    framework = started(split=None)
    rows = [row for number in range(150) for row in drawn(np.random.default_rng(0), 3, (0.5, 0.5), stratum=str(number))]
    framework.record_samples("t", rows)
    assert "more than 100 strata are not compared" in framework.monitor("t").warnings[0]


def test_strata_of_their_own_are_the_reason_why_there_is_no_verdict() -> None:
    framework = started(split=None)
    rows = [
        {"model": model, "score": 1.0, "stratum": f"{number}"}
        for number in range(150)
        for model in ("model_a", "model_b")
    ]
    framework.record_samples("t", rows)
    advice = framework.recommend_winner(framework.monitor("t"))
    assert advice.startswith("TIE: no verdict: the samples are of more than 100 strata, none of which has 2 of each")
    framework.record_samples("t", [{**row, "stratum": "0"} for row in rows[:40]])  # of one of the first 100
    assert framework.recommend_winner(framework.monitor("t")).startswith("TIE: undecided")


def test_effect_is_that_of_all_samples_also_before_they_are_enough_for_an_interval() -> None:
    framework = started()
    for start in range(0, 800, 100):
        rows = [
            {"model": model, "score": float(model == "model_a" or number % 50 != 0)}
            for number in range(start, start + 100)
            for model in ("model_a", "model_b")
        ]
        framework.record_samples("t", rows)
        assert framework.monitor("t").effect == pytest.approx(-0.02)


def test_withheld_test_has_neither_p_value_nor_interval(cli: Any) -> None:
    framework = started()
    rows = drawn(np.random.default_rng(1), 300, (0.5, 0.8))
    framework.record_samples("t", [row for number, row in enumerate(rows) if number % 4 != 1])
    result = framework.monitor("t")
    assert result.withheld
    assert isnan(result.p_value)
    assert result.intervals["accuracy"] == (-1.0, 1.0)
    _, out, _ = cli("ab", "show", "t")
    assert "no verdict in scores" in out
    assert "score unknown" in out


def test_history_of_several_models_agrees_with_their_verdict() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new", more=["third", "fourth"], split=0.75)
    rng = np.random.default_rng(0)
    names = ("model_a", "model_b", "model_c", "model_d")
    for _ in range(500):
        framework.record_samples("t", [{"model": name, "score": float(rng.random() < 0.6)} for name in names])
    last, result = framework.get_history("t")[-1], framework.monitor("t")
    low, high = result.intervals["accuracy"]
    assert last["low"] is not None
    assert last["high"] is not None
    assert last["high"] - last["low"] == pytest.approx(high - low, rel=0.15)


def test_few_scores_exclude_nothing(cli: Any) -> None:
    framework = started()
    framework.record_samples("t", drawn(np.random.default_rng(1), 3, (0.5, 0.5)))
    _, out, _ = cli("ab", "show", "t")
    assert "improvement of B: score unknown" in out
    assert json.loads(cli("ab", "show", "t", "--json")[1])["intervals"]["accuracy"] == [-1.0, 1.0]


def test_verdict_needs_no_more_samples() -> None:
    framework = started(alpha=0.2)
    rng = np.random.default_rng(0)
    for _ in range(60):
        framework.record_samples("t", drawn(rng, 5, (0.75, 0.9)))
        result = framework.monitor("t")
        assert result.samples_needed == 0 or not result.statistical_significance
    assert result.statistical_significance
