"""Shares of traffic that change while the questions do, effects that change, and strata."""

from __future__ import annotations

import re
from math import isnan
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework, ABTestResult, CostTracker, ModelRegistry
from fine_tuning.commands.experiment_tables import print_result
from fine_tuning.experiments import comparability
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.propensity_strata import MAX_BLOCKS
from fine_tuning.experiments.recommendation import Reason, recommend
from fine_tuning.experiments.sufficient_statistics import A, B, Score, Statistics
from fine_tuning.experiments.unit_sums import summed
from fine_tuning.store.experiment_samples import Unit
from fine_tuning.store.records.experiment_json import Arm
from tests.experiments.test_designs import started

Phase = tuple[int, float, float, float]  # samples, share of model_b, and the rates of both


def traffic(phases: list[Phase], seed: int) -> list[dict[str, Any]]:
    """Samples as a router sends them."""
    rng, found = np.random.default_rng(seed), []
    for count, share, rate_a, rate_b in phases:
        for is_b, chance in zip(rng.random(count) < share, rng.random(count), strict=True):
            score = float(chance < (rate_b if is_b else rate_a))
            found.append({"model": "model_b" if is_b else "model_a", "score": score})
    return found


def watched(framework: ABTestFramework, test_id: str, rows: list[dict[str, Any]], looks: int = 10) -> ABTestResult:
    """The result after so many looks, at each of which interval, p-value and verdict say the same."""
    for start in range(0, len(rows), len(rows) // looks):
        framework.record_samples(test_id, rows[start : start + len(rows) // looks])
        result = framework.monitor(test_id)
        low, high = result.intervals["accuracy"]
        if not result.withheld:
            assert (low > 0 or high < 0) == result.statistical_significance
            assert np.isnan(result.p_value) or result.statistical_significance == (result.p_value <= 0.05)
    return result


@pytest.mark.slow
@pytest.mark.parametrize(
    "phases",
    [
        pytest.param([(1000, 0.5, 0.6, 0.6), (1000, 0.9, 0.9, 0.9)], id="jump"),
        pytest.param([(400, share, 0.5 + share / 2, 0.5 + share / 2) for share in (0.05, 0.2, 0.5, 0.9)], id="ramp"),
        pytest.param([(1000, 0.0, 0.6, 0.6), (1500, 0.5, 0.9, 0.9)], id="model_a alone first"),
        pytest.param([(1500, 0.5, 0.6, 0.6), (1000, 1.0, 0.9, 0.9)], id="rolled out at the end"),
        pytest.param([(500, share, rate, rate) for share, rate in ((0.3, 0.5), (0.7, 0.8)) * 3], id="weekly cycle"),
        pytest.param([(300, share, rate, rate) for share, rate in ((0.1, 0.5), (0.4, 0.9)) * 6], id="rare and fast"),
    ],
)
@pytest.mark.parametrize("choices", [{}, {"design": "fixed", "planned": 500}])
def test_equal_models_with_moving_shares_are_rarely_told_apart(phases: list[Phase], choices: dict[str, Any]) -> None:
    framework, named, covered = ABTestFramework(), 0, 0
    for seed in range(5):
        framework.create_test(f"t{seed}", "a", "b", split=None, **choices)
        result = watched(framework, f"t{seed}", traffic(phases, seed))
        named += result.statistical_significance
        covered += result.intervals["accuracy"][0] <= 0 <= result.intervals["accuracy"][1]
    assert named <= 2  # of a true 5 % in 99.8 of 100 runs
    assert covered == 5 - named
    assert "the models' shares of the samples drifted" in result.warnings[0]


def test_shares_that_change_too_often_are_compared_with_nothing() -> None:
    framework = started(split=None)
    phases = [(70, share, rate, rate) for share, rate in ((0.1, 0.5), (0.4, 0.9)) * 30]
    result = watched(framework, "t", traffic(phases, 4))
    assert not result.statistical_significance
    assert result.warnings == [
        "the models' shares of the samples change too often: samples of the same time cannot be told"
    ]


@pytest.mark.slow
def test_weak_cycles_of_the_share_are_found_among_neighbours() -> None:
    framework, reasons, named = ABTestFramework(), [], 0
    for seed in range(8):
        framework.create_test(f"t{seed}", "a", "b", split=None)
        phases = [(20, share, rate, rate) for share, rate in ((0.4, 0.5), (0.6, 0.9)) * 50]
        rows = [{**row, "latency_ms": 100.0 * (2 - row["score"])} for row in traffic(phases, seed)]
        result = watched(framework, f"t{seed}", rows, looks=20)
        low, high = result.intervals["latency"]
        assert low <= 0 <= high
        named += recommend(result).winner is not None
        reasons.append(result.withheld)
    assert named == 0
    assert sum("differ less among samples that came one right after the other" in reason for reason in reasons) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.05, 0.3])
def test_guardrails_of_weak_cycles_are_open(margin: float) -> None:
    framework, states = ABTestFramework(), []
    for seed in range(6):
        framework.create_test(f"t{seed}", "a", "b", split=None, guardrails=[{"measure": "latency", "margin": margin}])
        phases = [(20, share, rate, rate) for share, rate in ((0.4, 0.5), (0.6, 0.9)) * 50]
        slower = {A: 100.0, B: 100.0 * (1 + margin)}
        rows = [{**row, "latency_ms": slower[row["model"]] * (2 - row["score"])} for row in traffic(phases, seed)]
        states.append(watched(framework, f"t{seed}", rows, looks=20).guardrails[0]["status"])
    assert states == ["open"] * 6  # at the margin; all samples together speak for model_b


def test_outcomes_that_come_late_are_no_neighbours() -> None:
    framework, rng = started(), np.random.default_rng(9)
    sides = rng.random(600) < 0.5
    for number, is_b in enumerate(sides):
        framework.record_samples("t", [{"model": B if is_b else A, "sample_id": str(number)}])
    known = sorted(range(600), key=lambda number: (bool(sides[number]), number))  # those of model_a first
    for number in known:
        score = float(rng.random() < (0.9 if sides[number] else 0.4))
        framework.record_outcome("t", str(number), score=score)
    result = framework.monitor("t")
    assert (result.withheld, framework.recommend_winner(result)) == ("", "b")


def test_difference_within_moving_shares_is_found() -> None:
    framework = started(split=None)
    phases = [(1500, 0.5, 0.5, 0.65), (1500, 0.1, 0.8, 0.95)]  # model_b has the harder questions
    result = watched(framework, "t", traffic(phases, 1))
    assert result.effect == pytest.approx(0.15, abs=0.05)
    assert result.accuracy_improvement < 0.08
    assert framework.recommend_winner(result) == "b"


def one_after_the_other(
    size: int, rate_a: float, rate_b: float, rise: float = 0.0, seed: int = 2
) -> list[dict[str, Any]]:
    """All samples of model_a, then all of model_b, while the rates rise from the first sample to the last."""
    rng, found = np.random.default_rng(seed), []
    for number in range(2 * size):
        chance = (rate_a if number < size else rate_b) + rise * number / (2 * size)
        found.append({"model": A if number < size else B, "score": float(rng.random() < chance)})
    return found


@pytest.mark.parametrize("size", [200, 1000])
def test_all_answers_of_one_model_and_then_of_the_other_are_compared(size: int) -> None:
    framework = started()
    result = watched(framework, "t", one_after_the_other(size, 0.3, 0.9))
    assert (result.withheld, framework.recommend_winner(result)) == ("", "b")
    assert result.ratio_mismatch_p > 0.5
    assert result.effect == pytest.approx(0.6, abs=0.2)
    assert result.warnings[0].startswith("all samples of one model came before those of the other: they are compared ")


@pytest.mark.slow
@pytest.mark.parametrize("choices", [{}, {"design": "fixed", "planned": 400}, {"score": "real"}])
def test_trend_over_both_models_makes_no_winner(choices: dict[str, Any]) -> None:
    framework, named = ABTestFramework(), 0
    for seed in range(12):
        framework.create_test(f"t{seed}", "a", "b", **choices)
        named += watched(framework, f"t{seed}", one_after_the_other(400, 0.4, 0.4, 0.5, seed)).statistical_significance
    assert named <= 3  # of a true 5 % in 99.7 of 100 runs; with plain means it is nearly all


def test_models_that_came_one_after_the_other_over_hours_get_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    framework = started()
    rows = one_after_the_other(200, 0.4, 0.9)
    framework.record_samples("t", rows[:200])
    monkeypatch.setattr(comparability, "AT_ONCE", -1.0)  # as if it had been hours
    framework.record_samples("t", rows[200:])
    result = framework.monitor("t")
    assert result.withheld.startswith("all samples of one model came before those of the other, over 0.0 hours")
    assert recommend(result).reason == Reason.NOT_COMPARABLE
    assert not framework.cheaper_and_not_worse("t", 0.1)["holds"]


def test_models_that_take_turns_in_whole_blocks_get_no_verdict() -> None:
    framework = started()
    rows = traffic([(100, share, rate, rate) for share, rate in ((0.0, 0.5), (1.0, 0.9)) * 4], 1)
    result = watched(framework, "t", rows)
    assert result.withheld.startswith("the models' samples came in turns, in blocks of one model alone")


def test_answers_to_the_same_questions_are_pairs_whenever_they_came() -> None:
    framework = started()
    rows = one_after_the_other(200, 0.4, 0.9)
    framework.record_samples("t", [{**row, "sample_id": str(at % 200)} for at, row in enumerate(rows)])
    result = framework.monitor("t")
    assert (result.is_paired, result.warnings, framework.recommend_winner(result)) == (True, [], "b")


def test_steady_shares_have_no_warning() -> None:
    framework = started(split=0.3)
    assert watched(framework, "t", traffic([(4000, 0.3, 0.7, 0.7)], 5)).warnings == []


@pytest.mark.slow
@pytest.mark.parametrize("later", [0.0, -0.1])
def test_verdict_that_later_samples_contradict_is_withdrawn(later: float) -> None:
    framework, changed = ABTestFramework(), 0
    for seed in range(4):
        framework.create_test(f"t{seed}", "a", "b")
        rows = traffic([(600, 0.5, 0.6, 0.8), (6000, 0.5, 0.7, 0.7 + later)], seed)
        result = watched(framework, f"t{seed}", rows, looks=22)
        if result.changed:
            changed += 1
            assert result.changed.startswith("effect changed at about ")
            assert 300 < int(result.changed.split()[4].replace(",", "")) < 1500
            assert recommend(result).reason == Reason.EFFECT_CHANGED
            assert result.favours == 0
            low, high = result.intervals["accuracy"]
            assert low <= (600 * 0.2 + 6000 * later) / 6600 <= high
    assert changed >= 3


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.06, 0.2])
def test_verdict_on_a_steady_effect_stands(gain: float) -> None:
    framework = ABTestFramework()
    for seed in range(4):
        framework.create_test(f"t{seed}", "a", "b")
        assert watched(framework, f"t{seed}", traffic([(6000, 0.5, 0.6, 0.6 + gain)], seed), 20).changed == ""


def test_dip_that_is_over_is_told_by_effects_that_contradict_each_other() -> None:
    framework = started()
    rows = traffic([(600, 0.5, 0.6, 0.85), (1200, 0.5, 0.6, 0.25), (2200, 0.5, 0.6, 0.85)], 5)
    found = re.match(
        r"effect changed at about ([\d,]+) samples: (-[\d.]+) points until then, \+([\d.]+) points in all 4,000",
        watched(framework, "t", rows, 8).changed,
    )
    assert found
    assert 1500 < int(found[1].replace(",", "")) < 2100
    assert float(found[2]) < -2
    assert float(found[3]) > 8


def test_effect_within_times_of_equal_shares_is_told_beside_the_plain_difference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    framework = started(split=None)
    phases = [(1000, share, rate, rate + 0.15) for share, rate in ((0.1, 0.8), (0.9, 0.2))]
    result = watched(framework, "t", traffic(phases, 3))
    assert result.effect > 0.1
    assert result.accuracy_improvement < 0
    used, difference = result.warnings[1:]
    assert re.match(r"the comparison uses [\d,]+ of 9\d\d of a and [\d,]+ of 1,0\d\d of b: ", used)
    assert "the other way round: one model had more of its samples where both score higher or lower" in difference
    print_result(result)
    out = " ".join(capsys.readouterr().out.split())
    assert f"improvement of B: score {result.effect * 100:+.3g} points (-" in out


def test_withdrawn_verdict_opens_no_gate_and_is_stored() -> None:
    framework = started()
    watched(framework, "t", traffic([(600, 0.5, 0.4, 0.8), (4000, 0.5, 0.8, 0.6)], 3))
    concluded = framework.conclude_test("t")
    assert concluded.changed
    assert framework.get_decisions("t")[-1]["reason"].startswith("TIE: effect changed at about ")
    assert framework.get_test_results("t").changed == concluded.changed


def test_fixed_design_whose_effect_turned_within_it_has_no_winner() -> None:
    framework = started(design="fixed", planned=3000)
    watched(framework, "t", traffic([(2000, 0.5, 0.5, 0.85), (4200, 0.5, 0.7, 0.62)], 4))
    result = framework.monitor("t")
    assert result.changed.startswith("effect changed at about 3,0")
    assert " points in the planned samples, -" in result.changed
    assert recommend(result).reason == Reason.EFFECT_CHANGED


def test_changed_effect_is_neither_cheaper_and_not_worse_nor_a_gain() -> None:
    framework, registry = ABTestFramework(), ModelRegistry()
    registry.register_model("inbox", "small", "ftjob-x", 100, cost=5.0)
    framework.create_test("t", "gpt-4o", "inbox-v1")
    rows = traffic([(600, 0.5, 0.4, 0.8), (4000, 0.5, 0.8, 0.68)], 3)
    watched(framework, "t", [{**row, "cost": 0.001 if row["model"] == B else 0.01} for row in rows])
    assert framework.conclude_test("t").changed
    found = framework.cheaper_and_not_worse("t", 0.2)
    assert not found["holds"]
    assert found["withheld"].startswith("effect changed at about ")
    analysis = CostTracker().calculate_roi("inbox", None, 1000, 10.0, "gpt-4o")
    assert isnan(analysis.accuracy_improvement)
    assert any("A/B test t: effect changed at about " in line for line in analysis.unknown)


def test_strata_of_samples_are_compared_apart(database: Any) -> None:
    framework = started(split=None)
    rng, rows = np.random.default_rng(6), []
    for _ in range(3000):
        is_hard = rng.random() < 0.5
        is_b = rng.random() < (0.8 if is_hard else 0.2)
        score = float(rng.random() < (0.4 if is_hard else 0.9))
        rows.append({"model": B if is_b else A, "score": score, "stratum": "hard" if is_hard else "easy"})
    framework.record_samples("t", rows)
    result = framework.monitor("t")
    assert result.accuracy_improvement < -0.2
    assert not result.statistical_significance
    assert abs(result.effect) < 0.05
    framework.create_test("mixed", "a", "b", split=None)
    framework.record_samples("mixed", [{**row, "stratum": None} for row in rows])
    assert framework.monitor("mixed").favours == -1


def test_many_strata_are_kept_within_bounds() -> None:
    framework = started()
    rng = np.random.default_rng(7)
    rows = [
        {"model": B if rng.random() < 0.5 else A, "score": float(rng.random() < 0.7), "stratum": f"customer {number}"}
        for number in rng.integers(400, size=3000)
    ]
    framework.record_samples("t", rows)
    result = framework.monitor("t")
    assert abs(result.effect - result.accuracy_improvement) < 0.03
    assert not result.statistical_significance


def test_units_that_come_back_join_their_own_sums() -> None:
    rng, statistics = np.random.default_rng(8), Statistics()
    users: list[dict[Arm, Unit]] = [{} for _ in range(300)]
    for _ in range(40 * MAX_BLOCKS):
        user = int(rng.integers(300))
        arm = B if user % 3 else A
        statistics.arrive(arm, "", users[user])
        statistics.add_score(Design(), arm, Score(float(rng.random() < 0.5)), users[user])
    found = summed(statistics.comparison.cells())
    sizes = np.array([sum(unit.size for unit in user.values()) for user in users])
    assert sum(found.counts) == sizes.sum()
    assert sum(found.squared_counts) == (sizes**2).sum()
    again = Statistics.of(statistics.as_dict())
    assert again.as_dict() == statistics.as_dict()
