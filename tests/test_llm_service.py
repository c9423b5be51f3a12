"""A name, the version deployed under it, and whoever answers for that version."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, LLMService, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import ConfigurationError, ConflictError, NotFoundError, ProviderError, UsageError
from fine_tuning.store import experiments
from fine_tuning.store.database import Database, open_database
from tests import wire

PASSED_ON = '{"127.0.0.1/*": {"provider": "openai"}}'  # this host passes calls on, at OpenAI's prices


def reply(request: wire.Request) -> tuple[int, dict[str, object]]:
    return 200, {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1,
        "model": request.body["model"],
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": f"I am {request.body['model']}"},
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[wire.Host]:
    with wire.host() as running:
        running.answers["POST /chat/completions"] = reply
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def test_complete_unknown_name_calls_the_host(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PASSED_ON)
    llm = LLMService(model="gpt-4o", default_temperature=0.2)
    answer = llm.complete("hello", system_prompt="be kind", max_tokens=7, seed=3)
    assert (answer["content"], answer["version"], answer["provider"]) == ("I am gpt-4o", None, host.url)
    assert answer["usage"]["total_tokens"] == 1100
    assert answer["cost"] == pytest.approx(0.0035)
    (request,) = host.asked("POST /chat/completions")
    assert request.body["messages"] == [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}]
    assert (request.body["temperature"], request.body["max_tokens"], request.body["seed"]) == (0.2, 7, 3)
    assert CostTracker().get_inference_costs()["gpt-4o"]["total"] == pytest.approx(0.0035)


def test_complete_registered_name_calls_the_deployed_version(database: Database, host: wire.Host) -> None:
    registry = ModelRegistry()
    for number in (1, 2):
        registry.register_model("m", "base", "j", 1, provider=host.url, provider_model=f"ft:base::{number}")
    registry.set_model_status("m", "DEPLOYED", 1)
    llm = LLMService(model="m")
    assert llm.complete("hello")["content"] == "I am ft:base::1"
    registry.set_model_status("m", "DEPLOYED", 2)
    answer = llm.complete("hello")
    assert (answer["content"], answer["version"]) == ("I am ft:base::2", 2)
    assert LLMService(model="m-v1").complete("hello")["version"] == 1
    assert llm.get_config()["provider_model"] == "ft:base::2"
    assert not llm.is_local()


def test_complete_without_deployment_or_provider_raises(host: wire.Host) -> None:
    registry = ModelRegistry()
    registry.register_model("m", "base", "ftjob-elsewhere", 1)
    with pytest.raises(ConflictError, match=r"m has no deployed version \(it has 1\)"):
        LLMService(model="m").complete("hello")
    registry.set_model_status("m", "DEPLOYED")
    with pytest.raises(NotFoundError, match="has no provider, and its job ftjob-elsewhere has no model"):
        LLMService(model="m").complete("hello")


def test_complete_with_capture_stores_an_example(host: wire.Host) -> None:
    LLMService(model="gpt-4o", capture=4, domain="d").complete("hello", system_prompt="be kind")
    (example,) = DistillationDataCollector().get_curated_examples()
    assert (example["prompt"], example["response"], example["domain"]) == ("hello", "I am gpt-4o", "d")
    assert example["messages"][0]["role"] == "system"


def test_complete_async_and_complete_many_return_answers(host: wire.Host) -> None:
    llm = LLMService(model="gpt-4o", record_costs=False)
    assert asyncio.run(llm.complete_async("hello"))["content"] == "I am gpt-4o"
    assert [answer["content"] for answer in llm.complete_many(["a", "b", "c"])] == ["I am gpt-4o"] * 3
    assert CostTracker().get_inference_costs() == {}
    llm.close()


def test_complete_without_key_or_with_invalid_arguments_raises() -> None:
    with pytest.raises(ConfigurationError, match="set OPENAI_API_KEY"):
        LLMService(model="gpt-4o").complete("hello")
    with pytest.raises(UsageError, match="prompt must not be empty"):
        LLMService(model="gpt-4o").complete(" ")
    with pytest.raises(UsageError, match="temperature must be between 0 and 2"):
        LLMService(model="gpt-4o").complete("x", temperature=3)
    with pytest.raises(UsageError, match="max_tokens must be a whole number of 1 or more"):
        LLMService(model="gpt-4o").complete("x", max_tokens=0)
    with pytest.raises(UsageError, match="model must be non-empty text"):
        LLMService(model="")


def test_complete_local_model_needs_no_network(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_MACHINE_USD_PER_HOUR", "1")
    llm = LLMService(model=str(tiny_model_dir), default_temperature=0)
    assert llm.is_local()
    answer = llm.complete("Where is my order?", max_tokens=8)
    assert 0 < answer["usage"]["completion_tokens"] <= 8
    assert answer["cost"] == pytest.approx(answer["latency_ms"] / 3.6e6)
    assert "".join(llm.complete_streaming("Where is my order?", max_tokens=8)) == answer["content"]
    llm.close()


def test_complete_missing_model_files_raises_with_the_folder(tmp_path: Path) -> None:
    registry = ModelRegistry()
    registry.register_model("m", "b", "j", 1, provider="local", provider_model=str(tmp_path / "gone"))
    registry.set_model_status("m", "DEPLOYED")
    with pytest.raises(NotFoundError, match="the files of m are gone: .*gone; train it again"):
        LLMService(model="m").complete("hello")


def test_complete_in_experiment_calls_both_models_and_records_samples(database: Database, host: wire.Host) -> None:
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


def test_complete_unit_outside_experiment_calls_the_default_model(host: wire.Host) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "small", "large", ramp=0.0)
    service = LLMService(model="usual", experiment="t")
    assert (service.complete("hello", unit_id="u")["model"], service.complete("hello")["experiment"]) == ("usual", None)
    with pytest.raises(NotFoundError, match="no test nowhere"):
        LLMService(model="usual", experiment="nowhere").complete("hello")
    for call in (lambda: list(service.complete_many(["a"])), lambda: list(service.complete_streaming("a"))):
        with pytest.raises(UsageError, match="the experiment t takes single calls: use complete"):
            call()


def test_complete_after_promotion_calls_the_promoted_model(host: wire.Host) -> None:
    registry, framework = ModelRegistry(), ABTestFramework()
    for name in ("small", "large"):
        registry.register_model(name, "base", "job", 1, provider=host.url, provider_model=name)
        registry.deploy_model(name)
    framework.create_test("t", "small", "large", auto=True)
    service = LLMService(model="small", experiment="t")
    for number in range(80):
        service.complete("hello", unit_id=f"u{number}", reference="I am large")
    (decided,) = framework.get_decisions("t")
    assert (decided["action"], decided["model"]) == ("promoted", "large-v1")
    answer = service.complete("hello", unit_id="u1")
    assert (answer["model"], answer["content"], answer["experiment"]) == ("large", "I am large", None)


def test_complete_failed_call_is_recorded_as_a_sample(host: wire.Host) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "small", "large")
    host.answers["POST /chat/completions"] = (400, {"error": {"message": "too long"}})
    with pytest.raises(ProviderError, match="too long"):
        LLMService(model="small", experiment="t").complete("hello", unit_id="u")
    result = framework.monitor("t")
    assert result.total_samples == 1
    assert result.model_a_accuracy != result.model_a_accuracy  # nobody knows


def test_complete_calls_of_one_unit_form_a_cluster_despite_an_invalid_reference(host: wire.Host) -> None:
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
    assert (arm["scores"]["count"], arm["by_cluster"]["errors"]["count"]) == (4, 1)


WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Oslo", "Bergen"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}


def test_complete_with_tools_returns_and_captures_the_calls(database: Database, host: wire.Host) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    host.answers["POST /chat/completions"] = lambda request: (
        200,
        {**reply(request)[1], "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]},
    )
    answer = LLMService(model="gpt-4o", capture=5).complete("Rain in Oslo?", tools=[WEATHER])
    assert (answer["content"], answer["tool_calls"], answer["finish_reason"]) == ("", [CALL], "tool_calls")
    (example,) = DistillationDataCollector().get_curated_examples()
    assert example["messages"][-1] == message
    assert example["tools"] == [WEATHER]


def test_complete_with_tools_by_a_model_whose_template_has_none(tiny_model_dir: Path) -> None:
    llm = LLMService(model=str(tiny_model_dir), default_temperature=0)
    asked: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False}
    answer = llm.complete("Rain in Oslo?", max_tokens=100, **asked)
    (call,) = answer["tool_calls"]
    assert (answer["content"], call["function"]["name"], answer["finish_reason"]) == ("", "weather", "tool_calls")
    assert json.loads(call["function"]["arguments"])["city"] in {"Oslo", "Bergen"}
    stream = llm.complete_streaming("Rain in Oslo?", max_tokens=100, **asked)
    assert list(stream) == []
    llm.close()
