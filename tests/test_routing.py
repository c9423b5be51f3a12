"""LLMService as the place where an A/B test happens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fine_tuning import ABTestFramework, LLMService
from fine_tuning.errors import NotFoundError, ProviderError, UsageError
from fine_tuning.store import experiments
from fine_tuning.store.database import Database, open_database
from tests import wire
from tests.test_llm_service import reply


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[wire.Host]:
    with wire.host() as running:
        running.answers["POST /chat/completions"] = reply
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def test_calls_go_to_both_models_and_are_recorded(database: Database, host: wire.Host) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "small", "large")
    service = LLMService(model="small", experiment="t")
    users = [f"user-{number}" for number in range(40)]
    first = {user: service.complete("hello", unit_id=user, reference="I am large") for user in users}
    again = {user: service.complete("hello", unit_id=user) for user in users}
    arms = {user: answer["experiment"]["arm"] for user, answer in first.items()}
    assert set(arms.values()) == {"model_a", "model_b"}
    assert arms == {user: answer["experiment"]["arm"] for user, answer in again.items()}
    assert all(first[user]["model"] == ("small" if arm == "model_a" else "large") for user, arm in arms.items())
    assert all(first[user]["content"] == f"I am {first[user]['model']}" for user in users)
    result = framework.monitor("t")
    assert (result.total_samples, result.model_a_accuracy, result.model_b_accuracy) == (80, 0.0, 1.0)
    assert result.model_b_avg_latency > 0
    told = again[users[0]]["experiment"]
    assert framework.record_outcome(told["test_id"], told["sample_id"], score=1)


def test_calls_outside_get_the_usual_model(host: wire.Host) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "small", "large", ramp=0.0)
    service = LLMService(model="usual", experiment="t")
    assert (service.complete("hello", unit_id="u")["model"], service.complete("hello")["experiment"]) == ("usual", None)
    with pytest.raises(NotFoundError, match="no test nowhere"):
        LLMService(model="usual", experiment="nowhere").complete("hello")
    for call in (lambda: list(service.complete_many(["a"])), lambda: list(service.complete_streaming("a"))):
        with pytest.raises(UsageError, match="calls of the experiment t go one by one"):
            call()


def test_a_call_that_fails_is_a_sample_too(host: wire.Host) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "small", "large")
    host.answers["POST /chat/completions"] = (400, {"error": {"message": "too long"}})
    with pytest.raises(ProviderError, match="too long"):
        LLMService(model="small", experiment="t").complete("hello", unit_id="u")
    result = framework.monitor("t")
    assert result.total_samples == 1
    assert result.model_a_accuracy != result.model_a_accuracy  # nobody knows


def test_calls_of_one_user_belong_together_and_a_wrong_reference_loses_none(host: wire.Host) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "small", "large", metric="regex")
    service = LLMService(model="small", experiment="t")
    for _ in range(3):
        answer = service.complete("hello", unit_id="u", reference="I am .*")
    wrong = service.complete("hello", unit_id="u", reference="(")
    assert wrong["content"].startswith("I am")
    assert framework.record_outcome("t", wrong["experiment"]["sample_id"], score=1)
    assert framework.monitor("t").total_samples == 4
    with open_database().read() as tx:
        test = experiments.get(tx, "t")
    assert test is not None
    arm = test["statistics"]["arms"][answer["experiment"]["arm"]]
    assert (arm["scores"]["count"], arm["clusters"]["count"]) == (4, 1)
