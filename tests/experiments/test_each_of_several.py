"""Of several models each stands for itself: its guardrails, its verdict, its part of alpha and its valid comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelRegistry
from fine_tuning.experiments.recommendation import recommend
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.overview import overview

ARMS = ("model_a", "model_b", "model_c", "model_d", "model_e")
FAST_ENOUGH: dict[str, Any] = {"guardrails": [{"measure": "latency", "statistic": "mean", "margin": 0.1}]}
Rate = float | Callable[[int], float]


def shuffled(rates: tuple[Rate, ...], count: int, seed: int = 0, slow: str = "", **more: Any) -> list[dict[str, Any]]:
    """So many samples of each arm, in random order; calls of the slow arm take four times as long."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        for place in rng.permutation(len(rates)):
            rate = rates[place]
            score = float(rng.random() < (rate if isinstance(rate, float) else rate(number)))
            latency = (400 if ARMS[place] == slow else 100) * rng.lognormal(0, 0.2)
            found.append({"model": ARMS[place], "score": score, "latency_ms": latency, **more})
    return found


def until_decided(test_id: str, rates: tuple[float, ...], blocks: int, **more: Any) -> ABTestFramework:
    framework = ABTestFramework()
    for seed in range(blocks):
        framework.record_samples(test_id, shuffled(rates, 50, seed, **more))
        if framework.get_decisions(test_id):
            break
    return framework


@pytest.fixture
def registry() -> ModelRegistry:
    """Three versions of `m`, of which the second is deployed."""
    found = ModelRegistry()
    for number in range(3):
        found.register_model("m", "base", f"job-{number}", 1)
    found.deploy_model("m", 2)
    return found


def deployed(registry: ModelRegistry) -> int:
    record = registry.get_deployed_version("m")
    assert record is not None
    return record["version"]


def test_guardrail_that_another_model_breaks_rolls_nobody_back(registry: ModelRegistry) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "m-v1", "m-v2", more=["m-v3"], auto=True, **FAST_ENOUGH)
    framework.record_samples("t", shuffled((0.7, 0.7, 0.7), 100, slow="model_c"))
    result = framework.monitor("t")
    assert [each.guardrails[0]["status"] for each in result.comparisons] == ["open", "broken"]
    assert (framework.get_decisions("t"), result.status, deployed(registry)) == ([], "running", 2)


@pytest.mark.parametrize("slow", ["model_b", "model_c"])
def test_better_model_is_promoted_though_another_breaks_its_guardrail(registry: ModelRegistry, slow: str) -> None:
    registry.deploy_model("m", 1)
    ABTestFramework().create_test("t", "m-v1", "m-v2", more=["m-v3"], auto=True, **FAST_ENOUGH)
    (decided,) = until_decided("t", (0.5, 0.9, 0.9), 10, slow=slow).get_decisions("t")
    good = {"model_b": 3, "model_c": 2}[slow]
    assert (decided["action"], decided["model"], deployed(registry)) == ("promoted", f"m-v{good}", good)


@pytest.mark.parametrize(("version", "place"), [(2, "model_b"), (3, "model_c")])
@pytest.mark.parametrize("is_slow", [True, False])
def test_deployed_model_is_rolled_back_for_its_own_loss(
    registry: ModelRegistry, version: int, place: str, is_slow: bool
) -> None:
    registry.deploy_model("m", version)
    ABTestFramework().create_test("t", "m-v1", "m-v2", more=["m-v3"], auto=True, **FAST_ENOUGH)
    rates = [0.7, 0.7, 0.7]
    rates[ARMS.index(place)] = 0.7 if is_slow else 0.2
    framework = until_decided("t", tuple(rates), 10, slow=place if is_slow else "")
    (decided,) = framework.get_decisions("t")
    assert (decided["action"], deployed(registry)) == ("rolled_back", 1)
    assert decided["reason"].startswith(f"m-v{version}: {'guardrail broken: latency' if is_slow else 'score 0.'}")
    assert f"m-v{5 - version}" not in decided["reason"]


def test_test_ends_where_each_model_is_settled_in_its_own_way(registry: ModelRegistry) -> None:
    framework = ABTestFramework()
    choices = {"design": "fixed", "planned": 300, "auto": True, **FAST_ENOUGH}
    framework.create_test("t", "m-v1", "m-v2", more=["m-v3"], **choices)
    rows = shuffled((0.7, 0.7, 0.7), 300, slow="model_c")
    framework.record_samples("t", rows[:-30])
    assert framework.get_decisions("t") == []
    framework.record_samples("t", rows[-30:])
    (decided,) = framework.get_decisions("t")
    assert (decided["action"], decided["model"], deployed(registry)) == ("kept", "m-v1", 2)
    assert decided["reason"].startswith("m-v2: no difference found in the planned samples")
    assert decided["reason"].endswith("; m-v3: guardrail broken: latency")


def test_model_that_only_breaks_a_guardrail_is_not_called_worse() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "slow", more=["bad", "new"], **FAST_ENOUGH)
    framework.record_samples("t", shuffled((0.7, 0.72, 0.2, 0.7), 200, slow="model_b"))
    advice = recommend(framework.monitor("t"))
    assert advice.winner is None
    slow, bad, new = advice.text.split("; ", 2)
    assert (slow, bad) == ("slow: breaks the guardrail latency", "bad: old scores better")
    assert new.startswith("new: ")
    found = [each.what for each in overview(open_workspace()).needs if "guardrail" in each.what]
    assert found == ["test t (slow) violates its guardrail on latency"]


def test_overview_names_the_guardrail_of_a_further_model() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new", more=["slow"], **FAST_ENOUGH)
    framework.record_samples("t", shuffled((0.7, 0.7, 0.7), 200, slow="model_c"))
    assert "test t (slow) violates its guardrail on latency" in [each.what for each in overview(open_workspace()).needs]


@pytest.mark.parametrize("valid", ["model_b", "model_c"])
def test_incumbent_is_that_of_the_versions_own_valid_comparison(valid: str) -> None:
    for name in ("fades", "lasts"):
        ModelRegistry().register_model(name, "small", f"job-{name}", 10, cost=1.0)
    framework = ABTestFramework()
    names = ["lasts", "fades"] if valid == "model_b" else ["fades", "lasts"]
    framework.create_test("t", "gpt-4o", names[0], more=names[1:])
    rates: dict[str, Rate] = {"lasts": 0.8, "fades": lambda number: 0.9 if number < 300 else 0.4}
    framework.record_samples("t", shuffled((0.6, *(rates[name] for name in names)), 1500, 3))
    result = framework.conclude_test("t")
    assert [bool(each.changed) for each in result.comparisons] == [name == "fades" for name in names]
    analysis = {name: CostTracker().calculate_roi(name, 0.01, 1000) for name in names}
    assert (analysis["lasts"].incumbent, analysis["fades"].incumbent) == ("gpt-4o", None)


def test_incumbent_is_that_of_the_test_that_was_concluded_last() -> None:
    ModelRegistry().register_model("m", "small", "job", 10, cost=1.0)
    framework = ABTestFramework()
    for test_id in ("long", "short"):
        framework.create_test(test_id, f"incumbent-of-{test_id}", "m-v1")
        framework.record_samples(test_id, shuffled((0.7, 0.7), 60))
    for test_id in ("short", "long"):
        framework.conclude_test(test_id)
    assert CostTracker().calculate_roi("m", 0.01, 1000).incumbent == "incumbent-of-long"


@pytest.mark.parametrize("design", ["anytime", "fixed"])
def test_cheaper_and_not_worse_divides_alpha_among_several_models(design: str) -> None:
    framework, costs = ABTestFramework(), np.random.default_rng(1)
    choices: dict[str, Any] = {"design": design, "planned": 200}
    rows = [
        {**row, "cost": (0.01 if row["model"] == "model_a" else 0.001) * costs.lognormal(0, 0.3)}
        for row in shuffled((0.8,) * 5, 200, 7)
    ]
    framework.create_test("several", "a", "b", more=["c", "d", "e"], **choices)
    framework.record_samples("several", rows)
    for test_id, alpha in (("two", 0.05), ("cautious", 0.05 / 4)):
        framework.create_test(test_id, "a", "b", alpha=alpha, **choices)
        framework.record_samples(test_id, [row for row in rows if row["model"] in ARMS[:2]])
    several, two, cautious = (framework.cheaper_and_not_worse(name) for name in ("several", "two", "cautious"))
    for statement in ("cheaper", "not_worse"):
        assert several[statement]["bound"] == pytest.approx(cautious[statement]["bound"])  # type: ignore[literal-required]
        assert several[statement]["bound"] < two[statement]["bound"]  # type: ignore[literal-required]
