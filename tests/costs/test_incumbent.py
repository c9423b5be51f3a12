"""Every figure of a return compares with one model: the incumbent."""

from __future__ import annotations

import json
import random
from math import isnan, nan
from typing import Any

import numpy as np
import pytest

from fine_tuning import (
    ABTestFramework,
    CostTracker,
    DatasetBuilder,
    ModelEvaluator,
    ModelRegistry,
    OpenAIFineTuner,
)
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database
from tests import recorded, wire

QUESTIONS = [f"Where is order {number}?" for number in range(100)]


def capture(model: str, count: int = 100) -> None:
    recorded.captured([(question, f"{question} Sent.") for question in QUESTIONS[:count]], model)


@pytest.fixture
def trained(database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 of `m`, trained on 100 answers of gpt-4o, for 5 dollars."""
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    capture("gpt-4o")
    register()


def register() -> None:
    builder, tuner = DatasetBuilder(), OpenAIFineTuner()
    file = tuner.upload_training_file(builder.save_dataset(builder.build_from_distillation(), "questions"))
    job = tuner.create_fine_tuning_job("small", file)
    ModelRegistry().register_model("m", "small", job["job_id"], 100, cost=5.0)


def test_incumbent_defaults_to_the_teacher_and_never_to_the_training_base(trained: None) -> None:
    CostTracker().record_inference("small", 10, 0.5, is_fine_tuned=False)
    analysis = CostTracker().calculate_roi("m", None, 1000)
    assert analysis.incumbent == "gpt-4o"
    assert isnan(analysis.savings)  # no call of gpt-4o is recorded, and the base is not what is replaced
    assert analysis.unknown[0].startswith("price per call of gpt-4o")
    assert "it replaces gpt-4o (gave 100 of the 100 answers that it was trained on)" in analysis.assumptions


def test_incumbent_is_the_other_model_of_the_last_valid_test(trained: None) -> None:
    tests = ABTestFramework()
    for test_id, other, uneven in (("t1", "big", False), ("t2", "other", True)):
        tests.create_test(test_id, other, "m-v1")
        arms = ["model_a", "model_b"] if not uneven else ["model_a", "model_b", "model_b", "model_b"]
        tests.record_samples(test_id, [{"model": arm, "score": 1.0} for _ in range(100) for arm in arms])
        tests.conclude_test(test_id)
    assert CostTracker().calculate_roi("m", 0.1, 1000).incumbent == "big"  # t2 has no verdict: a ratio mismatch
    assert CostTracker().calculate_roi("m", 0.1, 1000, incumbent="gpt-4.1").incumbent == "gpt-4.1"


def conclude(test_id: str, model_a: str, model_b: str) -> None:
    tests = ABTestFramework()
    tests.create_test(test_id, model_a, model_b)
    arms = ("model_a", "model_b") * 60
    tests.record_samples(test_id, [{"model": arm, "score": float(place % 3 > 0)} for place, arm in enumerate(arms)])
    tests.conclude_test(test_id)


def test_incumbent_is_never_the_challenger_of_the_version(trained: None) -> None:
    conclude("won", "big", "m-v1")
    conclude("challenged", "m-v1", "o1-pro")
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert "it replaces big (the incumbent of A/B test won)" in analysis.assumptions


@pytest.mark.parametrize("base", ["small", "small-2024-07-18", "openai/small", "small-v1"])
def test_incumbent_is_the_untrained_base_only_where_it_is_named(trained: None, base: str) -> None:
    ModelRegistry().register_model("small", "small", "none", 10, provider="local", provider_model="small")
    conclude("t", base, "m-v1")
    assert CostTracker().calculate_roi("m", 0.1, 1000).incumbent == "gpt-4o"
    assert CostTracker().calculate_roi("m", 0.1, 1000, incumbent=base).incumbent in {base, f"{base}-v1"}


def test_incumbent_is_an_earlier_version_that_training_went_on_from(trained: None) -> None:
    ModelRegistry().register_model("first", "small", "f", 10, provider="local", provider_model="ft:small:o::1")
    ModelRegistry().register_model("next", "ft:small:o::1", "n", 10, cost=1.0)
    conclude("t", "first-v1", "next-v1")
    assert CostTracker().calculate_roi("next", 0.1, 1000).incumbent == "first-v1"


@pytest.mark.parametrize(
    ("other", "name", "incumbent"),
    [("a", "a-v1", "a-v1"), ("m", "m-v1", "m-v1"), ("a", "a", "a-v1"), ("small", "small-v1", None)],
)
def test_incumbent_is_another_version_of_the_same_base(
    database: Database, other: str, name: str, incumbent: str | None
) -> None:
    registry = ModelRegistry()
    registry.register_model(other, "small", "job-1", 10)
    version = registry.register_model("m", "small", "job-2", 10, cost=1.0)["version"]
    conclude("t", name, f"m-v{version}")
    assert CostTracker().calculate_roi(f"m-v{version}", nan, 1000).incumbent == incumbent


def test_incumbent_is_an_earlier_version_under_the_name_of_their_base(database: Database) -> None:
    for job in ("job-1", "job-2"):
        ModelRegistry().register_model("small", "small", job, 10, cost=1.0)
    conclude("t", "small-v1", "small-v2")
    assert CostTracker().calculate_roi("small-v2", nan, 1000).incumbent == "small-v1"


@pytest.mark.parametrize("calls", ["0", "-1"])
def test_roi_of_no_calls_is_refused_in_one_line(trained: None, cli: Any, calls: str) -> None:
    code, _, err = cli("roi", "m", "0.002", "--", calls)
    assert code == 2
    assert err.strip() == f"ft-cli: expected_inference_count must be a whole number of 1 or more, not {calls}"


def test_negative_argument_is_explained(cli: Any) -> None:
    code, _, err = cli("roi", "m", "-1", "10")
    assert (code, err.count("\n"), "write -- before an argument that is a negative number" in err) == (2, 1, True)


def test_quality_of_a_withheld_test_is_unknown_with_the_reason(database: Database) -> None:
    registry, tests = ModelRegistry(), ABTestFramework()
    registry.register_model("inbox", "small", "job-1", 528, cost=5.0)
    tests.create_test("t", "gpt-4o", "inbox-v1")
    chosen = random.Random(1)
    arms = ["model_a" if chosen.random() < 0.2 else "model_b" for _ in range(2000)]
    tests.record_samples("t", [{"model": arm, "score": float(arm == "model_b"), "cost": 0.001} for arm in arms])
    analysis = CostTracker().calculate_roi("inbox", 0.002, 10_000, 10.0, "gpt-4o")
    assert isnan(analysis.accuracy_improvement)
    assert isnan(analysis.accuracy_value)
    assert "accuracy against gpt-4o: A/B test t has no verdict" in analysis.unknown[-1]


def test_quality_against_another_model_does_not_count(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    right = ["x"] * 60
    for name, answers in (("small", ["y"] * 60), ("m", right)):
        ModelEvaluator().evaluate(answers, right, name, questions=QUESTIONS[:60])
    assert CostTracker().calculate_roi("m", 0.1, 1000, 10.0, "small").accuracy_improvement == 1
    against = CostTracker().calculate_roi("m", 0.1, 1000, 10.0, "gpt-4o")
    assert isnan(against.accuracy_value)
    assert against.unknown[-1].startswith("accuracy against gpt-4o: evaluations of both over the same questions")


def test_answers_of_the_incumbent_as_references_give_agreement_without_a_value(trained: None, cli: Any) -> None:
    references = [f"{question} Sent." for question in QUESTIONS]
    for name, wrong in (("m", 10), ("gpt-4o", 0)):
        answers = ["?"] * wrong + references[wrong:]
        ModelEvaluator().evaluate(answers, references, name, questions=QUESTIONS)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000, 10.0)
    assert analysis.agreement == pytest.approx(0.9)
    assert analysis.intervals["agreement"] == pytest.approx((0.826, 0.945), abs=0.001)  # Wilson's, 90 of 100
    assert isnan(analysis.accuracy_improvement)
    assert isnan(analysis.accuracy_value)
    assert "own answers" in analysis.unknown[-1]
    code, out, _ = cli("roi", "m", "0.1", "1000", "--error-cost", "10")
    assert (code, "agreement with it" in out, "avoided errors" in out) == (0, True, False)


def test_investment_holds_the_data_and_savings_stay_below_the_bill(trained: None) -> None:
    tracker = CostTracker()
    for _ in range(40):
        tracker.record_inference("m", 10, 0.0001, is_fine_tuned=True)
    analysis = tracker.calculate_roi("m", 0.002, 10_000)
    tokens = 7 * 2.5e-6 + 9 * 1e-5  # about, of a question and an answer
    assert analysis.data_cost == pytest.approx(100 * tokens, rel=0.3)
    assert analysis.incumbent_cost == pytest.approx(20)
    assert analysis.savings == pytest.approx(19)
    investment = 5 + analysis.data_cost
    assert analysis.roi_at_expected == pytest.approx((19 - investment) / investment)
    assert analysis.break_even_inferences == pytest.approx(investment / 0.0019)
    assert tracker.calculate_roi("m", 0.002, 10_000, data_cost=100.0).break_even_inferences == pytest.approx(
        105 / 0.0019
    )


def test_data_of_a_teacher_without_a_price_makes_the_return_unknown(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    capture("house-model-7")
    register()
    CostTracker().record_inference("m", 10, 0.0001, is_fine_tuned=True)
    analysis = CostTracker().calculate_roi("m", 0.002, 10_000)
    assert isnan(analysis.roi_at_expected)
    assert "cost of the data, which house-model-7 answered: data_cost" in analysis.unknown
    assert not isnan(CostTracker().calculate_roi("m", 0.002, 10_000, data_cost=0.0).roi_at_expected)


def test_local_answers_stand_beside_the_machine_always_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "0.5")
    ModelRegistry().register_model("m", "small", "job", 10, cost=5.0, provider="local", provider_model="small")
    assert CostTracker().calculate_roi("m", 0.1, 1000).always_on_cost == pytest.approx(0.5 * 24 * 30)
    week = CostTracker().calculate_roi("m", 0.1, 1000, horizon_days=7)
    assert week.always_on_cost == pytest.approx(0.5 * 24 * 7)
    ModelRegistry().register_model("h", "gpt-4o", "job-2", 10, cost=5.0)
    assert isnan(CostTracker().calculate_roi("h", 0.1, 1000).always_on_cost)


def test_error_has_no_value_unless_it_is_given(database: Database, cli: Any) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    assert isnan(CostTracker().calculate_roi("m", 0.1, 1000, accuracy_improvement=0.1).accuracy_value)
    valued = CostTracker().calculate_roi("m", 0.1, 1000, 2.0, accuracy_improvement=0.1)
    assert valued.accuracy_value == pytest.approx(200)
    assert "an avoided error is worth $2, as given" in valued.assumptions[-1]
    stated = ModelEvaluator().calculate_roi(0.002, 0.001, 0.1, 1000)
    assert "an avoided error is worth $10, the default" in stated["assumptions"]


@pytest.mark.parametrize("change", [str.upper, lambda text: f"{text}\n", lambda text: f"  {text.replace(' ', '  ')} "])
def test_own_answers_are_recognised_whatever_case_and_white_space(trained: None, change: Any) -> None:
    questions, references = [change(each) for each in QUESTIONS], [f"{each} Sent." for each in QUESTIONS]
    for name, answers in (("gpt-4o", ["?"] * 100), ("m", references)):
        ModelEvaluator().evaluate(answers, references, name, questions=questions)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000, 10.0)
    assert (analysis.agreement, isnan(analysis.accuracy_value)) == (1, True)


def test_own_answers_are_recognised_as_json_values(trained: None) -> None:
    for place, question in enumerate(QUESTIONS):
        answer = json.dumps({"order": place, "intent": "track"})
        DistillationDataCollector().capture_success(question, answer, "support", "t", model_used="gpt-4o")
    references = [json.dumps({"intent": "track", "order": float(each)}, indent=1) for each in range(100)]
    for name, answers in (("gpt-4o", ["?"] * 100), ("m", references)):
        ModelEvaluator().evaluate(answers, references, name, questions=QUESTIONS)
    assert CostTracker().calculate_roi("m", 0.1, 1000, 10.0).agreement == 1
    for name, answers in (("gpt-4o", ["?"] * 100), ("m", references)):
        ModelEvaluator().evaluate(answers, references, name)
    assert CostTracker().calculate_roi("m", 0.1, 1000, 10.0).agreement == 1


def test_own_labels_are_recognised_though_the_incumbent_answers_otherwise_now(trained: None) -> None:
    labels = [("track", "refund", "cancel", "other")[place % 4] for place in range(100)]
    for question, label in zip(QUESTIONS, labels, strict=True):
        DistillationDataCollector().capture_success(question, label, "support", "t", model_used="gpt-4o")
    for name, answers in (("gpt-4o", ["?"] * 6 + labels[6:]), ("m", labels)):
        ModelEvaluator().evaluate(answers, labels, name, questions=QUESTIONS)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000, 10.0)
    assert (analysis.agreement, isnan(analysis.accuracy_value)) == (1, True)


def test_form_of_an_answer_is_no_accuracy(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    for name, answer in (("gpt-4o", "no JSON"), ("m", '{"wrong": 9}')):
        references = ['{"a": 1}'] * 60
        ModelEvaluator().evaluate([answer] * 60, references, name, metrics=["json_valid"], questions=QUESTIONS[:60])
    analysis = CostTracker().calculate_roi("m", 0.1, 1000, 10.0, "gpt-4o")
    assert isnan(analysis.accuracy_value)
    assert "json_valid of evaluation 2 is no share of right answers" in analysis.unknown[-1]


def train_on(file: str) -> None:
    tuner = OpenAIFineTuner()
    job = tuner.create_fine_tuning_job("small", tuner.upload_training_file(file))
    ModelRegistry().register_model("m", "small", job["job_id"], 100, cost=5.0)


@pytest.fixture
def paid(database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of 40 answers of gpt-4o that were paid with half a dollar each."""
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    collector, cost = DistillationDataCollector(), {"cost": 0.5}
    return [
        collector.capture_success(
            f"Question {place}: what about {place * 37 % 101} lamps?",
            f"a {place}",
            "s",
            "t",
            metadata=cost,
            model_used="gpt-4o",
        )
        for place in range(40)
    ]


def test_investment_holds_the_answers_that_were_held_out(paid: list[str]) -> None:
    builder = DatasetBuilder()
    train, test = builder.split_train_test(builder.build_from_distillation(), train_ratio=0.5)
    builder.save_dataset(train, "another", format="alpaca")
    file = builder.save_dataset(train, "train")
    builder.save_dataset(test, "test")
    builder.save_dataset(builder.split_train_test(builder.build_from_distillation(), seed=7)[1], "of-another-split")
    train_on(file)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert (analysis.data_cost, analysis.investment) == (pytest.approx(20.0), pytest.approx(25.0))
    assert "20 of the 40 answers are held out for tests; they belong to the data" in analysis.assumptions


def test_investment_holds_paid_answers_that_people_corrected(paid: list[str]) -> None:
    collector, builder = DistillationDataCollector(), DatasetBuilder()
    for place, example in enumerate(paid[:30]):
        corrected = collector.correct(example, f"better {place}")
        if place < 10:
            collector.correct(corrected, f"best {place}")
    train_on(builder.save_dataset(builder.build_from_distillation(), "train"))
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert analysis.data_cost == pytest.approx(20.0)
    assert "30 answers were paid and then corrected by people; they belong to the data" in analysis.assumptions


def test_prices_are_those_on_the_same_requests_where_both_have_them(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    tracker, tests = CostTracker(), ABTestFramework()
    for _ in range(40):  # another application, with long documents
        tracker.record_inference("gpt-4o", 100_000, 0.5, is_fine_tuned=False)
    mixed = tracker.calculate_roi("m", None, 10_000, incumbent="gpt-4o")
    assert mixed.incumbent_cost == pytest.approx(5000)
    assert "calls of gpt-4o are those of all applications" in mixed.assumptions
    tests.create_test("t", "gpt-4o", "m-v1")
    price = {"model_a": 0.002, "model_b": 0.001}
    tests.record_samples("t", [{"model": arm, "score": 1.0, "cost": price[arm]} for arm in [*price] * 60])
    analysis = tracker.calculate_roi("m", None, 10_000, incumbent="gpt-4o")
    assert (analysis.incumbent_cost, analysis.savings) == (pytest.approx(20), pytest.approx(10))
    assert any("A/B test t, on the requests of that test" in line for line in analysis.assumptions)
    assert tracker.calculate_roi("m", 0.01, 10_000, incumbent="gpt-4o").incumbent_cost == pytest.approx(100)


def test_calls_that_get_cheaper_while_the_share_ramps_save_nothing(database: Database) -> None:
    ModelRegistry().register_model("inbox", "small", "ftjob-x", 100, cost=5.0)
    framework, rng, rows = ABTestFramework(), np.random.default_rng(12), []
    framework.create_test("t", "gpt-4o", "inbox-v1", split=None)
    for time in np.linspace(0, 1, 4000):
        arm = "model_b" if rng.random() < 0.05 + 0.9 * time else "model_a"
        cost = (0.01 - 0.009 * time) * rng.lognormal(0, 0.2)
        rows.append({"model": arm, "score": float(rng.random() < 0.9), "cost": cost})
    framework.record_samples("t", rows)
    framework.conclude_test("t")
    analysis = CostTracker().calculate_roi("inbox", None, 10_000)
    low, high = analysis.intervals["savings"]
    assert low < 0 < high
    assert abs(analysis.savings) < 0.05 * analysis.incumbent_cost
