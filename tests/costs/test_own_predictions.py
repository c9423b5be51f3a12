"""References that are the incumbent's predictions in the same test or evaluation give agreement, without dollars."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelEvaluator, ModelRegistry
from fine_tuning.store.database import Database

NUMBERS = range(100)
ANSWERS = [f"Order {number} was sent." for number in NUMBERS]
QUESTIONS = [f"Where is order {number}?" for number in NUMBERS]


@pytest.fixture(autouse=True)
def registered(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)


def returned() -> Any:
    return CostTracker().calculate_roi("m", 0.1, 1000, cost_per_error=10.0, incumbent="gpt-4.1")


def sample(references: list[str], answers: list[str | None], others: list[str], is_a: bool = True) -> None:
    tests = ABTestFramework()
    tests.create_test("t", *(("gpt-4.1", "m-v1") if is_a else ("m-v1", "gpt-4.1")))
    arms = ("model_a", "model_b") if is_a else ("model_b", "model_a")
    for place, (reference, *both) in enumerate(zip(references, answers, others, strict=True)):
        for arm, answer in zip(arms, both, strict=True):
            shared = {"reference": reference, "latency_ms": 1.0, "cost": 0.1, "sample_id": f"q{place}"}
            outcome = {"error": "timeout"} if answer is None else {}
            tests.record_samples("t", [{"model": arm, "prediction": answer, **shared, **outcome}])


def assert_agreement(expected: float) -> None:
    analysis = returned()
    assert analysis.agreement == pytest.approx(expected)
    assert isnan(analysis.accuracy_improvement)
    assert isnan(analysis.accuracy_value)
    assert "gpt-4.1's own answers" in analysis.unknown[-1]


@pytest.mark.parametrize("is_a", [True, False])
def test_predictions_as_references_of_a_test_are_agreement(is_a: bool) -> None:
    sample(ANSWERS, [*ANSWERS], ["?"] * 6 + ANSWERS[6:], is_a)
    assert_agreement(0.94)


def test_predictions_as_references_in_another_form_are_agreement() -> None:
    sample([f" {each.upper()}\n" for each in ANSWERS], [*ANSWERS], ["?"] * 6 + ANSWERS[6:])
    assert not isnan(returned().agreement)


@pytest.mark.parametrize("with_questions", [True, False])
def test_predictions_as_references_of_evaluations_are_agreement(with_questions: bool) -> None:
    questions = QUESTIONS if with_questions else None
    for name, answers in (("gpt-4.1", ANSWERS), ("m-v1", ["?"] * 11 + ANSWERS[11:])):
        ModelEvaluator().evaluate(answers, ANSWERS, name, questions=questions)
    assert_agreement(0.89)


def test_predictions_of_an_earlier_evaluation_as_references_are_agreement() -> None:
    ModelEvaluator().evaluate(ANSWERS, ["another text"] * 100, "gpt-4.1", questions=QUESTIONS)
    ModelEvaluator().evaluate(["?"] * 11 + ANSWERS[11:], ANSWERS, "m-v1", questions=QUESTIONS)
    assert_agreement(0.89)


@pytest.mark.parametrize("wrong", [1, 20])
def test_answers_that_are_not_all_the_references_are_accuracy(wrong: int) -> None:
    sample(ANSWERS, ["Lost."] * wrong + ANSWERS[wrong:], ["?"] * 40 + ANSWERS[40:])
    assert returned().accuracy_improvement == pytest.approx((wrong - 40) / 100)
    for name, answers in (("gpt-4.1", ["Lost."] * wrong + ANSWERS[wrong:]), ("m-v1", ["?"] * 50 + ANSWERS[50:])):
        ModelEvaluator().evaluate(answers, ANSWERS, name, questions=QUESTIONS)
    assert returned().accuracy_improvement == pytest.approx((wrong - 50) / 100)


def test_labels_that_the_incumbent_all_has_right_are_accuracy() -> None:
    labels = ["yes" if number % 2 else "no" for number in NUMBERS]
    sample(labels, [*labels], ["?"] * 40 + labels[40:])
    assert returned().accuracy_improvement == pytest.approx(-0.4)
