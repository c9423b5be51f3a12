"""Recommendations: decided by code and arm, never by the text, and from the nineteen fields of a result alone."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework, ABTestResult, ModelRegistry
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.store.database import Database
from tests.experiments.test_designs import rows

NO_DIFFERENCE = "TIE: no difference found in the planned samples (p = 1)"  # the text of a fixed test of equal models


def by_hand(**changes: Any) -> ABTestResult:
    """A result with the nineteen fields of the contract and no other."""
    known: dict[str, Any] = {
        "test_id": "t",
        "model_a": "old",
        "model_b": "new",
        "status": "completed",
        "total_samples": 200,
        "model_a_accuracy": 0.85,
        "model_b_accuracy": 0.92,
        "accuracy_improvement": 0.07,
        "model_a_avg_latency": 100.0,
        "model_b_avg_latency": 100.0,
        "latency_improvement": 0.0,
        "model_a_cost_per_inference": 0.002,
        "model_b_cost_per_inference": 0.002,
        "cost_improvement": 0.0,
        "statistical_significance": True,
        "confidence_level": 0.95,
        "started_at": "2026-11-01T00:00:00+00:00",
        "completed_at": "2026-11-02T00:00:00+00:00",
        "metadata": {},
    }
    values = known | changes
    values["accuracy_improvement"] = values["model_b_accuracy"] - values["model_a_accuracy"]
    values["latency_improvement"] = values["model_a_avg_latency"] - values["model_b_avg_latency"]
    if None not in (values["model_a_cost_per_inference"], values["model_b_cost_per_inference"]):
        values["cost_improvement"] = values["model_a_cost_per_inference"] - values["model_b_cost_per_inference"]
    return ABTestResult(**values)


def recommended(**changes: Any) -> str:
    return ABTestFramework().recommend_winner(by_hand(**changes))


def deployed(name: str, versions: int = 2) -> ModelRegistry:
    """A registry with so many versions of a model, the first deployed."""
    registry = ModelRegistry()
    for _ in range(versions):
        registry.register_model(name, "base", "job", 10)
    registry.deploy_model(name, 1)
    return registry


class TestNineteenFields:
    def test_recommend_winner_of_significant_result_is_better_model(self) -> None:
        assert recommended() == "new"
        assert recommended(model_a_accuracy=0.92, model_b_accuracy=0.85) == "old"

    def test_recommend_winner_of_significant_result_ignores_latency_and_cost(self) -> None:
        slow = {"model_b_avg_latency": 900.0, "model_b_cost_per_inference": 0.2}
        assert recommended(**slow) == "new"
        fast = {"model_b_avg_latency": 1.0, "model_b_cost_per_inference": 0.0}
        assert recommended(model_a_accuracy=0.92, model_b_accuracy=0.85, **fast) == "old"

    def test_recommend_winner_of_significant_result_with_named_arms_keeps_names(self) -> None:
        assert recommended(model_a="model_a", model_b="model_b") == "model_b"

    @pytest.mark.parametrize("name", ["TIE", "TIE ...", "TIER-1", "TIE: equivalent"])
    def test_recommend_winner_with_model_called_tie_returns_its_name(self, name: str) -> None:
        assert recommended(model_b=name) == name
        assert recommended(model_a=name, model_a_accuracy=0.99) == name

    def test_recommend_winner_of_insignificant_result_is_tie_with_figures(self) -> None:
        found = recommended(statistical_significance=False, model_b_accuracy=0.86)
        assert found.startswith("TIE: undecided after 200 samples: the accuracy of new is +1.0 points against old")
        assert "nan" not in found

    def test_recommend_winner_of_insignificant_result_weighs_latency_and_cost(self) -> None:
        even = {"statistical_significance": False, "total_samples": 20_000, "model_b_accuracy": 0.85}
        assert recommended(**even, model_b_avg_latency=50.0) == "new"
        assert recommended(**even, model_b_cost_per_inference=0.001) == "new"
        assert recommended(**even, model_b_avg_latency=200.0) == "old"
        # Half the latency and two thirds of the cost outweigh nothing: 0.2 each, of the larger figure.
        assert recommended(**even, model_b_avg_latency=50.0, model_b_cost_per_inference=0.003) == "new"
        assert recommended(**even, model_b_avg_latency=90.0, model_b_cost_per_inference=0.004) == "old"

    def test_recommend_winner_of_equal_figures_is_equivalent(self) -> None:
        even = {"statistical_significance": False, "total_samples": 20_000, "model_b_accuracy": 0.85}
        assert recommended(**even).startswith("TIE: equivalent: ")
        # Their spread is not among the fields: a difference of a few percent may be noise.
        assert recommended(**even, model_b_avg_latency=97.0).startswith("TIE: equivalent: ")

    def test_recommend_winner_of_cheaper_model_that_may_be_worse_is_tie(self) -> None:
        cheap = {"model_b_avg_latency": 10.0, "model_b_cost_per_inference": 0.0}
        assert recommended(statistical_significance=False, model_b_accuracy=0.80, **cheap).startswith("TIE: undecided")

    @pytest.mark.parametrize("unknown", [math.nan, None])
    def test_recommend_winner_with_unknown_costs_uses_other_fields(self, unknown: float | None) -> None:
        costs = {
            "model_a_cost_per_inference": unknown,
            "model_b_cost_per_inference": unknown,
            "cost_improvement": unknown,
        }
        assert recommended(**costs) == "new"
        even = {"statistical_significance": False, "total_samples": 20_000, "model_b_accuracy": 0.85}
        assert recommended(**costs, **even).startswith("TIE: equivalent")
        assert recommended(**costs, **even, model_b_avg_latency=50.0) == "new"

    def test_recommend_winner_without_samples_is_tie(self) -> None:
        empty = {"total_samples": 0, "statistical_significance": False}
        assert recommended(**empty, model_a_accuracy=math.nan, model_b_accuracy=math.nan).startswith(
            "TIE: no samples for old yet"
        )
        assert recommended(**empty, model_a_accuracy=0.0, model_b_accuracy=0.0).startswith("TIE: no samples for old")
        one = {"total_samples": 20, "statistical_significance": False}
        assert recommended(**one, model_b_accuracy=math.nan).startswith("TIE: no samples for new yet")

    @pytest.mark.parametrize("size", [1, 2, 3, 19])
    def test_recommend_winner_of_few_samples_is_undecided(self, size: int) -> None:
        few = {"total_samples": size, "statistical_significance": False, "model_b_avg_latency": 1.0}
        assert recommended(**few).startswith(f"TIE: undecided after {size} samples")

    @pytest.mark.parametrize("level", [0.0, 1.0, 95, math.nan])
    def test_recommend_winner_with_odd_confidence_level_is_undecided(self, level: float) -> None:
        assert recommended(confidence_level=level) == "new"
        assert recommended(confidence_level=level, statistical_significance=False).startswith("TIE: undecided")

    def test_recommend_winner_of_scores_beyond_rates_is_decided_by_significance(self) -> None:
        assert recommended(model_a_accuracy=3.1, model_b_accuracy=4.2) == "new"
        beyond = {"model_a_accuracy": 3.1, "model_b_accuracy": 4.2, "model_b_avg_latency": 1.0}
        assert recommended(**beyond, statistical_significance=False).startswith("TIE: undecided")

    def test_recommend_winner_of_zero_figures_is_tie(self) -> None:
        free = {"model_a_cost_per_inference": 0.0, "model_b_cost_per_inference": 0.0, "model_a_avg_latency": 0.0}
        assert recommended(**free, statistical_significance=False, model_b_avg_latency=0.0).startswith("TIE")

    def test_recommend_winner_of_other_value_raises(self) -> None:
        with pytest.raises(UsageError, match="recommend_winner takes"):
            ABTestFramework().recommend_winner({"model_a": "a"})  # type: ignore[arg-type]


class TestExports:
    @staticmethod
    def exported(tmp_path: Path, rate_b: float, **more: Any) -> tuple[str, dict[str, Any]]:
        """What the framework recommends, and the test as its export has it."""
        framework = ABTestFramework()
        framework.create_test("t", "old", "new", **more)
        framework.record_samples("t", rows(0.5, rate_b, 300))
        framework.export_results(tmp_path / "results.json")
        advice = framework.recommend_winner(framework.monitor("t"))
        return advice, json.loads((tmp_path / "results.json").read_text())["t"]

    @pytest.mark.parametrize("rate_b", [0.5, 0.9, 0.1])
    def test_recommend_winner_of_loaded_export_is_the_same(self, tmp_path: Path, rate_b: float) -> None:
        advice, result = self.exported(tmp_path, rate_b, guardrails=[{"measure": "cost", "margin": 0.1}])
        assert result["model_a_cost_per_inference"] is None
        loaded = ABTestResult(**result)
        assert math.isnan(loaded.model_a_cost_per_inference)
        assert ABTestFramework().recommend_winner(loaded) == advice

    def test_recommend_winner_of_nineteen_exported_fields_names_winner(self, tmp_path: Path) -> None:
        _, result = self.exported(tmp_path, 0.9)
        nineteen = {name: result[name] for name in asdict(by_hand()) if name in list(result)[:19]}
        assert len(nineteen) == 19
        assert ABTestFramework().recommend_winner(ABTestResult(**nineteen)) == "new"

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("model_a_accuracy", "0.85", "model_a_accuracy must be a number, not '0.85'"),
            ("total_samples", "200", "total_samples must be a whole number, not '200'"),
            ("total_samples", None, "total_samples must be a whole number, not None"),
            ("statistical_significance", "False", "statistical_significance must be true or false, not 'False'"),
        ],
    )
    def test_result_of_wrong_type_raises_one_line(self, name: str, value: Any, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            ABTestResult(**{**asdict(by_hand()), name: value})

    def test_result_of_numpy_figures_is_judged(self) -> None:
        figures = asdict(by_hand())
        result = ABTestResult(
            **{
                **figures,
                "model_a_accuracy": np.float32(figures["model_a_accuracy"]),
                "statistical_significance": np.bool_(figures["statistical_significance"]),
                "total_samples": np.int64(figures["total_samples"]),
            }
        )
        assert isinstance(result.statistical_significance, bool)
        assert ABTestFramework().recommend_winner(result) == ABTestFramework().recommend_winner(by_hand())

    def test_imported_export_of_nineteen_fields_is_judged(self, tmp_path: Path) -> None:
        nineteen = [field.name for field in fields(ABTestResult)][:19]
        result = asdict(by_hand())
        file = tmp_path / "older.json"
        file.write_text(json.dumps({"t": {name: result[name] for name in nineteen}}))
        framework = ABTestFramework(file)
        assert framework.recommend_winner(framework.monitor("t")) == "new"


class TestNamesLikeTexts:
    """Models whose names read like the text of a tie."""

    @pytest.mark.parametrize("name", ["TIE", "TIER-1", "TIE ..."])
    def test_auto_test_with_winning_model_a_called_tie_ends(self, database: Database, name: str) -> None:
        registry = deployed(name)
        framework = ABTestFramework()
        framework.create_test("auto", f"{name}-v1", f"{name}-v2", auto=True)
        framework.record_samples("auto", rows(0.9, 0.5, 300))
        assert framework.monitor("auto").status == "completed"
        assert [each["action"] for each in framework.get_decisions("auto")] == ["kept"]
        assert registry.get_deployment_status()[name]["version"] == 1

    def test_auto_test_with_deployed_loser_rolls_back_to_model_called_tie(self) -> None:
        registry = deployed("TIER-1")
        registry.deploy_model("TIER-1", 2)
        framework = ABTestFramework()
        framework.create_test("auto", "TIER-1-v1", "TIER-1-v2", auto=True)
        framework.record_samples("auto", rows(0.9, 0.5, 300))
        assert [each["action"] for each in framework.get_decisions("auto")] == ["rolled_back"]
        assert registry.get_deployment_status()["TIER-1"]["version"] == 1

    def test_auto_test_with_model_b_named_like_a_reason_promotes_nothing(self) -> None:
        registry = deployed("lamp", 1)
        registry.register_model(NO_DIFFERENCE, "base", "job", 10)
        framework = ABTestFramework()
        framework.create_test("auto", "lamp-v1", NO_DIFFERENCE, auto=True, design="fixed", planned=20)
        same = [{"model": arm, "score": 1.0} for _ in range(20) for arm in ("model_a", "model_b")]
        framework.record_samples("auto", same)
        assert framework.recommend_winner(framework.monitor("auto")) == NO_DIFFERENCE
        assert [(each["action"], each["model"]) for each in framework.get_decisions("auto")] == [("kept", "lamp-v1")]
        assert NO_DIFFERENCE not in registry.get_deployment_status()

    def test_experiment_gate_with_model_named_like_a_reason_stays_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "experiment")
        registry, framework = ModelRegistry(), ABTestFramework()
        registry.register_model(NO_DIFFERENCE, "base", "job", 10)
        framework.create_test("t", "big", NO_DIFFERENCE, design="fixed", planned=20)
        framework.record_samples(
            "t", [{"model": arm, "score": 1.0} for _ in range(20) for arm in ("model_a", "model_b")]
        )
        framework.conclude_test("t")
        with pytest.raises(ConflictError, match="has won no concluded A/B test"):
            registry.deploy_model(NO_DIFFERENCE, 1)

    def test_experiment_gate_of_winner_called_tie_opens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "experiment")
        registry, framework = ModelRegistry(), ABTestFramework()
        registry.register_model("TIER-1", "base", "job", 10)
        framework.create_test("t", "big", "TIER-1-v1")
        framework.record_samples("t", rows(0.5, 0.9, 300))
        framework.conclude_test("t")
        assert registry.deploy_model("TIER-1", 1) == 1
