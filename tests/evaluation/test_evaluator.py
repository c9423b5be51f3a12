"""Metrics against published values and definitions."""

from __future__ import annotations

from math import isnan

import pytest

from fine_tuning import ModelEvaluator
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import exact_match, substring_match
from fine_tuning.evaluation.intervals import wilson
from fine_tuning.evaluation.precision_recall_f1 import macro_averages
from fine_tuning.store.database import Database


def test_wilson_matches_published_interval() -> None:
    assert wilson(17, 20) == pytest.approx((0.640, 0.948), abs=5e-4)
    for size in range(1, 100):
        assert (wilson(0, size)[0], wilson(size, size)[1]) == (0, 1)
    assert all(isnan(bound) for bound in wilson(0, 0))


def test_macro_averages_weight_labels_equally() -> None:
    references = ["a"] * 8 + ["b"] * 2
    averages = macro_averages(["a"] * 10, references)
    assert averages.precision == pytest.approx((0.8 + 0) / 2)
    assert averages.recall == pytest.approx((1 + 0) / 2)
    assert averages.f1 == pytest.approx((2 * 0.8 / 1.8 + 0) / 2)
    assert macro_averages(references, references) == (1, 1, 1)
    assert all(isnan(value) for value in macro_averages([], []))


def test_exact_and_substring_match_rules() -> None:
    assert exact_match.matches(" a\n", "a")
    assert not exact_match.matches("A", "a")
    assert substring_match.matches("PARIS", "in Paris")
    assert not substring_match.matches(" ", "anything")
    assert not substring_match.matches("in Paris, France", "Paris")


def test_evaluate_without_examples_is_nan(database: Database) -> None:
    result = ModelEvaluator().evaluate_exact_match([], [], "m")
    assert isnan(result.accuracy)
    assert isnan(result.f1_score)
    assert isnan(result.avg_latency_ms)
    assert isnan(ModelEvaluator().get_results()[0].accuracy)


@pytest.mark.parametrize(
    ("predictions", "references", "more", "message"),
    [
        (["a"], ["a", "b"], {}, "1 predictions for 2 references"),
        (["a"], [None], {}, "example 1: predictions and references must be text, not NoneType"),
        (["a"], ["a"], {"latencies_ms": [1.0, 2.0]}, "2 latencies for 1 predictions"),
        (["a"], ["a"], {"latencies_ms": [-1.0]}, "latency_ms must be a number of 0 or more, not -1.0"),
        (["a"], ["a"], {"model_type": "other"}, "unknown model type 'other'"),
    ],
)
def test_evaluate_bad_arguments_raises_one_line(
    predictions: object, references: object, more: dict, message: str
) -> None:
    evaluator = ModelEvaluator()
    with pytest.raises(UsageError, match=message):
        evaluator.evaluate_exact_match(predictions, references, "m", **more)  # type: ignore[arg-type]
    assert evaluator.get_results() == []


def test_calculate_roi_without_gain_is_nan_or_inf() -> None:
    evaluator = ModelEvaluator()
    assert evaluator.calculate_roi(0.001, 0.002, 0.0, 100)["payback_period_inferences"] == float("inf")
    assert isnan(evaluator.calculate_roi(0.002, float("nan"), 0.1, 100)["payback_period_inferences"])
    paid = evaluator.calculate_roi(0.002, 0.001, 0.0, 10_000, training_cost=5.0)
    assert paid["payback_period_inferences"] == pytest.approx(5_000)
    assert paid["total_roi"] == pytest.approx(5.0)
    with pytest.raises(UsageError, match="accuracy_improvement must be between -1 and 1, not 12"):
        evaluator.calculate_roi(0.002, 0.001, 12, 100)
