"""The 35 tests of the quick reference: the contract as its users know it."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from src.fine_tuning import (
    ABTestFramework,
    CostTracker,
    DatasetBuilder,
    ModelEvaluator,
    ModelRegistry,
    prepare_fine_tuning_dataset,
)
from src.fine_tuning.errors import DataError, NotFoundError, UsageError

from fine_tuning.distillation import DistillationDataCollector

Examples = list[dict[str, Any]]


def capture(examples: Examples) -> None:
    collector = DistillationDataCollector()
    for example in examples:
        collector.capture_success(**example)


@pytest.mark.usefixtures("database")
class TestDatasetBuilder:
    def test_builds_from_distillation_by_rating_and_domain(self, examples: Examples) -> None:
        capture(examples)
        builder = DatasetBuilder()
        found = builder.build_from_distillation(min_rating=5, domain="support")
        assert len(found) == 5
        assert {(example["domain"], example["rating"]) for example in found} == {("support", 5)}
        assert len(builder.build_from_distillation(min_rating=4, limit=7)) == 7

    def test_validates_examples(self, examples: Examples) -> None:
        bad = [{"prompt": "short", "response": "x" * 30}, {"prompt": "a long enough prompt"}, {"response": ""}]
        report = DatasetBuilder().validate_examples([*examples, *bad])
        assert (report["total"], report["valid"], report["invalid"]) == (23, 20, 3)
        assert report["validation_rate"] == pytest.approx(20 / 23)
        assert report["invalid_examples"][0]["issues"] == ["Prompt too short (5 of 10 characters)"]
        assert report["invalid_examples"][2]["issues"] == ["Missing prompt", "Missing response"]

    def test_converts_to_openai_format(self, examples: Examples) -> None:
        row = DatasetBuilder().to_openai_format(examples)[0]
        assert row == {
            "messages": [
                {"role": "user", "content": examples[0]["prompt"]},
                {"role": "assistant", "content": examples[0]["response"]},
            ]
        }

    def test_converts_to_alpaca_format(self, examples: Examples) -> None:
        row = DatasetBuilder().to_alpaca_format(examples)[3]
        assert row == {"instruction": examples[3]["prompt"], "input": "", "output": examples[3]["response"]}

    def test_converts_to_jsonl_format(self, examples: Examples) -> None:
        text = DatasetBuilder().to_jsonl_format(examples)
        assert [json.loads(line) for line in text.split("\n")] == examples

    def test_splits_train_and_test(self, examples: Examples) -> None:
        builder = DatasetBuilder()
        train, test = builder.split_train_test(examples, train_ratio=0.8)
        assert (len(train), len(test)) == (16, 4)
        assert sorted(e["prompt"] for e in train + test) == sorted(e["prompt"] for e in examples)
        assert (train, test) == builder.split_train_test(examples, train_ratio=0.8)

    def test_saves_dataset_in_each_format(self, examples: Examples, tmp_path: Path) -> None:
        builder = DatasetBuilder(output_dir=tmp_path / "out")
        paths = [builder.save_dataset(examples, "mine", format=name) for name in ("openai", "alpaca", "jsonl")]
        assert [Path(path).name for path in paths] == ["mine.jsonl", "mine.json", "mine.jsonl"]
        assert len(json.loads(Path(paths[1]).read_text())) == 20
        assert len(Path(paths[2]).read_text().splitlines()) == 20
        with pytest.raises(UsageError, match="unknown data set format 'parquet'"):
            builder.save_dataset(examples, "mine", format="parquet")

    def test_describes_dataset(self, examples: Examples) -> None:
        stats = DatasetBuilder().get_dataset_stats(examples)
        assert stats["total_examples"] == 20
        assert stats["domains"] == {"data_analysis": 10, "support": 10}
        assert stats["ratings"] == {4: 10, 5: 10}
        assert stats["avg_prompt_length"] == sum(len(e["prompt"]) for e in examples) / 20

    def test_prepares_dataset_in_one_step(self, examples: Examples, tmp_path: Path) -> None:
        capture(examples)
        path = prepare_fine_tuning_dataset(tmp_path, "openai", min_rating=4, domain="support")
        assert len(Path(path).read_text().splitlines()) == 10
        with pytest.raises(DataError, match="no valid training examples with rating >= 4, domain legal"):
            prepare_fine_tuning_dataset(tmp_path, "openai", min_rating=4, domain="legal")


@pytest.mark.usefixtures("database")
class TestModelEvaluator:
    def test_exact_match(self) -> None:
        result = ModelEvaluator().evaluate_exact_match(
            ["a ", "b", "x", "c"], ["a", "b", "b", "c"], "m", "base", latencies_ms=[10, 20, 30, 40]
        )
        assert (result.accuracy, result.avg_latency_ms, result.test_set_size) == (0.75, 25, 4)
        assert result.recall == pytest.approx((1 + 0.5 + 1) / 3)
        assert result.precision == 1

    def test_perfect_run_scores_one_everywhere(self) -> None:
        result = ModelEvaluator().evaluate_exact_match(["a", "b"], ["a", "b"], "m", "fine_tuned")
        assert (result.accuracy, result.precision, result.recall, result.f1_score) == (1, 1, 1, 1)

    def test_substring_match(self) -> None:
        result = ModelEvaluator().evaluate_substring_match(["Paris", "", "rome"], ["In paris.", "x", "Milan"], "m")
        assert result.accuracy == pytest.approx(1 / 3)

    def test_compares_models(self) -> None:
        evaluator = ModelEvaluator()
        base = evaluator.evaluate_exact_match(["a", "x"], ["a", "b"], "base", "base", [200, 200], 0.002)
        tuned = evaluator.evaluate_exact_match(["a", "b"], ["a", "b"], "tuned", "fine_tuned", [100, 100], 0.001)
        comparison = evaluator.compare_models(base, tuned)
        assert comparison["accuracy_delta"] == 0.5
        assert comparison["accuracy_improvement_pct"] == 100
        assert (comparison["latency_delta_ms"], comparison["latency_improvement_pct"]) == (100, 50)
        assert comparison["cost_delta"] == pytest.approx(0.001)
        assert comparison["finetuned_metrics"]["model_name"] == "tuned"

    def test_calculates_roi(self) -> None:
        roi = ModelEvaluator().calculate_roi(0.002, 0.001, 0.1, 10_000)
        assert roi["cost_savings"] == pytest.approx(10)
        assert roi["value_from_improvement"] == pytest.approx(10_000)
        assert roi["total_roi"] == pytest.approx(10_010)
        assert roi["payback_period_inferences"] == 10_000

    def test_summarises_and_exports_results(self, tmp_path: Path) -> None:
        evaluator = ModelEvaluator()
        assert evaluator.get_results_summary() == {"total_evaluations": 0, "models": {}}
        evaluator.evaluate_exact_match(["a"], ["b"], "m")
        evaluator.evaluate_exact_match(["a"], ["a"], "m")
        summary = ModelEvaluator().get_results_summary()
        assert summary["total_evaluations"] == 2
        assert summary["models"]["m"]["latest_accuracy"] == 1
        evaluator.export_results(tmp_path / "results.json")
        assert [row["accuracy"] for row in json.loads((tmp_path / "results.json").read_text())] == [0, 1]


@pytest.mark.usefixtures("database")
class TestABTesting:
    @staticmethod
    def record(framework: ABTestFramework, test_id: str, right_a: int, right_b: int, of: int) -> None:
        for index in range(of):
            for arm, right in (("model_a", right_a), ("model_b", right_b)):
                # Spread the right answers evenly, as they come in life.
                is_right = (index * right) // of != ((index + 1) * right) // of
                framework.record_sample(test_id, arm, "yes" if is_right else "no", "yes", 100.0, 0.001)

    def test_creates_test(self) -> None:
        test = ABTestFramework().create_test("t1", "old", "new", metadata={"team": "inbox"})
        assert (test["test_id"], test["model_a"], test["model_b"]) == ("t1", "old", "new")
        assert (test["status"], test["metadata"]) == ("running", {"team": "inbox"})

    def test_records_samples(self) -> None:
        framework = ABTestFramework()
        framework.create_test("t1", "old", "new")
        assert framework.record_sample("t1", "model_a", "x", "x", 12.5, 0.001)
        assert not framework.record_sample("unknown", "model_a", "x", "x", 12.5, 0.001)
        result = ABTestFramework().get_test_results("t1")
        assert (result.total_samples, result.model_a_accuracy, result.model_a_avg_latency) == (1, 1, 12.5)

    def test_concludes_with_significant_difference(self) -> None:
        framework = ABTestFramework()
        framework.create_test("t1", "old", "new")
        self.record(framework, "t1", 60, 90, of=100)
        result = framework.conclude_test("t1")
        assert result.statistical_significance
        assert (result.status, result.total_samples, result.confidence_level) == ("completed", 200, 0.95)
        assert (result.model_a_accuracy, result.model_b_accuracy) == (0.6, 0.9)
        assert result.accuracy_improvement == pytest.approx(0.3)
        assert framework.recommend_winner(result) == "new"

    def test_concludes_without_significant_difference(self) -> None:
        framework = ABTestFramework()
        framework.create_test("t1", "old", "new")
        self.record(framework, "t1", 25, 26, of=50)
        result = framework.conclude_test("t1")
        assert not result.statistical_significance
        assert framework.recommend_winner(result).startswith("TIE: undecided after 50 and 50 samples")

    def test_chi_squared(self) -> None:
        framework = ABTestFramework()
        assert framework._chi_squared_test(0.50, 0.70, 1000, 1000) is True
        assert framework._chi_squared_test(0.50, 0.51, 50, 50) is False

    def test_lists_and_exports_results(self, tmp_path: Path) -> None:
        framework = ABTestFramework()
        for test_id in ("t1", "t2"):
            framework.create_test(test_id, "old", "new")
        self.record(framework, "t2", 1, 2, of=2)
        assert list(framework.get_all_results()) == ["t1", "t2"]
        framework.export_results(tmp_path / "ab.json")
        exported = json.loads((tmp_path / "ab.json").read_text())
        assert exported["t1"]["model_a_accuracy"] is None
        assert exported["t2"]["model_b_accuracy"] == 1


@pytest.mark.usefixtures("database")
class TestModelRegistry:
    @pytest.fixture
    def registry(self) -> ModelRegistry:
        registry = ModelRegistry()
        registry.register_model("m", "base", "job-1", 500, accuracy=0.9, cost=50.0)
        registry.register_model("m", "base", "job-2", 600, accuracy=0.95, cost=60.0)
        return registry

    def test_registers_versions(self, registry: ModelRegistry) -> None:
        record = registry.register_model("m", "base", "job-3", 700, metadata={"note": "x"})
        assert (record["version"], record["status"], record["metadata"]) == (3, "READY", {"note": "x"})
        assert (record["accuracy"], record["cost"], record["deployed_at"]) == (None, 0.0, None)

    def test_gets_version(self, registry: ModelRegistry) -> None:
        latest, first = registry.get_model_version("m"), registry.get_model_version("m", 1)
        assert latest is not None
        assert first is not None
        assert (latest["version"], first["job_id"]) == (2, "job-1")
        assert registry.get_model_version("m", 9) is None

    def test_lists_versions_ascending(self, registry: ModelRegistry) -> None:
        assert [record["version"] for record in registry.list_model_versions("m")] == [1, 2]
        assert registry.list_model_versions("unknown") == []

    def test_deploys_one_version_at_a_time(self, registry: ModelRegistry) -> None:
        assert registry.set_model_status("m", "DEPLOYED", 1)
        assert registry.set_model_status("m", "DEPLOYED")
        assert [record["status"] for record in registry.list_model_versions("m")] == ["ARCHIVED", "DEPLOYED"]
        assert ModelRegistry().get_deployment_status()["m"]["version"] == 2
        assert not registry.set_model_status("unknown", "READY")
        with pytest.raises(UsageError, match="unknown status 'LIVE'"):
            registry.set_model_status("m", "LIVE")

    def test_rolls_back(self, registry: ModelRegistry) -> None:
        registry.set_model_status("m", "DEPLOYED", 2)
        assert registry.rollback_model("m", 1)
        assert [record["status"] for record in registry.list_model_versions("m")] == ["DEPLOYED", "ARCHIVED"]
        with pytest.raises(NotFoundError, match="m has no version 7; it has 1, 2"):
            registry.rollback_model("m", 7)

    def test_sums_costs_and_stats(self, registry: ModelRegistry) -> None:
        assert registry.get_cost_summary("m")["models"]["m"] == {"versions": 2, "cost": 110.0}
        assert registry.get_cost_summary()["total_cost"] == 110.0
        stats = registry.get_registry_stats()
        assert (stats["total_models"], stats["total_versions"], stats["deployed_models"]) == (1, 2, 0)

    def test_exports_registry(self, registry: ModelRegistry, tmp_path: Path) -> None:
        registry.export_registry(tmp_path / "registry.json")
        exported = json.loads((tmp_path / "registry.json").read_text())
        assert [record["accuracy"] for record in exported["m"]] == [0.9, 0.95]


@pytest.mark.usefixtures("database")
class TestCostTracker:
    @pytest.fixture
    def tracker(self) -> CostTracker:
        tracker = CostTracker()
        tracker.record_training_job("job-1", "m", "base", 500, 100_000, 5.0)
        for cost in (0.0005, 0.0015):
            tracker.record_inference("m", 300, cost, is_fine_tuned=True)
        return tracker

    def test_records_training_job(self, tracker: CostTracker) -> None:
        job = tracker.get_job_cost("job-1")
        assert job is not None
        assert (job["model_name"], job["training_tokens"], job["total_cost"]) == ("m", 100_000, 5.0)
        assert tracker.get_model_training_cost("m") == 5.0
        assert tracker.get_job_cost("unknown") is None

    def test_records_inference(self, tracker: CostTracker) -> None:
        costs = tracker.get_inference_costs("m")["m"]
        assert (costs["count"], costs["tokens"]) == (2, 600)
        assert costs["total"] == pytest.approx(0.002)

    def test_summarises_costs(self, tracker: CostTracker) -> None:
        summary = tracker.get_cost_summary()
        assert summary["total_training_cost"] == 5.0
        assert summary["total_inference_cost"] == pytest.approx(0.002)
        assert summary["total_cost"] == pytest.approx(5.002)

    def test_calculates_roi(self, tracker: CostTracker) -> None:
        roi = tracker.calculate_roi("m", base_model_inference_cost=0.002, expected_inference_count=10_000)
        assert roi.inference_cost_per_call == pytest.approx(0.001)
        assert roi.break_even_inferences == pytest.approx(5_000)
        assert roi.roi_at_expected == pytest.approx((10 - 5) / 5)
        assert roi.payback_days == pytest.approx(15)
        unknown = tracker.calculate_roi("other", base_model_inference_cost=0.002, expected_inference_count=10_000)
        assert isnan(unknown.roi_at_expected)
        assert len(unknown.unknown) == 3  # its training, its price, its accuracy

    def test_exports_costs(self, tracker: CostTracker, tmp_path: Path) -> None:
        tracker.export_costs(tmp_path / "costs.json")
        exported = json.loads((tmp_path / "costs.json").read_text())
        assert exported["jobs"]["job-1"]["total_cost"] == 5.0
        assert len(exported["inferences"]) == 2


@pytest.mark.usefixtures("database")
class TestIntegration:
    def test_from_captured_calls_to_deployed_model(self, examples: Examples) -> None:
        capture(examples)
        builder = DatasetBuilder()
        train, _ = builder.split_train_test(builder.build_from_distillation(min_rating=4))
        builder.save_dataset(train, "dataset", format="openai")
        registry = ModelRegistry()
        registry.register_model("my-model", "base", "ftjob-1", len(train), accuracy=0.9, cost=50.0)
        framework = ABTestFramework()
        framework.create_test("rollout", "base", "my-model")
        TestABTesting.record(framework, "rollout", 50, 90, of=100)
        winner = framework.recommend_winner(framework.conclude_test("rollout"))
        assert winner == "my-model"
        registry.set_model_status(winner, "DEPLOYED")
        assert registry.get_deployment_status()["my-model"]["dataset_size"] == 16

    def test_roi_from_registry_and_ab_samples(self) -> None:
        ModelRegistry().register_model("my-model", "base", "ftjob-1", 500, cost=5.0)
        framework = ABTestFramework()
        framework.create_test("t", "base", "my-model")
        TestABTesting.record(framework, "t", 5, 9, of=10)
        roi = CostTracker().calculate_roi("my-model", base_model_inference_cost=0.002, expected_inference_count=10_000)
        assert (roi.training_cost, roi.inference_cost_per_call) == (5.0, pytest.approx(0.001))
        assert roi.roi_at_expected == pytest.approx(1.0)
