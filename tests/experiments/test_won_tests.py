"""A test that was won does not open the gate of a version that has lost to the same model since."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning import ABTestFramework, ModelRegistry
from fine_tuning.errors import ConflictError
from fine_tuning.store.database import Database
from tests.experiments.test_each_of_several import FAST_ENOUGH, Rate, shuffled


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> ModelRegistry:
    """Two versions of `m`, of which the first is deployed; only a won test opens the gate."""
    found = ModelRegistry()
    for number in range(2):
        found.register_model("m", "base", f"job-{number}", 1)
    found.deploy_model("m", 1)
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "experiment")
    return ModelRegistry()


def concluded(test_id: str, models: tuple[str, ...], rates: tuple[Rate, ...], count: int = 250, **more: Any) -> None:
    """Record samples of a new test and conclude it."""
    framework, slow = ABTestFramework(), more.pop("slow", "")
    framework.create_test(test_id, models[0], models[1], more=list(models[2:]), **more)
    framework.record_samples(test_id, shuffled(rates, count, slow=slow))
    framework.conclude_test(test_id)


def is_open(registry: ModelRegistry, name: str = "m", version: int = 2) -> bool:
    try:
        registry.deploy_model(name, version)
    except ConflictError as error:
        if "but t2 contradicts it" in str(error) or "but long contradicts it" in str(error):
            return False
        raise
    return True


@pytest.mark.parametrize(("won", "lost"), [("m", "m-v1"), ("m-v1", "m"), ("m", "m@stable"), ("m@stable", "m-v1")])
def test_version_that_lost_to_the_same_version_by_another_name_stays_shut(
    registry: ModelRegistry, won: str, lost: str
) -> None:
    registry.set_alias("m", "stable", 1)
    concluded("t1", (won, "m-v2"), (0.5, 0.9))
    concluded("t2", (lost, "m-v2"), (0.9, 0.5))
    assert not is_open(registry)


def test_version_that_lost_by_its_alias_stays_shut(database: Database, registry: ModelRegistry) -> None:
    registry.set_alias("m", "next", 2)
    concluded("t1", ("gpt-4o", "m-v2"), (0.5, 0.9))
    concluded("t2", ("gpt-4o", "m@next"), (0.9, 0.5))
    assert not is_open(registry)


def test_version_that_won_by_its_alias_is_open(registry: ModelRegistry) -> None:
    registry.set_alias("m", "next", 2)
    concluded("t1", ("m@next", "gpt-4o"), (0.9, 0.5))
    assert is_open(registry)


@pytest.mark.parametrize(
    ("won", "lost"),
    [
        ("gpt-4o", "openai/gpt-4o"),
        ("azure/gpt-4o", "gpt-4o-2024-08-06"),
        ("claude-3-5-sonnet-20241022", "anthropic/claude-3.5-sonnet"),
        ("k-v1", "ft:small:o::1"),  # as its host calls it
        ("ft:small:o::1", "k"),
    ],
)
def test_version_that_lost_to_the_same_model_of_a_host_stays_shut(registry: ModelRegistry, won: str, lost: str) -> None:
    registry.register_model("k", "small", "job-k", 1, provider="local", provider_model="ft:small:o::1")
    concluded("t1", (won, "m-v2"), (0.5, 0.9))
    concluded("t2", (lost, "m-v2"), (0.9, 0.5))
    assert not is_open(registry)


@pytest.mark.parametrize("other", ["gpt-4.1", "gpt-4o-mini", "m-v1"])
def test_version_that_lost_to_another_model_is_open(registry: ModelRegistry, other: str) -> None:
    concluded("t1", ("gpt-4o", "m-v2"), (0.5, 0.9))
    concluded("t2", (other, "m-v2"), (0.9, 0.5))
    assert is_open(registry)


@pytest.mark.parametrize("won", [("gpt-4o", "m-v2"), ("m-v2", "gpt-4o")])
@pytest.mark.parametrize(
    "lost",
    [
        ("m-v2", "gpt-4o"),
        ("m-v2", "gpt-4.1", "gpt-4o"),
        ("m-v2", "gpt-4o", "gpt-4.1"),
        ("gpt-4.1", "m-v2", "gpt-4o"),
        ("gpt-4.1", "gpt-4o", "m-v2"),
        ("gpt-4o", "gpt-4.1", "m-v2"),
    ],
)
def test_version_that_lost_in_any_order_of_arms_stays_shut(
    registry: ModelRegistry, won: tuple[str, ...], lost: tuple[str, ...]
) -> None:
    first, then = {"gpt-4o": 0.5, "m-v2": 0.9}, {"gpt-4o": 0.95, "m-v2": 0.4, "gpt-4.1": 0.5}
    concluded("t1", won, tuple(first[model] for model in won))
    concluded("t2", lost, tuple(then[model] for model in lost), 400)
    assert not is_open(registry)


@pytest.mark.parametrize("models", [("gpt-4o", "m-v2", "gpt-4.1"), ("gpt-4o", "gpt-4.1", "m-v2")])
def test_version_that_is_better_again_beside_a_best_one_is_open(
    registry: ModelRegistry, models: tuple[str, ...]
) -> None:
    concluded("t1", ("gpt-4o", "m-v2"), (0.5, 0.9))
    rates = {"gpt-4o": 0.4, "m-v2": 0.8, "gpt-4.1": 0.97}
    concluded("t2", models, tuple(rates[model] for model in models))
    assert ABTestFramework().recommend_winner(ABTestFramework().monitor("t2")) == "gpt-4.1"
    assert is_open(registry)


@pytest.mark.parametrize("models", [("gpt-4o", "m-v2"), ("m-v2", "gpt-4o"), ("gpt-4o", "gpt-4.1", "m-v2")])
def test_effect_that_changed_since_a_win_shuts_the_gate(registry: ModelRegistry, models: tuple[str, ...]) -> None:
    concluded("t1", ("gpt-4o", "m-v2"), (0.5, 0.9))
    rates: dict[str, Rate] = {"gpt-4o": 0.6, "gpt-4.1": 0.6, "m-v2": lambda number: 0.9 if number < 300 else 0.4}
    concluded("t2", models, tuple(rates[model] for model in models), 1500)
    result = ABTestFramework().monitor("t2")
    assert any(each.changed for each in result.comparisons)
    assert not is_open(registry)


@pytest.mark.parametrize("rate", [0.5, 0.95])
def test_guardrail_that_broke_since_a_win_shuts_the_gate(registry: ModelRegistry, rate: float) -> None:
    concluded("t1", ("gpt-4o", "m-v2"), (0.5, 0.9))
    concluded("t2", ("gpt-4o", "m-v2"), (0.5, rate), slow="model_b", **FAST_ENOUGH)
    assert not is_open(registry)


def test_guardrail_that_another_model_broke_leaves_the_gate_open(registry: ModelRegistry) -> None:
    concluded("t1", ("gpt-4o", "m-v2"), (0.5, 0.9))
    concluded("t2", ("gpt-4o", "m-v2", "gpt-4.1"), (0.7, 0.7, 0.7), slow="model_c", **FAST_ENOUGH)
    assert is_open(registry)


def test_later_is_the_test_that_was_concluded_later(registry: ModelRegistry) -> None:
    framework = ABTestFramework()
    framework.create_test("long", "gpt-4o", "m-v2")
    concluded("short", ("gpt-4o", "m-v2"), (0.5, 0.9))
    framework.record_samples("long", shuffled((0.9, 0.5), 250))
    framework.conclude_test("long")
    assert not is_open(registry)


def test_version_that_won_again_since_a_loss_is_open(registry: ModelRegistry) -> None:
    for test_id, rates in (("t1", (0.5, 0.9)), ("t2", (0.9, 0.5)), ("t3", (0.5, 0.9))):
        concluded(test_id, ("openai/gpt-4o", "m-v2"), rates)
    assert is_open(registry)


def test_withheld_test_says_nothing_about_a_win(registry: ModelRegistry) -> None:
    framework = ABTestFramework()
    concluded("t1", ("gpt-4o", "m-v2"), (0.5, 0.9))
    framework.create_test("t2", "gpt-4o", "m-v2")
    framework.record_samples("t2", [*shuffled((0.9, 0.5), 200), *shuffled((0.9,), 400)])
    assert framework.conclude_test("t2").withheld
    assert is_open(registry)
