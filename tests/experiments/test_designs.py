"""Designs, guardrails, mismatches, what a verdict says, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework, ModelRegistry
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.experiments import group_sequential, verdict
from fine_tuning.experiments.assignment import ramped, takes_part
from fine_tuning.experiments.design import Design, DesignChoices
from fine_tuning.store.database import Database


def rows(rate_a: float, rate_b: float, count: int, seed: int = 0, **more: Any) -> list[dict[str, Any]]:
    """So many samples of each model, in turn."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for right_a, right_b in (rng.random((count, 2)) < (rate_a, rate_b)).tolist():
        found += [
            {"model": "model_a", "score": float(right_a), **more},
            {"model": "model_b", "score": float(right_b), **more},
        ]
    return found


def test_type_checkers_know_every_choice_of_a_design() -> None:
    assert DesignChoices.__annotations__.keys() == {each.name for each in fields(Design)} - {"kind"}


def started(**choices: Any) -> ABTestFramework:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b", **choices)
    return framework


class TestDesigns:
    def test_fixed_design_before_end_has_no_verdict(self, database: Database) -> None:
        framework = started(design="fixed", planned=200)
        framework.record_samples("t", rows(0.5, 0.95, 199))
        result = framework.monitor("t")
        assert (result.statistical_significance, math.isnan(result.p_value), result.samples_needed) == (False, True, 1)
        assert framework.recommend_winner(result).startswith("TIE: no verdict before the next planned look; 1 more")
        framework.record_samples("t", rows(0.5, 0.95, 1))
        result = framework.monitor("t")
        assert (result.statistical_significance, result.is_over, framework.recommend_winner(result)) == (
            True,
            True,
            "b",
        )
        p_value = result.p_value
        framework.record_samples("t", rows(0.5, 0.95, 500))  # after the end: shown in the means, without influence
        assert framework.monitor("t").p_value == p_value

    def test_group_sequential_design_changes_verdict_at_planned_looks_only(self) -> None:
        framework = started(design="group_sequential", planned=400, looks=4)
        said = []
        for number, block in enumerate(np.array_split(np.array(rows(0.6, 0.75, 400, seed=4), object), 40), 1):
            framework.record_samples("t", block.tolist())
            result = framework.monitor("t")
            said.append((number, result.statistical_significance, round(result.p_value, 9)))
        changes = {after[0] for before, after in pairwise(said) if f"{before[2]}" != f"{after[2]}"}
        assert changes <= {10, 20, 30, 40}
        assert said[-1][1]
        assert framework.recommend_winner(framework.monitor("t")) == "b"

    @pytest.mark.parametrize("choices", [{"design": "fixed"}, {"design": "group_sequential", "looks": 2}])
    @pytest.mark.parametrize("is_paired", [False, True])
    def test_interval_of_planned_design_excludes_zero_exactly_where_the_verdict_says_different(
        self, choices: dict[str, Any], is_paired: bool
    ) -> None:
        framework, found = ABTestFramework(), set()
        for right_a in (50, 90, 98):
            for right_b in range(right_a - 2, min(101, right_a + 22), 2):
                name = f"{right_a}-{right_b}"
                framework.create_test(name, "a", "b", planned=100, **choices)
                framework.record_samples(
                    name,
                    [
                        # spread evenly, so that both looks see the rates
                        {"model": model, "score": float(at * right // 100 != (at + 1) * right // 100)}
                        | ({"sample_id": str(at)} if is_paired else {})
                        for at in range(100)
                        for model, right in (("model_a", right_a), ("model_b", right_b))
                    ],
                )
                result = framework.monitor(name)
                low, high = result.intervals["accuracy"]
                assert (low > 0 or high < 0) == result.statistical_significance == (result.p_value <= 0.05), name
                found.add(result.statistical_significance)
        assert found == {False, True}

    def test_monitor_with_other_alpha_of_every_design_uses_it(self) -> None:
        for design in ("group_sequential", "fixed", "anytime"):
            framework = ABTestFramework()
            framework.create_test(design, "a", "b", design=design, planned=300)
            framework.record_samples(design, rows(0.6, 0.72, 300, seed=8))
            p_value = framework.monitor(design).p_value
            assert 0 < p_value < 1
            assert framework.monitor(design, min(0.99, p_value * 1.1)).statistical_significance
            assert not framework.monitor(design, p_value * 0.9).statistical_significance
            assert framework.conclude_test(design, alpha=p_value * 0.9).confidence_level == 1 - p_value * 0.9

    def test_monitor_without_alpha_uses_alpha_of_design(self) -> None:
        framework = started(alpha=0.001)
        framework.record_samples("t", rows(0.6, 0.9, 60, seed=1))
        result = framework.monitor("t")
        assert 0.001 < result.p_value < 0.05
        assert (result.statistical_significance, result.confidence_level) == (False, 0.999)
        assert framework.conclude_test("t").confidence_level == 0.999

    @pytest.mark.parametrize(
        ("choices", "said"),
        [
            ({"design": "fixed"}, "a fixed test needs planned="),
            ({"design": "sometimes"}, "unknown design 'sometimes'"),
            ({"alpha": 0}, "alpha must be between 0 and 1"),
            ({"alpha": 2}, "alpha must be between 0 and 1"),
            ({"alpha": math.nan}, "alpha must be between 0 and 1"),
            ({"split": 0.0}, "split must be between 0 and 1"),
            ({"planned": 0, "design": "fixed"}, "planned must be a whole number"),
            ({"looks": 0}, "looks must be a whole number"),
            ({"score": "bounded", "low": 1, "high": 0}, "scores must lie between low and high"),
            ({"metric": "beauty"}, "unknown metric 'beauty'"),
            ({"margin": -1}, "margin must be"),
            ({"ramp": math.nan}, "ramp must be 0, or between 0.001 and 1"),
            ({"score": "bounded", "low": "a"}, "low must be a number, not 'a'"),
            ({"auto": "yes"}, "auto must be True or False"),
            ({"guardrails": 5}, "guardrails must be a list, not int"),
            ({"guardrails": [{"measure": "cost", "margin": 0.1, "relative": "no"}]}, "relative must be True or False"),
            ({"colour": "red"}, "unknown choice 'colour'"),
            ({"guardrails": [{"measure": "cost"}]}, "a guardrail has measure and margin"),
            ({"guardrails": [{"measure": "cost", "margin": 0.1, "statistic": "p95"}]}, "p95 is kept of latency alone"),
            ({"auto": True}, "a is not a registered model that can be deployed"),
        ],
    )
    def test_create_test_with_wrong_choice_raises(self, choices: dict[str, Any], said: str) -> None:
        with pytest.raises(UsageError, match=said):
            started(**choices)
        assert ABTestFramework().get_all_results() == {}

    def test_create_test_again_with_other_design_raises(self) -> None:
        framework = started(margin=0.02)
        framework.create_test("t", "a", "b", margin=0.02)
        with pytest.raises(ConflictError, match="exists with another design"):
            framework.create_test("t", "a", "b", margin=0.03)

    def test_record_sample_with_metric_of_evaluator_scores_by_it(self) -> None:
        framework = started(metric="token_f1")
        framework.record_sample("t", "model_a", "the red lamp", "a red lamp", 1.0, 0.0)
        framework.record_sample("t", "model_b", "a blue lamp", "a red lamp", 1.0, 0.0)
        result = framework.monitor("t")
        assert (result.score, result.model_a_accuracy, result.model_b_accuracy) == ("bounded", 1.0, 0.5)

    @pytest.mark.parametrize("spending", ["t2", "obrien_fleming"])
    def test_p_value_of_look_just_beyond_its_limit_is_at_most_alpha(self, spending: str) -> None:
        design = Design(kind="group_sequential", planned=400, spending=spending)
        for alpha in (0.05, 0.01, 0.1):
            limits = group_sequential.boundaries(design.fractions[:3], alpha, spending)
            for apart, is_found in ((1e-6, True), (-1e-6, False)):
                zs = (0.1, 0.2, limits[-1] + apart)
                assert (verdict._p_of(design, zs, alpha) <= alpha) == is_found


class TestVerdicts:
    def test_recommend_winner_undecided_names_interval_and_samples_needed(self) -> None:
        framework = started()
        framework.record_samples("t", rows(0.8, 0.82, 150, seed=5))
        result = framework.monitor("t")
        said = framework.recommend_winner(result)
        assert said.startswith("TIE: undecided after 150 and 150 samples: the accuracy of b is ")
        assert "points is excluded; record about" in said
        assert result.samples_needed > 300

    def test_outcomes_that_are_not_known_yet_are_counted_as_open(self) -> None:
        framework = started()
        calls = [
            {"model": arm, "prediction": "x", "sample_id": f"{arm}{n}"}
            for n in range(1000)
            for arm in ("model_a", "model_b")
        ]
        framework.record_samples("t", [*calls, {"model": "model_a", "error": "no answer"}])
        for number in range(12):
            framework.record_outcome("t", f"model_a{number}", score=number % 2)
            framework.record_outcome("t", f"model_b{number}", score=float(number > 0))
        result = framework.monitor("t")
        assert (result.model_a_open, result.model_b_open) == (988, 988)
        said = framework.recommend_winner(result)
        assert "undecided after 13 and 12 samples with an outcome, 988 and 988 open: " in said
        low, high = result.intervals["accuracy"]
        assert -1 < low < 0 < high < 1

    def test_recommend_winner_of_equivalent_models_is_tie(self) -> None:
        framework = started(margin=0.1)
        framework.record_samples("t", rows(0.8, 0.8, 3000, seed=6))
        said = framework.recommend_winner(framework.monitor("t"))
        assert said.startswith("TIE: equivalent: ")
        assert said.endswith("is within 10 points")

    def test_monitor_with_sample_ratio_mismatch_has_no_verdict(self) -> None:
        framework = started()
        framework.record_samples("t", rows(0.5, 0.9, 300))
        assert framework.monitor("t").statistical_significance
        framework.record_samples("t", [{"model": "model_a", "score": 0.0}] * 200)
        result = framework.monitor("t")
        assert (result.statistical_significance, result.favours) == (False, 0)
        assert framework.recommend_winner(result).startswith("TIE: no verdict: sample ratio mismatch (SRM, p = ")
        assert "the models got 500 and 300 samples where 50%" in result.withheld
        framework.create_test("free", "a", "b", split=None)
        framework.record_samples("free", [*rows(0.5, 0.9, 300), *[{"model": "model_a", "score": 0.0}] * 200])
        assert framework.monitor("free").statistical_significance

    def test_recommend_winner_with_broken_guardrail_is_tie(self) -> None:
        rails = [
            {"measure": "latency", "margin": 0.1},
            {"measure": "latency", "statistic": "p95", "margin": 0.2},
            {"measure": "cost", "margin": 0.0},
            {"measure": "politeness", "margin": 0.1, "relative": False, "higher_is_better": True},
        ]
        rng = np.random.default_rng(1)

        def framework_of(test_id: str, slower: float, politer: float) -> ABTestFramework:
            framework = ABTestFramework()
            framework.create_test(test_id, "a", "b", guardrails=rails)
            samples = rows(0.5, 0.9, 900)
            for sample in samples:
                is_b = sample["model"] == "model_b"
                sample["latency_ms"] = float(rng.normal(200, 20)) * (slower if is_b else 1)
                sample["cost"] = float(rng.uniform(0.5, 1.0)) * (0.5 if is_b else 1)
                sample["measures"] = {"politeness": float(rng.normal(4, 0.2)) + (politer if is_b else 0)}
            framework.record_samples(test_id, samples)
            return framework

        fine = framework_of("fine", 1.0, 0.0)
        result = fine.monitor("fine")
        assert {rail["name"]: rail["status"] for rail in result.guardrails} == {
            "latency": "holds",
            "latency p95": "holds",
            "cost": "holds",
            "politeness": "holds",
        }
        assert fine.recommend_winner(result) == "b"
        slow = framework_of("slow", 1.6, -0.5)
        result = slow.monitor("slow")
        assert {rail["name"]: rail["status"] for rail in result.guardrails} == {
            "latency": "broken",
            "latency p95": "broken",
            "cost": "holds",
            "politeness": "broken",
        }
        assert (
            slow.recommend_winner(result)
            == "TIE: b scores no worse, but breaks the guardrail latency, latency p95, politeness"
        )

    def test_cheaper_and_not_worse_with_one_statement_does_not_hold(self) -> None:
        framework = started(margin=0.1)
        for cheap, rate, holds in ((0.5, 0.8, True), (1.5, 0.8, False), (0.5, 0.6, False)):
            test_id = f"{cheap} {rate}"
            framework.create_test(test_id, "a", "b", margin=0.1)
            samples = rows(0.8, rate, 1500)
            for sample in samples:
                sample["cost"] = (cheap if sample["model"] == "model_b" else 1.0) * (1 + 0.1 * sample["score"])
            framework.record_samples(test_id, samples)
            found = framework.cheaper_and_not_worse(test_id)
            assert found["holds"] is holds
            assert (found["cheaper"]["holds"] and found["not_worse"]["holds"]) is holds
        assert framework.cheaper_and_not_worse("t")["holds"] is False


class TestAssignment:
    def test_ramp_of_running_test_keeps_arms_of_units(self, database: Database) -> None:
        framework = started(ramp=0.1)
        units = [f"user-{number}" for number in range(3000)]

        def arms() -> dict[str, str | None]:
            return {unit: framework.assign("t", unit) for unit in units}

        few = arms()
        taking_part = sum(arm is not None for arm in few.values())
        assert 230 < taking_part < 370
        framework.ramp("t", 0.6)
        more = arms()
        assert all(more[unit] == arm for unit, arm in few.items() if arm)
        assert 1650 < sum(arm is not None for arm in more.values()) < 1950
        framework.ramp("t", 0.1)
        assert arms() == few
        assert [each["action"] for each in framework.get_decisions("t")] == ["ramped", "ramped"]

    def test_assign_in_one_layer_shares_no_units(self) -> None:
        framework = ABTestFramework()
        framework.create_test("x", "a", "b", layer="prompt", ramp=0.5)
        framework.create_test("y", "a", "c", layer="prompt", ramp=0.4)
        framework.create_test("z", "a", "c", ramp=1.0)
        units = [f"u{number}" for number in range(2000)]
        x, y = ({unit for unit in units if framework.assign(test, unit)} for test in ("x", "y"))
        assert not x & y
        assert 850 < len(x) < 1150
        assert all(framework.assign("z", unit) for unit in units)
        with pytest.raises(ConflictError, match=r"the layer has 10.0% of the units left, not 20.0%"):
            framework.create_test("w", "a", "d", layer="prompt", ramp=0.2)
        with pytest.raises(ConflictError, match="the layer has 60.0% of the units left, not 70.0%"):
            framework.ramp("x", 0.7)
        framework.record_samples("y", rows(0.5, 0.5, 1))
        framework.conclude_test("y")
        framework.ramp("x", 0.7)
        assert framework.assign("y", "u1") is None

    def test_ramped_with_taken_slots_returns_free_ones(self) -> None:
        assert ramped([], [[[0, 100], [200, 1000]]], 0.05) == [[100, 150]]
        assert ramped([[100, 150]], [[[0, 100], [200, 1000]]], 0.1) == [[100, 200]]
        assert ramped([[10, 20], [0, 5]], [], 0.017) == [[0, 7], [10, 20]]
        assert ramped([[0, 1000]], [], 0.0) == []
        assert not takes_part("t", "u", [])


class TestPolicy:
    def registered(self) -> ModelRegistry:
        registry = ModelRegistry()
        for _ in range(2):
            registry.register_model("lamp", "base", "job", 10)
        registry.deploy_model("lamp", 1)
        return registry

    def test_auto_test_with_winner_deploys_it_and_ends(self, database: Database) -> None:
        registry = self.registered()
        framework = ABTestFramework()
        framework.create_test("auto", "lamp-v1", "lamp-v2", auto=True)
        framework.record_samples("auto", rows(0.5, 0.9, 20))
        assert registry.get_deployment_status()["lamp"]["version"] == 1
        framework.record_samples("auto", rows(0.5, 0.9, 300))
        assert registry.get_deployment_status()["lamp"]["version"] == 2
        assert framework.monitor("auto").status == "completed"
        (decided,) = framework.get_decisions("auto")
        assert (decided["action"], decided["model"]) == ("promoted", "lamp-v2")
        assert registry.history("lamp")[-1]["reason"].startswith("A/B test auto: score 0.8875 against 0.4188")
        assert framework.record_samples("auto", rows(0.5, 0.9, 1))["refused"] == 2

    def test_auto_test_with_deployed_loser_rolls_back(self) -> None:
        registry = self.registered()
        registry.deploy_model("lamp", 2)
        framework = ABTestFramework()
        framework.create_test("auto", "lamp-v1", "lamp-v2", auto=True)
        framework.record_samples("auto", rows(0.9, 0.5, 300))
        assert registry.get_deployment_status()["lamp"]["version"] == 1
        assert [each["action"] for each in framework.get_decisions("auto")] == ["rolled_back"]

    def test_auto_test_of_equivalent_models_keeps_model_a(self) -> None:
        registry = self.registered()
        framework = ABTestFramework()
        framework.create_test("auto", "lamp-v1", "lamp-v2", auto=True, design="fixed", planned=100)
        framework.record_samples("auto", rows(0.8, 0.8, 100))
        (decided,) = framework.get_decisions("auto")
        assert (decided["action"], decided["model"]) == ("kept", "lamp-v1")
        assert registry.get_deployment_status()["lamp"]["version"] == 1

    def test_ratio_check_counts_shares_and_not_the_order(self) -> None:
        framework = started()
        one_side = [[{"model": arm, "score": 1.0}] * 300 for arm in ("model_a", "model_b")]
        framework.record_samples("t", one_side[0])
        assert "300 and 0 samples" in framework.monitor("t").withheld
        framework.record_samples("t", one_side[1])
        result = framework.monitor("t")
        assert (result.withheld, result.ratio_mismatch_p) == ("", 1.0)
        log = framework.get_decisions("t")
        assert [each["action"] for each in log] == ["ratio_failed", "ratio_passed"]
        assert log[-1]["reason"] == "the models have their shares again: 300 and 300"

    def test_auto_test_with_sample_ratio_mismatch_decides_nothing(self) -> None:
        self.registered()
        framework = ABTestFramework()
        framework.create_test("auto", "lamp-v1", "lamp-v2", auto=True)
        framework.record_samples("auto", [*[{"model": "model_a", "score": 0.0}] * 900, *rows(0.1, 0.9, 300)])
        assert framework.monitor("auto").withheld
        assert [each["action"] for each in framework.get_decisions("auto")] == ["ratio_failed"]


def test_monitor_of_concluded_test_with_unknown_guardrails_reads_them() -> None:
    framework = started(guardrails=[{"measure": "cost", "margin": 0.1}, {"measure": "latency", "margin": 0.1}])
    framework.record_samples("t", [{"model": arm, "score": 1.0} for arm in ("model_a", "model_b")])
    concluded = framework.conclude_test("t")
    again = framework.monitor("t")
    assert f"{again.guardrails}" == f"{concluded.guardrails}"
    assert [(rail["status"], math.isnan(rail["model_a"]), rail["high"]) for rail in again.guardrails] == [
        ("open", True, math.inf)
    ] * 2
