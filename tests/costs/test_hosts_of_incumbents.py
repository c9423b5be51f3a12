"""One name at several hosts is not one model: neither its price nor a teacher."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, LLMService, ModelEvaluator, ModelRegistry
from fine_tuning.costs import hosted_model
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database
from tests import wire
from tests.costs.test_incumbent import QUESTIONS, register

HERE = "http://localhost:8000/v1"


@pytest.fixture
def model(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job-1", 10, cost=1.0)
    record("m-v1", None, 0.0001)


def record(name: str, provider: str | None, cost: float | None, count: int = 5) -> None:
    metadata = {} if provider is None else {"provider": provider}
    for _ in range(count):
        CostTracker().record_inference(name, 10, cost, False, metadata)


def bill(incumbent: str) -> float:
    return CostTracker().calculate_roi("m", None, 1000, incumbent=incumbent).incumbent_cost


def test_price_of_a_name_at_two_hosts_is_unknown_until_the_host_is_named(model: None) -> None:
    record("gpt-4o", "http://10.0.0.1:8000/v1", 0.0035)
    record("gpt-4o", "http://10.0.0.2:8000/v1", 0.000011)
    analysis = CostTracker().calculate_roi("m", None, 1000, incumbent="gpt-4o")
    assert isnan(analysis.incumbent_cost)
    assert isnan(analysis.savings)
    assert "10.0.0.1:8000 and 10.0.0.2:8000" in analysis.unknown[0]
    assert "as 10.0.0.1:8000/gpt-4o" in analysis.unknown[0]
    for name, usd in (("10.0.0.1:8000", 3.5), ("10.0.0.2", 0.011), ("http://10.0.0.2:8000/v1", 0.011)):
        assert bill(f"{name}/gpt-4o") == pytest.approx(usd)
    for name in ("openai", "local", "azure", "10.0.0.3:8000"):
        assert isnan(bill(f"{name}/gpt-4o"))


@pytest.mark.parametrize("host", [HERE, "local", "house-gateway"])
@pytest.mark.parametrize("cost", [0.000011, None])
def test_price_of_a_vendors_name_is_not_mixed_with_calls_here(model: None, host: str, cost: float | None) -> None:
    record("gpt-4o", None, 0.01)
    record("gpt-4o", host, cost)
    assert isnan(bill("gpt-4o"))
    assert bill("openai/gpt-4o") == pytest.approx(10)  # calls without a host are a vendor's, as the name says


def test_price_of_a_name_at_one_host_is_known_and_said(model: None) -> None:
    record("gpt-4o", HERE, 0.002)
    analysis = CostTracker().calculate_roi("m", None, 1000, incumbent="gpt-4o")
    assert analysis.incumbent_cost == pytest.approx(2)
    assert any("at localhost:8000" in line for line in analysis.assumptions)
    assert isnan(bill("openai/gpt-4o"))


def test_price_at_a_vendor_holds_calls_whose_host_is_not_noted(model: None) -> None:
    record("gpt-4o", "https://api.openai.com/v1", 0.01)
    record("gpt-4o", None, 0.02)
    assert bill("gpt-4o") == pytest.approx(15)
    record("gpt-4o", "azure", 0.03)
    assert isnan(bill("gpt-4o"))
    assert bill("azure/gpt-4o") == pytest.approx(30)


def test_price_of_a_name_that_is_no_vendors_holds_calls_without_a_host(model: None) -> None:
    record("house-model", HERE, 0.01)
    record("house-model", None, 0.02)
    assert bill("house-model") == pytest.approx(15)
    record("house-model", "http://other:1/v1", 0.03)
    assert isnan(bill("house-model"))


def test_teacher_at_a_host_here_is_not_the_vendors_model(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    for place, question in enumerate(QUESTIONS):
        facts = {"provider": HERE} if place < 60 else {}
        DistillationDataCollector().capture_success(
            question, f"{question} Sent.", "s", "t", model_used="gpt-4o", metadata=facts
        )
    register()
    record("m-v1", None, 0.001)
    record("gpt-4o", None, 0.01)
    analysis = CostTracker().calculate_roi("m", None, 10_000)
    assert analysis.incumbent == "localhost:8000/gpt-4o"
    assert any("gave 60 of the 100 answers" in line for line in analysis.assumptions)
    assert isnan(analysis.savings)
    record("gpt-4o", HERE, 0.002)
    assert CostTracker().calculate_roi("m", None, 10_000).incumbent_cost == pytest.approx(20)


def test_own_answers_of_a_teacher_here_are_recognised(model: None) -> None:
    answers = [f"{question} Sent." for question in QUESTIONS]
    for question, answer in zip(QUESTIONS, answers, strict=True):
        DistillationDataCollector().capture_success(
            question, answer, "s", "t", model_used="gpt-4o", metadata={"provider": HERE}
        )
    for name, given in (("localhost:8000/gpt-4o", ["?"] * 5 + answers[5:]), ("m-v1", ["?"] * 9 + answers[9:])):
        ModelEvaluator().evaluate(given, answers, name, questions=QUESTIONS)
    analysis = CostTracker().calculate_roi("m", 0.1, 1000, 10.0, "localhost:8000/gpt-4o")
    assert analysis.agreement == pytest.approx(0.91)
    assert isnan(analysis.accuracy_value)


def test_teacher_that_was_called_here_has_the_price_of_these_calls(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    monkeypatch.setenv("FINE_TUNING_PRICES", '{"gpt-4o": {"input": 1000, "output": 0}}')
    host.answers["POST /chat/completions"] = (200, wire.completion("Sent on Monday, with the rest.", "gpt-4o"))
    service = LLMService(base_url=host.url, model="gpt-4o", capture=5)
    paid = [service.complete(question)["cost"] for question in QUESTIONS[:20]]
    register()
    analysis = CostTracker().calculate_roi("m", None, 1000)
    assert analysis.incumbent_cost == pytest.approx(sum(paid) / 20 * 1000)


def test_test_against_a_vendors_model_is_none_against_the_same_name_here(model: None) -> None:
    tests = ABTestFramework()
    tests.create_test("t", "gpt-4o", "m-v1")
    price = {"model_a": 0.002, "model_b": 0.001}
    tests.record_samples("t", [{"model": arm, "score": 1.0, "cost": price[arm]} for arm in [*price] * 60])
    assert bill("gpt-4o") == bill("openai/gpt-4o") == pytest.approx(2)
    assert isnan(bill("local/gpt-4o"))


@pytest.mark.parametrize(
    ("name", "provider", "expected"),
    [
        ("gpt-4o", None, ("gpt-4o", None)),
        ("models/gpt-4o", None, ("models/gpt-4o", None)),
        ("openai/gpt-4o", None, ("openai/gpt-4o", "openai")),
        ("gpt-4o", "https://api.openai.com/v1", ("gpt-4o", "openai")),
        ("local/gpt-4o", "openai", ("gpt-4o", "local")),
        ("10.0.0.1:8/meta/llama:8b", None, ("meta/llama:8b", "10.0.0.1:8")),
        ("llama3.1:8b", "http://LOCALHOST:11434/v1", ("llama3.1:8b", "localhost:11434")),
        ("meta-llama/llama-3.1-8b", None, ("meta-llama/llama-3.1-8b", None)),
        ("gpt-4o", 5, ("gpt-4o", None)),
    ],
)
def test_hosted_model_is_read_from_name_and_provider(name: str, provider: Any, expected: Any) -> None:
    assert hosted_model.read(name, provider) == expected
