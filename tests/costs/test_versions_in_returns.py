"""Returns of versions: named in any way, each with its own price, and with all that was paid for it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain
from math import isnan, nan
from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, LLMService, ModelEvaluator, ModelRegistry
from fine_tuning.cost_tracker import CostAnalysis
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.evaluation.intervals import wilson
from fine_tuning.store import evaluations
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows import judging
from fine_tuning.workflows.evaluation_questions import Question
from tests import recorded, wire
from tests.costs.test_incumbent import QUESTIONS, capture, register

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


@pytest.fixture
def two_versions(database: Database) -> None:
    """`m` v1 (10 cents a call), then v2 (1 cent), deployed one after the other; v1 has the alias `old`."""
    registry, tracker = ModelRegistry(), CostTracker()
    for version, cost in ((1, 0.1), (2, 0.01)):
        registry.register_model("m", "small", f"job-{version}", 10, cost=5.0 * version)
        registry.deploy_model("m", version)
        for _ in range(3):
            tracker.record_inference("m", 10, cost, is_fine_tuned=True)
    registry.set_alias("m", "old", 1)


@pytest.mark.parametrize("incumbent", ["m-v1", "m@old"])
@pytest.mark.parametrize("name", ["m", "m-v2"])
def test_roi_of_a_version_against_another_has_the_price_of_each(two_versions: None, incumbent: str, name: str) -> None:
    analysis = CostTracker().calculate_roi(name, None, 1000, incumbent=incumbent)
    assert (analysis.incumbent, analysis.inference_cost_per_call) == ("m-v1", pytest.approx(0.01))
    assert analysis.incumbent_cost == pytest.approx(100)
    assert analysis.training_cost == pytest.approx(10)  # of version 2: that of version 1 is spent whatever is decided
    assert analysis.savings == pytest.approx(90)
    which = "the versions after m-v1" if name == "m" else "this version alone"
    assert f"training cost $10, {which}" in analysis.assumptions


def test_roi_names_that_are_no_version_are_one_line(two_versions: None, cli: Any) -> None:
    with pytest.raises(NotFoundError, match="m has no version 7; it has 1, 2"):
        CostTracker().calculate_roi("m", None, 1000, incumbent="m-v7")
    for number in ("0", "01"):  # which are no other model's name, to be sent to a vendor
        with pytest.raises(NotFoundError, match=f"m has no version {number}; it has 1, 2"):
            CostTracker().calculate_roi("m", None, 1000, incumbent=f"m-v{number}")
    with pytest.raises(UsageError, match="incumbent must be non-empty text"):
        CostTracker().calculate_roi("m", None, 1000, incumbent=5)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError, match="m has no alias best; it has old"):
        CostTracker().calculate_roi("m@best", None, 1000)
    with pytest.raises(UsageError, match="m and its incumbent m-v2 are both m-v2"):
        CostTracker().calculate_roi("m", None, 1000, incumbent="m-v2")
    code, out, err = cli("roi", "m", "nan", "1000", "--incumbent", "m@nobody")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert '"incumbent": "m-v1"' in cli("roi", "m", "nan", "1000", "--incumbent", "m@old", "--json")[1]


def test_roi_of_a_version_without_calls_says_whose_price_it_takes(two_versions: None) -> None:
    ModelRegistry().register_model("m", "small", "job-3", 10, cost=1.0)
    assert isnan(CostTracker().calculate_roi("m-v3", 0.1, 1000).inference_cost_per_call)
    ModelRegistry().deploy_model("m", 3)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert analysis.inference_cost_per_call == pytest.approx(0.01)
    assert any("m-v3" in line and "m-v2" in line for line in analysis.assumptions)


def test_price_of_a_registered_fine_tune_is_that_of_its_host(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned = "ft:gpt-4o-mini-2024-07-18:acme::abc"
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
    host.answers["POST /chat/completions"] = (200, answer)
    registry = ModelRegistry()
    registry.register_model("gpt-4o", "b", "j", 10, cost=1.0, provider=host.url, provider_model=tuned)
    registry.deploy_model("gpt-4o", 1)
    assert LLMService(model="gpt-4o").complete("hello")["cost"] is None  # a host here is not OpenAI, whatever the name
    scope = host.url.partition("://")[2].partition("/")[0]
    monkeypatch.setenv("FINE_TUNING_PRICES", f'{{"{scope}/*": {{"provider": "openai"}}}}')
    paid = LLMService(model="gpt-4o").complete("hello")["cost"]
    assert paid == pytest.approx((1000 * 0.30 + 100 * 1.20) / 1e6)  # the price of fine-tunes, not gpt-4o's
    assert CostTracker().calculate_roi("x", None, 10, incumbent="gpt-4o").incumbent_cost == pytest.approx(10 * paid)
    CostTracker().record_inference(tuned, 1100, 3 * paid, is_fine_tuned=True)  # as a log names it
    both = CostTracker().calculate_roi("gpt-4o", 1.0, 10).inference_cost_per_call
    assert both == pytest.approx(2 * paid)


def test_savings_and_their_interval_stay_within_the_bill(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    for number in range(40):
        CostTracker().record_inference("m", 10, 0.5 if number == 0 else 1e-6, is_fine_tuned=True)
    analysis = CostTracker().calculate_roi("m", 0.02, 1000)
    assert analysis.incumbent_cost == pytest.approx(20)
    assert analysis.intervals["savings"][1] <= 20 + 1e-9


def test_figures_of_prices_that_do_not_vary_have_no_interval(database: Database, cli: Any) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    for number in range(40):
        CostTracker().record_inference("m", 10, 0.01, is_fine_tuned=True)
        CostTracker().record_inference("big", 10, 0.1, is_fine_tuned=False)
        CostTracker().record_inference("wide", 10, 0.1 + number / 1000, is_fine_tuned=False)
    even, wide = (CostTracker().calculate_roi("m", None, 1000, incumbent=each) for each in ("big", "wide"))
    assert even.interval_of("savings") is None
    assert even.interval_of("agreement") is None
    assert wide.interval_of("savings") == wide.intervals["savings"]
    assert "$90.00 to $90.00" not in cli("roi", "m", "nan", "1000", "--incumbent", "big")[1]


def returned(**more: Any) -> CostAnalysis:
    return CostTracker().calculate_roi("m", 0.1, 1000, 10.0, "gpt-4o", **more)


@pytest.mark.parametrize(
    ("metric", "score"), [("token_f1", None), ("bleu", None), ("judge", 0.9), ("exact_match", None)]
)
def test_only_right_and_wrong_answers_have_avoided_errors(database: Database, metric: str, score: float | None) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    for name, answers in (("gpt-4o", ["a b c d y"] * 60), ("m-v1", ["a b c d x"] * 60)):
        scores = None if score is None else {metric: [score] * 60}
        metrics = ["exact_match", metric][: 1 + (score is None)] if metric != "exact_match" else [metric]
        ordered = metrics[::-1] if score is None else metrics
        right = ["a b c d x"] * 60
        ModelEvaluator().evaluate(answers, right, name, metrics=ordered, scores=scores, questions=QUESTIONS[:60])
    analysis = returned()
    if metric in {"exact_match", "judge"}:  # the judge's grades stand beside exact matches
        assert analysis.accuracy_value == pytest.approx(10_000)
    else:
        assert isnan(analysis.accuracy_value)
        assert isnan(analysis.accuracy_improvement)
        assert f"{metric} of evaluation" in analysis.unknown[-1]
        assert "no share of right answers" in analysis.unknown[-1]


@pytest.mark.parametrize(
    "choices", [{"score": "bounded", "low": 1, "high": 5}, {"score": "bounded"}, {"score": "real"}]
)
def test_ratings_of_a_test_have_no_avoided_errors(database: Database, choices: Any) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    tests = ABTestFramework()
    tests.create_test("t", "gpt-4o", "m-v1", **choices)
    pairs = [{"model": arm, "score": score} for _ in range(200) for arm, score in (("model_a", 1.0), ("model_b", 1.0))]
    tests.record_samples("t", pairs)
    analysis = returned()
    assert isnan(analysis.accuracy_value)
    assert "scores of A/B test t are no shares of right answers" in analysis.unknown[-1]


@pytest.mark.parametrize("captured", ["gpt-4o-2024-08-06", "openai/gpt-4o", "azure/gpt-4o", "models/gpt-4o", "GPT-4o"])
@pytest.mark.parametrize("place", ["evaluation", "evaluation without questions", "test", "labels in a test"])
def test_own_answers_under_any_name_are_agreement(database: Database, captured: str, place: str) -> None:
    is_label = place == "labels in a test"
    answer = (lambda number: "yes") if is_label else (lambda number: f"The answer to number {number}")
    asked = QUESTIONS[:40]
    recorded.captured([(question, answer(number)) for number, question in enumerate(asked)], captured)
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    references = [answer(number) for number in range(40)]
    wrong = ["?"] * 4 + references[4:]
    if place.startswith("evaluation"):
        questions = None if place.endswith("questions") else asked
        for name, answers in (("gpt-4o", references), ("m-v1", wrong)):
            ModelEvaluator().evaluate(answers, references, name, questions=questions)
    else:
        tests = ABTestFramework()
        tests.create_test("t", "gpt-4o", "m-v1")
        pairs = list(zip(references, wrong, strict=True))
        both = [(("model_a", right, right), ("model_b", other, right)) for right, other in pairs]
        recorded.answered("t", chain.from_iterable(both))
    analysis = returned()
    assert analysis.agreement == pytest.approx(0.9)
    assert isnan(analysis.accuracy_value)
    assert "gpt-4o's own answers" in analysis.unknown[-1]


@pytest.mark.parametrize("in_test", [True, False])
def test_few_labels_that_the_incumbent_may_have_given_itself_are_no_accuracy(database: Database, in_test: bool) -> None:
    labels = [("track", "refund", "cancel", "other")[number % 4] for number in range(100)]
    recorded.captured(zip(QUESTIONS, labels, strict=True))
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    again = ["?"] * 6 + labels[6:]  # asked again, a model does not give all of its answers
    if in_test:
        tests = ABTestFramework()
        tests.create_test("t", "gpt-4o", "m-v1")
        pairs = list(zip(labels, again, strict=True)) * 4
        both = [(("model_a", other, label), ("model_b", label, label)) for label, other in pairs]
        recorded.answered("t", chain.from_iterable(both))
    else:
        for name, answers in (("gpt-4o", again), ("m-v1", labels)):
            ModelEvaluator().evaluate(answers, labels, name)
    analysis = returned()
    assert isnan(analysis.accuracy_value)
    assert isnan(analysis.accuracy_improvement)
    assert "few labels without questions, which gpt-4o may have given itself" in analysis.unknown[-1]


def test_labels_of_people_in_a_test_are_accuracy(database: Database) -> None:
    recorded.captured([(question, "yes" if number % 2 else "no") for number, question in enumerate(QUESTIONS)])
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    tests = ABTestFramework()
    tests.create_test("t", "gpt-4o", "m-v1")
    record_four_in_five("t")
    assert returned().accuracy_improvement == pytest.approx(0.2)


def record_four_in_five(test_id: str) -> None:
    """400 questions, of which model_a is right in four of five, and model_b in all."""
    labels = ["yes" if number % 3 else "no" for number in range(400)]
    pairs = [(label if number % 5 else "?", label) for number, label in enumerate(labels)]
    both = [(("model_a", given, label), ("model_b", label, label)) for given, label in pairs]
    recorded.answered(test_id, chain.from_iterable(both))


@pytest.mark.parametrize("samples", [0, 1, 5])
def test_running_test_of_few_samples_tells_no_gain(database: Database, samples: int) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    tests = ABTestFramework()
    tests.create_test("old", "gpt-4o", "m-v1")
    record_four_in_five("old")
    tests.create_test("new", "gpt-4o", "m-v1")
    for _ in range(samples):
        tests.record_sample("new", "model_a", "wrong", "right", 1, 0.1)
        tests.record_sample("new", "model_b", "right", "right", 1, 0.1)
    before = returned()
    assert before.accuracy_improvement == pytest.approx(0.2)  # of the other test, which tells it
    low, high = before.intervals["accuracy_value"]
    assert 0 < low < before.accuracy_value < high < 10_000


@pytest.mark.parametrize("samples", [1, 5])
def test_gain_in_the_only_test_of_few_samples_is_unknown(database: Database, samples: int) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    tests = ABTestFramework()
    tests.create_test("new", "gpt-4o", "m-v1")
    for number in range(samples):
        for arm, answer in (("model_a", "wrong"), ("model_b", f"right {number}")):
            tests.record_sample("new", arm, answer, f"right {number}", 1, 0.1)
    analysis = returned()
    assert isnan(analysis.accuracy_improvement)
    assert isnan(analysis.accuracy_value)
    assert "A/B test new" in analysis.unknown[-1]
    assert "few" in analysis.unknown[-1]


@pytest.mark.parametrize("labels", [1, 2, 5])
def test_avoided_errors_over_few_labels_may_be_none(database: Database, labels: int) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    right = [f"right {number}" for number in range(labels)]
    for name, answers in (("gpt-4o", ["wrong"] * labels), ("m-v1", right)):
        ModelEvaluator().evaluate(answers, right, name, questions=QUESTIONS[:labels])
    low, high = returned().intervals["accuracy_value"]
    assert low <= 0  # McNemar's exact test of 5 against 0: p = 0.0625
    assert high == pytest.approx(10_000)


@pytest.mark.parametrize("is_one_user", [False, True])
def test_agreement_in_a_test_is_of_scored_answers_and_of_users(database: Database, *, is_one_user: bool) -> None:
    capture("gpt-4o")
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    tests = ABTestFramework()
    tests.create_test("t", "gpt-4o", "m-v1")
    user = "u" if is_one_user else None
    texts = [f"{QUESTIONS[number % 100]} Sent." for number in range(400)]
    rows = [
        {"prediction": text, "reference": text if number < 12 else None, "sample_id": f"q{number}", "cluster_id": user}
        for number, text in enumerate(texts)  # the outcomes of the others are still open
    ]
    beside = {"latency_ms": 1, "cost": 0.1}
    tests.record_samples("t", [{"model": arm, **row, **beside} for row in rows for arm in ("model_a", "model_b")])
    analysis = returned()
    units = 1 if is_one_user else 12
    assert analysis.agreement == 1
    assert analysis.intervals["agreement"] == pytest.approx(wilson(units, units))
    (line,) = [each for each in analysis.assumptions if "agreement has no value" in each]
    assert "12 answers of gpt-4o" in line
    assert f"95 % interval {wilson(units, units)[0]:.1%} to 100.0%" in line


def test_incumbent_by_default_is_one_teacher_under_its_names(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    for number, question in enumerate(QUESTIONS):
        name = ("gpt-4o", "openai/gpt-4o", "gpt-4.1")[number % 3 if number > 20 else 2]
        DistillationDataCollector().capture_success(question, f"{question} Sent.", "support", "t", model_used=name)
    register()
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert analysis.incumbent in {"gpt-4o", "openai/gpt-4o"}
    assert any("gave 53 of the 100 answers" in line for line in analysis.assumptions)


def test_judges_are_part_of_the_investment(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Grade: 5"}}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
    host.answers["POST /chat/completions"] = (200, answer)
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    monkeypatch.setenv("FINE_TUNING_PRICES", '{"house-judge": {"input": 1000, "output": 0}}')  # a dollar a call
    workspace = CostTracker()
    registry = ModelRegistry()
    for name in ("m", "other"):
        registry.register_model(name, "small", f"job-{name}", 10, cost=5.0)
    questions = [Question([{"role": "user", "content": each}], "x") for each in QUESTIONS[:4]]
    for about in ("m-v1", "other-v1"):
        judging.grades("house-judge", questions, [about] * 4, about=about, workspace=open_workspace())
    workspace.record_inference("m", 10, 0.0, is_fine_tuned=True)
    analysis = workspace.calculate_roi("m", 0.1, 1000)
    assert (analysis.judge_cost, analysis.investment) == (pytest.approx(4), pytest.approx(9))
    assert analysis.roi_at_expected == pytest.approx((100 - 9) / 9)
    workspace.record_inference("someone", 10, 2.0, is_fine_tuned=False, kind="judge")
    again = workspace.calculate_roi("m", 0.1, 1000)
    assert again.judge_cost == pytest.approx(6)
    assert any("1 calls of judges are recorded without the model" in line for line in again.assumptions)
    assert workspace.calculate_roi("m", 0.1, 1000, data_cost=1.0).investment == pytest.approx(6)
    workspace.record_inference("someone", 10, None, is_fine_tuned=False, kind="judge")
    unknown = workspace.calculate_roi("m", 0.1, 1000)
    assert isnan(unknown.roi_at_expected)
    assert any("judges' calls" in line for line in unknown.unknown)


def test_unrecorded_data_is_unknown_and_the_return_says_what_it_rests_on(database: Database, cli: Any) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    CostTracker().record_inference("m", 10, 0.0, is_fine_tuned=True)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert isnan(analysis.data_cost)
    assert (analysis.investment, analysis.roi_at_expected) == (5, pytest.approx(19))
    assert any("rests on the training cost alone" in line for line in analysis.assumptions)
    out = " ".join(cli("roi", "m", "0.1", "1000")[1].split())
    assert "rests on the training cost alone" in out
    assert all(text in out for text in ("at most 1,900.0%", "at least 50 calls", "at least 1.5 days"))
    bounds = json.loads(cli("roi", "m", "0.1", "1000", "--json")[1])["bounds"]
    at_least = dict.fromkeys(("investment", "total_cost", "break_even_inferences", "payback_days"), "at least")
    assert bounds == {**at_least, "roi_at_expected": "at most"}
    known = CostTracker().calculate_roi("m", 0.1, 1000, data_cost=0.0)
    assert known.bounds == {}
    loss = replace(known, bounds={"roi_at_expected": "at least"}, intervals={"roi_at_expected": (-2.0, -1.5)})
    assert loss.shown("roi_at_expected", "{:g}".format) == ("at least 19", "at least -2")


def test_cost_of_zero_in_the_registry_is_listed_as_unknown(database: Database, cli: Any) -> None:
    registry = ModelRegistry()
    assert registry.register_model("m", "small", "job-1", 10)["cost"] == 0
    assert "$0.00" not in cli("list-models")[1]
    assert json.loads(cli("list-models", "--json")[1])[0]["cost"] is None
    assert registry.get_cost_summary()["unpriced_versions"] == 1
    registry.register_model("m", "small", "job-2", 10, cost=5.0)
    assert "$5.00" in cli("list-models")[1]


@pytest.mark.parametrize("price", [0.0026, 0.1, 1e-7])
def test_equal_prices_have_no_spread_and_savings_stay_below_the_bills_interval(
    database: Database, cli: Any, price: float
) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    for number in range(40):
        CostTracker().record_inference("m", 10, price / 3, is_fine_tuned=True)
        CostTracker().record_inference("big", 10, price, is_fine_tuned=False)
        CostTracker().record_inference("wide", 10, price * (1 + number / 10), is_fine_tuned=False)
    out = cli("roi", "m", "nan", "1000", "--incumbent", "big")[1]
    assert " to " not in out[: out.index("assumed")]
    wide = CostTracker().calculate_roi("m", None, 1000, incumbent="wide")
    assert wide.intervals["incumbent_cost"][0] < wide.incumbent_cost
    assert wide.intervals["savings"][1] <= wide.intervals["incumbent_cost"][1]
    shown = wide.shown("incumbent_cost", lambda usd: f"{usd:g}")[1]
    assert shown == "{:g} to {:g}".format(*wide.intervals["incumbent_cost"])
    assert wide.shown("incumbent_cost", lambda _: "$2")[1] == ""


def test_value_of_no_avoided_error_is_no_negative_zero(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=5.0)
    CostTracker().record_inference("m", 10, 0.0, is_fine_tuned=True)
    found = CostTracker().calculate_roi("m", 0.1, 1000, 10.0, "gpt-4o", accuracy_improvement=-0.0)
    assert str(found.accuracy_value) == "0.0"
    assert not any("-0.0" in line for line in found.assumptions)
    unknown = ModelEvaluator().calculate_roi(0.01, 0.001, nan, 1000, nan)["assumptions"]
    assert not any("nan" in line for line in unknown)


@pytest.mark.parametrize(
    ("metadata", "is_known"),
    [
        ({}, True),
        ({"provider": "openai"}, True),
        ({"provider": "azure"}, True),
        ({"provider": "https://api.openai.com/v1"}, True),
        ({"provider": "http://localhost:8000/v1"}, False),
        ({"provider": "local"}, False),
        ({"provider": "house-gateway"}, False),
    ],
)
def test_data_is_priced_by_provider_and_name(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch, metadata: Any, is_known: bool
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    for question in QUESTIONS[:20]:
        DistillationDataCollector().capture_success(question, "Sent on Monday.", "s", "t", metadata=metadata)
    register()
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert isnan(analysis.data_cost) is not is_known
    if not is_known:
        assert any(
            "cost of the data, which gpt-4o" in line or "house-gateway/gpt-4o" in line for line in analysis.unknown
        )
    elif not metadata:
        assert any("openai itself answered, as the name gpt-4o suggests" in line for line in analysis.assumptions)


def test_captured_call_notes_what_answered_and_what_it_cost(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Sent on Monday."}}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
    host.answers["POST /chat/completions"] = (200, answer)
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    service = LLMService(model="gpt-4o", capture=5)
    for question in QUESTIONS[:20]:
        service.complete(question)
    (example, *_) = DistillationDataCollector().get_curated_examples()
    assert example["metadata"] == {"provider": host.url}  # a host here, whose prices nobody has told
    register()
    assert isnan(CostTracker().calculate_roi("m", 0.1, 1000).data_cost)
    monkeypatch.setenv("FINE_TUNING_PRICES", '{"gpt-4o": {"input": 1000, "output": 0}}')
    LLMService(model="gpt-4o", capture=5).complete("What is paid is noted?")
    noted = [each["metadata"].get("cost") for each in DistillationDataCollector().get_curated_examples()]
    assert noted.count(None) == 20
    assert max(each for each in noted if each) == pytest.approx(1)


def test_data_of_a_registered_name_is_not_priced_by_the_name(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    ModelRegistry().register_model("gpt-4o", "small", "job-x", 10, cost=nan, provider="local", provider_model="/x/y")
    capture("gpt-4o", 20)
    register()
    analysis = CostTracker().calculate_roi("m", 0.1, 1000)
    assert isnan(analysis.data_cost)
    assert analysis.incumbent == "gpt-4o-v1"
    assert any("cost of the data, which gpt-4o-v1 answered" in line for line in analysis.unknown)


def test_evaluation_by_plain_name_is_of_the_version_that_answered_then(database: Database) -> None:
    registry = ModelRegistry()
    for number in (1, 2):
        registry.register_model("m", "small", f"job-{number}", 10)
    registry.deploy_model("m", 1)
    first = ModelEvaluator().evaluate(["a"], ["a"], "m").id
    registry.deploy_model("m", 2)
    registry.register_model("m", "small", "job-3", 10)
    second = ModelEvaluator().evaluate(["a"], ["a"], "m").id
    with pytest.raises(NotFoundError, match="m has no alias nobody"):
        ModelEvaluator().evaluate(["a"], ["a"], "m@nobody")
    with database.read() as tx:
        of = {number: [each["id"] for each in evaluations.of_version(tx, "m", number)] for number in (1, 2, 3)}
    assert of == {1: [first], 2: [second], 3: []}


def test_lineage_has_the_calls_of_its_version(database: Database) -> None:
    registry, tracker = ModelRegistry(), CostTracker()
    for number in (1, 2):
        registry.register_model("m", "small", f"job-{number}", 10)
        tracker.record_inference("m", 10, 0.5 * number, True, {"version": number})
        tracker.record_inference(f"m-v{number}", 10, 4.0, True)
    tracker.record_inference("m", 10, 0.125, True, {"version": "beta"})
    tracker.record_inference("m", 10, 0.25, True)
    for number in (1, 2):
        shown = [node.label for node in registry.lineage("m", number).nodes if node.kind == "cost"]
        assert shown == [
            f"inference of m: 1 calls, ${0.5 * number:g}",
            f"inference of m-v{number}: 1 calls, $4",
            "inference of m (of no recorded version): 1 calls, $0.25",
        ]


def test_lineage_says_which_calls_have_no_known_price(database: Database, cli: Any) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10)
    for cost in (None, None, 0.02):
        CostTracker().record_inference("m-v1", 10, cost, True)
    CostTracker().record_inference("m", 10, None, True, {"version": 1}, kind="evaluation")
    CostTracker().record_inference("m", 10, 0.0, True, {"version": 1}, kind="judge")
    nodes = [node for node in ModelRegistry().lineage("m", 1).nodes if node.kind == "cost"]
    assert [node.label for node in nodes] == [
        "inference of m-v1: 3 calls, $0.02, 2 of unknown price",
        "evaluation of m: 1 calls, unknown",
        "judge of m: 1 calls, $0",
    ]
    assert [node.facts["total"] for node in nodes] == [0.02, None, 0.0]
    out = cli("lineage", "m")[1]
    assert "1 calls, unknown" in " ".join(out.split())


def test_stored_completion_of_our_own_server_is_not_a_vendors(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "metadata": {}}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Sent on Monday."}}
    asked = {"id": "m", "role": "user", "content": QUESTIONS[0]}
    host.answers["GET /chat/completions"] = (
        200,
        {"object": "list", "data": [{**stored, "choices": [choice]}], "has_more": False},
    )
    host.answers["GET /chat/completions/c1/messages"] = (200, {"object": "list", "data": [asked], "has_more": False})
    DistillationDataCollector().import_stored_completions(base_url=host.url, api_key="x", rating=5)
    (example,) = DistillationDataCollector().get_curated_examples()
    assert example["metadata"]["provider"] == host.url
