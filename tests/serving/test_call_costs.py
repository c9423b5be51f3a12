"""What calls cost by the tokens and the tier of their answers, and the budgets that warn of them or refuse them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fine_tuning import ABTestFramework, CostTracker, LLMService, ModelRegistry
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.serving.answered_calls import answer_of
from fine_tuning.serving.engine import Completion
from fine_tuning.serving.model_resolution import Target
from fine_tuning.settings import get_settings
from fine_tuning.store import costs
from fine_tuning.store.database import Database
from tests import wire
from tests.serving.fake_host import FakeHost

PASSED_ON = '{"127.0.0.1/*": {"provider": "openai"}}'  # the host passes calls on, at OpenAI's prices
FEW = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def reply(request: wire.Request) -> tuple[int, dict[str, object]]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
    facts = {"id": "chat-1", "object": "chat.completion", "created": 1, "model": request.body["model"]}
    return 200, {**facts, "choices": [choice], "usage": FEW}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[wire.Host]:
    with wire.host() as running:
        running.answers["POST /chat/completions"] = reply
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://127.0.0.1", "127.0.0.1 has no published prices"),
        ("https://llm.example.com/", "llm.example.com has no published prices"),
        ("http://127.0.0.1:70000/v1", "the price cannot be computed: ValueError: Port"),
    ],
)
def test_answer_of_an_unpriced_host_is_kept_with_the_reason(database: Database, address: str, shown: str) -> None:
    completion = Completion("yes", "m", 1000, 100, 5.0, "stop")
    answer = answer_of(Target(address, "m"), "m", completion, get_settings())
    assert (answer["content"], answer["cost"]) == ("yes", None)
    assert str(answer["cost_note"]).startswith(shown)


CACHED = {
    "prompt_tokens": 10_000,
    "completion_tokens": 500,
    "total_tokens": 10_500,
    "prompt_tokens_details": {"cached_tokens": 9_000},
    "completion_tokens_details": {"reasoning_tokens": 400},
}


def cached_reply(request: wire.Request) -> tuple[int, dict[str, object]]:
    """A reply with cached and reasoning tokens, in the service tier that was asked for."""
    tier = request.body.get("service_tier")
    return 200, {**reply(request)[1], "usage": CACHED, **({"service_tier": tier} if tier else {})}


def test_complete_cached_tokens_and_tiers_decide_the_cost(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.answers["POST /chat/completions"] = cached_reply
    unknown = LLMService(model="gpt-4o").complete("hello")  # this host is not OpenAI
    assert unknown["cost"] is None
    assert "127.0.0.1" in str(unknown["cost_note"])
    monkeypatch.setenv("FINE_TUNING_PRICES", PASSED_ON)
    passed_on = LLMService(model="gpt-4o")
    answer = passed_on.complete("hello")
    assert answer["cost"] == pytest.approx(0.01875)
    assert (answer["usage"]["cached_tokens"], answer["usage"]["reasoning_tokens"]) == (9000, 400)
    assert passed_on.complete("hello", service_tier="flex")["cost"] is None
    flex = LLMService(model="o4-mini").complete("hello", service_tier="flex")
    assert (flex["cost"], flex["service_tier"]) == (pytest.approx(0.0028875), "flex")
    with database.read() as tx:
        first, second, third, fourth = costs.all_events(tx, "inference")
    assert [each["cost"] for each in (first, second, third)] == [None, pytest.approx(0.01875), None]
    assert second["metadata"]["usage"]["cached_tokens"] == 9000
    assert fourth["metadata"]["service_tier"] == "flex"
    assert "no price of gpt-4o in the service tier flex" in third["metadata"]["cost_note"]


def test_complete_streaming_counts_cached_tokens_and_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PASSED_ON)
    with FakeHost(usage=CACHED) as running:
        llm = LLMService(base_url=running.url, model="gpt-5")
        pieces = llm.complete_streaming("hello", service_tier="flex")
        while True:
            try:
                next(pieces)
            except StopIteration as end:
                answer = end.value
                break
        llm.close()
    assert answer["cost"] == pytest.approx(0.0036875)
    assert (answer["usage"]["cached_tokens"], answer["service_tier"]) == (9000, "flex")


def test_complete_budget_warns_at_80_percent_and_hard_refuses(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PASSED_ON)
    tracker, llm = CostTracker(), LLMService(model="gpt-4o")  # a call costs $0.0035
    tracker.set_budget("gpt-4o", 0.01)
    llm.complete("one")
    llm.complete("two")
    assert caplog.messages == []
    llm.complete("three")
    assert caplog.messages == ["the budget of gpt-4o has $0.0105 of $0.01 (105%) spent this month"]
    llm.complete("four")  # a budget that is not hard refuses no call
    assert len(caplog.messages) == 1
    LLMService(model="gpt-4o").complete("five")  # another process would not know
    assert len(caplog.messages) == 2
    tracker.set_budget("gpt-4o", 0.01, hard=True)
    sent = len(host.requests)
    for call in (
        lambda: llm.complete("six"),
        lambda: list(llm.complete_many(["six"])),
        lambda: list(llm.complete_streaming("six")),
    ):
        with pytest.raises(ConflictError, match=r"the budget of gpt-4o .* calls of gpt-4o are refused: .* --hard"):
            call()
    assert len(host.requests) == sent
    LLMService(model="gpt-4o-mini").complete("six")  # has no budget
    tracker.set_budget("*", 0.001, hard=True)
    with pytest.raises(ConflictError, match="the budget of all models"):
        LLMService(model="gpt-4o-mini").complete("seven")
    caplog.clear()
    tracker.set_budget("*", None)
    tracker.set_budget("mine", 1.0)
    for cost, lines in ((0.79, 0), (0.01, 1), (0.1, 1), (0.2, 2), (5.0, 2)):
        tracker.record_inference("mine", 1, cost, is_fine_tuned=True)
        assert len(caplog.messages) == lines


def test_complete_many_stops_at_a_hard_budget(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PASSED_ON)
    CostTracker().set_budget("gpt-4o", 0.0035 * 10, hard=True)
    answers = []
    with pytest.raises(ConflictError, match="calls of gpt-4o are refused"):
        for answer in LLMService(model="gpt-4o").complete_many([f"question {n}" for n in range(100)]):
            answers.append(answer)  # noqa: PERF402 - what came before the refusal is kept
    assert 10 <= len(answers) <= 16
    assert CostTracker().get_inference_costs()["gpt-4o"]["count"] == len(answers) == len(host.requests)


def test_complete_refused_by_budget_is_no_sample_of_a_test(
    host: wire.Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PASSED_ON)
    framework = ABTestFramework()
    framework.create_test("t", "gpt-4o", "gpt-4o-mini")
    CostTracker().set_budget("*", 0.0, hard=True)
    with pytest.raises(ConflictError, match="calls of gpt-4o"):
        LLMService(model="gpt-4o", experiment="t").complete("hello", unit_id="u")
    assert framework.get_test_results("t").total_samples == 0
    assert host.requests == []
    CostTracker().set_budget("*", 1.0, hard=True)
    monkeypatch.delenv("FINE_TUNING_PRICES")
    LLMService(model="gpt-4o").complete("hello")
    assert "has no known price and no budget counts it: 127.0.0.1" in caplog.text


def test_complete_registered_version_draws_on_the_budget_of_its_model(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PASSED_ON)
    registry, tracker = ModelRegistry(), CostTracker()
    registry.register_model("m", "base", "j", 1, provider=host.url, provider_model="gpt-4o")
    registry.set_model_status("m", "DEPLOYED")
    tracker.set_budget("m", 0.003, hard=True)
    LLMService(model="m-v1").complete("hello")
    for name in ("m", "m-v1"):
        with pytest.raises(ConflictError, match="the budget of m has"):
            LLMService(model=name).complete("hello")


@pytest.mark.parametrize("name", ["gpt-4o-2024-08-06", "openai/gpt-4o", "GPT-4o", "gpt-4o"])
def test_hard_budget_refuses_a_model_under_all_its_names(
    database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", '{"127.0.0.1/*": {"input": 1000, "output": 0}}')
    tracker = CostTracker()
    tracker.set_budget("gpt-4o", 2.0, hard=True)
    tracker.record_inference("azure/gpt-4o", 10, 1.0, is_fine_tuned=False)
    tracker.record_inference("gpt-4o-mini", 10, 50.0, is_fine_tuned=False)
    service = LLMService(model=name, base_url=host.url)
    service.complete("hello")
    assert tracker.get_budgets()[0]["spent"] == pytest.approx(2.0)
    with pytest.raises(ConflictError, match=r"the budget of gpt-4o has \$2.00 of \$2.00"):
        service.complete("hello")
    LLMService(model="gpt-4o-mini", base_url=host.url).complete("hello")


def test_budget_of_a_registered_name_is_not_of_others(database: Database) -> None:
    registry, tracker = ModelRegistry(), CostTracker()
    for name in ("mail", "mail-2024"):
        registry.register_model(name, "small", name, 10, cost=0.0)
        tracker.record_inference(name, 10, 1.0, is_fine_tuned=True)
        tracker.set_budget(name, 5.0, hard=True)
    assert [each["spent"] for each in tracker.get_budgets()] == [1.0, 1.0]


@pytest.mark.parametrize("name", ["inbox-v1", "inbox@champion"])
def test_budget_of_a_version_is_refused_in_one_line(database: Database, name: str) -> None:
    registry, tracker = ModelRegistry(), CostTracker()
    registry.register_model("inbox", "small", "j", 10, cost=0.0)
    registry.set_alias("inbox", "champion", 1)
    with pytest.raises(UsageError, match="calls of inbox count together, .* the budget of inbox"):
        tracker.set_budget(name, 5.0, hard=True)
    assert not tracker.set_budget(name, None)
