"""`ft-cli ab`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning import ABTestFramework
from fine_tuning.store.database import Database


def test_setup_ab_test_with_options_stores_design(cli: Any, database: Database) -> None:
    options = "--design group_sequential --planned 100 --looks 4 --alpha 0.1 --metric token_f1 --layer l --ramp 0.5"
    rails = "--guardrail latency=0.1 --guardrail p95=0.2 --guardrail errors=0.01 --json"
    code, out, _ = cli("setup-ab-test", "t", "old", "new", *options.split(), *rails.split())
    design = json.loads(out)["design"]
    assert code == 0
    assert (design["kind"], design["planned"], design["looks"], design["alpha"]) == ("group_sequential", 100, 4, 0.1)
    assert (design["score"], design["layer"], design["ramp"]) == ("bounded", "l", 0.5)
    assert [(rail["measure"], rail["statistic"], rail["relative"]) for rail in design["guardrails"]] == [
        ("latency", "mean", True),
        ("latency", "p95", True),
        ("errors", "mean", False),
    ]


def test_ab_plan_and_simulate_print_tables_and_json(cli: Any) -> None:
    code, out, _ = cli("ab", "plan", "--rate-a", "0.6", "--rate-b", "0.8")
    assert code == 0
    for said in ("anytime", "group_sequential", "fixed", "samples per model"):
        assert said in out
    code, out, _ = cli("ab", "plan", "--rate-a", "0.8", "--rate-b", "0.85", "--correlation", "0.5", "--json")
    assert (code, [plan["design"] for plan in json.loads(out)]) == (0, ["fixed", "group_sequential", "anytime"])
    same = ["ab", "simulate", "--rate-a", "0.8", "--rate-b", "0.8", "--samples", "500", "--replications", "400"]
    facts = json.loads(cli(*same, "--json")[1])
    assert facts["no verdict"] >= 0.93
    assert facts["model_b wins"] + facts["model_a wins"] + facts["no verdict"] == pytest.approx(1)
    code, out, _ = cli(*same, "--design", "fixed")
    assert (code, "median samples per model" in out) == (0, True)


@pytest.mark.parametrize(
    ("samples", "shown"),
    [(1, "100.0 % (20.7 to 100.0)"), (2, "100.0 % (34.2 to 100.0)"), (5, "100.0 % (56.6 to 100.0)")],
)
def test_accuracy_over_few_samples_stands_with_its_interval(
    cli: Any, database: Database, samples: int, shown: str
) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new")
    for _ in range(samples):
        for arm in ("model_a", "model_b"):
            framework.record_sample("t", arm, "x", "x", None, None)
    for command in (["show", "t"], ["watch", "t"], ["list"], ["conclude", "t"], ["show", "t"]):
        assert shown in " ".join(cli("ab", *command)[1].split()), command


def test_accuracy_of_one_users_calls_is_that_of_one_unit(cli: Any, database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new")
    calls = [{"model": arm, "score": 1.0, "cluster_id": "u"} for arm in ("model_a", "model_b") for _ in range(50)]
    framework.record_samples("t", calls)
    assert "100.0 % (20.7 to 100.0)" in " ".join(cli("ab", "show", "t")[1].split())


def test_mean_of_real_scores_is_no_percentage(cli: Any, database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new", score="real")
    framework.record_samples("t", [{"model": arm, "score": 5.5} for arm in ("model_a", "model_b")])
    for command in (["show", "t"], ["list"]):
        out = cli("ab", *command)[1]
        assert ("5.5" in out, "550" in out) == (True, False), command
        assert ("the score of new is" in " ".join(out.split()), "the accuracy of" in out) == (True, False), command


def test_ab_commands_on_running_test_print_its_state(cli: Any, database: Database) -> None:
    cli("setup-ab-test", "t", "old", "new", "--guardrail", "errors=0.1")
    arms = json.loads(cli("ab", "assign", "t", "u1", "u2", "u3", "--json")[1])
    assert arms == {unit: ABTestFramework().assign("t", unit) for unit in ("u1", "u2", "u3")}
    assert "model_" in cli("ab", "assign", "t", "u1")[1]
    assert cli("ab", "ramp", "t", "0")[0] == 0
    assert "none" in cli("ab", "assign", "t", "u1")[1]
    samples = [{"model": arm, "score": float(n % 3 != 0)} for n in range(30) for arm in ("model_a", "model_b")]
    ABTestFramework().record_samples("t", samples)
    code, out, _ = cli("ab", "watch", "t")
    assert (code, "recommendation: TIE" in out, "Guardrails" in out) == (0, True, True)
    code, out, _ = cli("ab", "show", "t")
    assert (code, "ramped" in out) == (0, True)
    assert json.loads(cli("ab", "show", "t", "--json")[1])["decisions"][0]["action"] == "ramped"
    code, out, _ = cli("ab", "conclude", "t")
    assert (code, "completed" in out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("setup-ab-test", "t", "a", "b", "--design", "fixed"), 2, "a fixed test needs planned="),
        (("setup-ab-test", "t", "a", "b", "--guardrail", "latency"), 2, "--guardrail takes KEY=VALUE"),
        (("setup-ab-test", "t", "a", "b", "--guardrail", "latency=much"), 2, "--guardrail latency takes a number"),
        (("setup-ab-test", "t", "a", "b", "--auto"), 2, "a is not a registered model"),
        (("ab", "plan", "--rate-a", "0.8", "--rate-b", "0.8"), 2, "rate_a and rate_b are equal"),
        (("ab", "simulate", "--rate-a", "2", "--rate-b", "0.8"), 2, "rate_a must be between 0 and 1"),
        (("ab", "simulate", "--rate-a", "0.5", "--rate-b", "0.8", "--samples", "0"), 2, "samples must be"),
        (("ab", "watch", "nowhere"), 1, "no test nowhere"),
        (("ab", "assign", "nowhere", "u"), 1, "no test nowhere"),
        (("ab", "ramp", "nowhere", "0.5"), 1, "no test nowhere"),
    ],
)
def test_ab_commands_with_mistake_print_one_line(cli: Any, arguments: tuple[str, ...], code: int, said: str) -> None:
    found, _, err = cli(*arguments)
    assert (found, said in err, "Traceback" in err) == (code, True, False)


def test_ab_list_shows_every_arm_and_an_even_plan_is_per_model(cli: Any, database: Database) -> None:
    framework = ABTestFramework()
    framework.create_test("two", "old", "new")
    framework.create_test("m3", "old", "new", more=["small"])
    for arm, answer in (("model_a", "x"), ("model_b", "y"), ("model_c", "x")):
        framework.record_sample("m3", arm, answer, "x", None, None)
    lines = [line.split() for line in cli("ab", "list")[1].splitlines() if line.strip().startswith(("two ", "m3 "))]
    assert [line[1 : line.index("running")] for line in lines] == [
        ["old", "new"],
        ["old", "B:", "new"],
        ["old", "C:", "small"],
    ]
    assert "0.0 % (0.0 to 79.3)" in " ".join(lines[1])
    assert " ".join(lines[2]).count("100.0 % (20.7 to 100.0)") == 2
    plan = ["ab", "plan", "--rate-a", "0.6", "--rate-b", "0.8"]
    for options, unit in (
        (["--models", "4"], "samples per model"),
        (["--models", "4", "--split", "0.75"], "samples per model"),
        (["--models", "4", "--split", "0.5"], "samples of the rarer model"),
    ):
        assert unit in cli(*plan, *options)[1]


@pytest.mark.parametrize("is_concluded", [False, True])
def test_a_model_that_fails_every_call_is_named_and_its_test_counts_as_no_comparison(
    cli: Any, database: Database, is_concluded: bool
) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new")
    for _ in range(40):
        framework.record_sample("t", "model_a", "x", "x", None, None)
        framework.record_sample("t", "model_b", None, None, None, None, error="timeout")
    result = framework.conclude_test("t") if is_concluded else framework.monitor("t")
    assert framework.recommend_winner(result) == "TIE: no verdict: all 40 calls of new failed"
    assert "is concluded" not in cli("ab", "list")[1]


@pytest.mark.parametrize("samples", [0, 1, 20])
def test_a_concluded_test_asks_for_no_more_samples(database: Database, samples: int) -> None:
    framework = ABTestFramework()
    for design in ("anytime", "fixed"):
        framework.create_test(design, "old", "new", design=design, planned=100)
        for number in range(samples):
            for arm in ("model_a", "model_b"):
                framework.record_sample(design, arm, "x" if number % 3 else "y", "x", None, None)
        running = framework.recommend_winner(framework.monitor(design))
        said = framework.recommend_winner(framework.conclude_test(design, even_empty=True))
        assert (" more" in running, " more" in said) == (True, False)
