"""Calls of an A/B test are known as such in the ledger, and its arms by the host that answered."""

from __future__ import annotations

from math import isnan

import pytest

from fine_tuning import ABTestFramework, CostTracker, LLMService, ModelEvaluator, ModelRegistry
from fine_tuning.costs import version_tests
from fine_tuning.experiments import incumbent
from fine_tuning.store import costs
from fine_tuning.store.database import Database
from tests import wire
from tests.experiments.test_each_of_several import shuffled

ONE, TWO = "http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1"
ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
}
PRICE = {"model_a": 0.02, "model_b": 0.004}


def record(test_id: str, models: tuple[str, str], providers: tuple[str | None, str | None], count: int = 250) -> None:
    """A test that model_b wins."""
    framework, of_arm = ABTestFramework(), dict(zip(PRICE, providers, strict=True))
    framework.create_test(test_id, *models)
    rows = [
        {**row, "cost": PRICE[str(row["model"])], "provider": of_arm[str(row["model"])]}
        for row in shuffled((0.5, 0.9), count)
    ]
    framework.record_samples(test_id, rows)
    framework.conclude_test(test_id)


def test_call_of_a_test_notes_its_test_and_arm(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    host.answers["POST /chat/completions"] = (200, ANSWER)
    ABTestFramework().create_test("t", "small", "large")
    service = LLMService(model="small", experiment="t")
    answer = service.complete("hello", unit_id="u", reference="I am large")
    LLMService(model="small").complete("hello")
    with database.read() as tx:
        noted, plain = (each["metadata"] for each in costs.all_events(tx, "inference"))
    assert (noted["experiment"], noted["arm"]) == ("t", answer["experiment"]["arm"])
    assert "experiment" not in plain


@pytest.mark.parametrize("is_valid", [True, False])
def test_calls_of_a_test_without_a_verdict_have_no_price(database: Database, *, is_valid: bool) -> None:
    ModelRegistry().register_model("m", "small", "job", 10, cost=1.0)
    framework, tracker = ABTestFramework(), CostTracker()
    framework.create_test("t", "gpt-4o", "m-v1")
    arms = ["model_a", "model_b"] * 60 if is_valid else ["model_a"] * 300 + ["model_b"] * 30
    framework.record_samples("t", [{"model": arm, "score": 1.0} for arm in arms])
    assert bool(framework.conclude_test("t").withheld) is not is_valid
    for name, arm in (("gpt-4o", "model_a"), ("m-v1", "model_b")):
        for _ in range(5):
            tracker.record_inference(name, 10, PRICE[arm], False, {"experiment": "t", "arm": arm})
    analysis = tracker.calculate_roi("m", None, 1000, incumbent="gpt-4o")
    if is_valid:
        assert (analysis.incumbent_cost, analysis.savings) == (pytest.approx(20), pytest.approx(16))
        return
    assert isnan(analysis.savings)
    assert isnan(analysis.incumbent_cost)
    assert any("A/B test t do not count" in line for line in analysis.unknown)
    tracker.record_inference("gpt-4o", 10, 0.01, False)
    assert tracker.calculate_roi("m", None, 1000, incumbent="gpt-4o").incumbent_cost == pytest.approx(10)


@pytest.mark.parametrize(("named", "is_it"), [("gpt-4o", False), ("10.0.0.1:8000/gpt-4o", True), (ONE[7:], False)])
def test_arm_is_the_model_at_the_host_that_answered(database: Database, named: str, *, is_it: bool) -> None:
    ModelRegistry().register_model("m", "small", "job", 10, cost=1.0)
    record("t", ("gpt-4o", "m-v1"), (ONE, None))
    analysis = CostTracker().calculate_roi("m", None, 1000, incumbent=named)
    assert isnan(analysis.savings) is not is_it
    assert isnan(analysis.accuracy_improvement) is not is_it
    found = CostTracker().calculate_roi("m", None, 1000)
    assert (found.incumbent, found.savings) == ("10.0.0.1:8000/gpt-4o", pytest.approx(16))


def test_arm_that_answered_at_two_hosts_is_neither_of_them(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job", 10, cost=1.0)
    framework = ABTestFramework()
    framework.create_test("t", "gpt-4o", "m-v1")
    rows = [
        {**row, "cost": PRICE[str(row["model"])], "provider": (ONE, TWO)[number % 2]}
        for number, row in enumerate(shuffled((0.5, 0.9), 250))
    ]
    framework.record_samples("t", rows)
    framework.conclude_test("t")
    for named in ("gpt-4o", "10.0.0.1:8000/gpt-4o", "10.0.0.2:8000/gpt-4o"):
        assert isnan(CostTracker().calculate_roi("m", None, 1000, incumbent=named).incumbent_cost)
    assert "10.0.0.1:8000 and 10.0.0.2:8000" in str(CostTracker().calculate_roi("m", None, 1000).incumbent)


@pytest.mark.parametrize(("provider", "is_version"), [(None, True), (ONE, True), (TWO, False)])
def test_test_of_a_hosts_name_is_of_the_version_at_that_host(
    database: Database, provider: str | None, *, is_version: bool
) -> None:
    version = ModelRegistry().register_model("m", "small", "job", 10, provider=ONE, provider_model="inbox")
    record("t", ("gpt-4o", "inbox"), (None, provider))
    with database.read() as tx:
        found = version_tests.of_version(tx, version)
        assert [test["id"] for test in found] == (["t"] if is_version else [])
        assert incumbent.find(tx, version) is None or is_version


def test_gain_of_few_labels_is_told_with_its_interval(database: Database) -> None:
    ModelRegistry().register_model("m", "small", "job", 10, cost=1.0)
    for name, answers in (("gpt-4o", ["no", "no"]), ("m-v1", ["1", "2"])):
        ModelEvaluator().evaluate(answers, ["1", "2"], name, questions=["what is one?", "what is two?"])
    analysis = CostTracker().calculate_roi("m", 0.1, 1000, incumbent="gpt-4o")
    (line,) = [each for each in analysis.assumptions if each.startswith("accuracy differs")]
    assert line.startswith("accuracy differs by +100.0%, 95 % interval -34.9% to +100.0% (")
