"""Macro-averages with their intervals, and the difference of two models' ones."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import numpy as np
import pytest

from fine_tuning.evaluation import intervals, label_averages
from fine_tuning.evaluation.precision_recall_f1 import macro_averages
from fine_tuning.model_evaluator import ModelEvaluator


def test_figures_equal_macro_averages_and_lie_within_their_intervals() -> None:
    rng = np.random.default_rng(1)
    references = [f"label {each}" for each in rng.integers(3, size=60)]
    labels = ["other" if chance < 0.1 else each for chance, each in zip(rng.random(60), references, strict=True)]
    found = label_averages.figures([*zip(labels, references, strict=True)])
    assert [each.value for each in found.values()] == pytest.approx([*macro_averages(labels, references)])
    assert all(0 <= each.low < each.value <= each.high <= 1 for each in found.values())


def test_figures_of_right_answers_alone_are_not_certain() -> None:
    found = label_averages.figures([("yes", "yes"), ("no", "no")] * 10)["macro_f1"]
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.8 < found.low <= intervals.wilson(20, 20)[0]
    rare = label_averages.figures([("yes", "yes")] * 18 + [("no", "no")] * 2)["macro_f1"]
    assert rare.low < found.low  # of one of both labels there are two examples
    users = label_averages.figures([("yes", "yes"), ("no", "no")] * 10, [at // 2 for at in range(20)])["macro_f1"]
    assert users.low < found.low


@pytest.mark.parametrize("pairs", [[], [("yes", "yes")] * 9])
def test_figures_of_few_examples_have_no_interval(pairs: list[tuple[str, str]]) -> None:
    assert all(isnan(each.low) and isnan(each.high) for each in label_averages.figures(pairs).values())


def test_comparison_of_evaluations_has_the_difference_of_averages(tmp_path: Path) -> None:
    evaluator = ModelEvaluator(tmp_path / "evaluations.db")
    references = ["yes", "no"] * 20
    evaluator.evaluate(["yes"] * 40, references, "always yes")
    evaluator.evaluate(references, references, "right")
    changes = {each["metric"]: each for each in evaluator.compare_evaluations("always yes", "right")["changes"]}
    f1 = changes["macro_f1"]
    assert (f1["first"], f1["second"]) == (pytest.approx((2 / 3 + 0) / 2), 1.0)
    assert f1["low"] > 0
    assert f1["p_value"] < 0.05


def test_comparison_of_free_texts_has_no_averages(tmp_path: Path) -> None:
    evaluator = ModelEvaluator(tmp_path / "evaluations.db")
    references = [f"text {each}" for each in range(12)]
    for name in ("first", "second"):
        evaluator.evaluate(references, references, name)
    assert [each["metric"] for each in evaluator.compare_evaluations("first", "second")["changes"]] == ["exact_match"]
