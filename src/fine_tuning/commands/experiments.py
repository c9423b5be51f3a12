"""A/B tests."""

from __future__ import annotations

import time
from dataclasses import asdict
from enum import StrEnum
from math import isfinite, isnan
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning._util import checks
from fine_tuning.commands import output
from fine_tuning.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from fine_tuning.experiments.verdict import ABTestResult

ARMS = ("model_a", "model_b")


class Kind(StrEnum):
    """When a test may have a verdict."""

    anytime = "anytime"
    group_sequential = "group_sequential"
    fixed = "fixed"


TestId = Annotated[str, typer.Argument(help="Id of the test.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Evaluation"
    app.command("setup-ab-test", rich_help_panel=panel)(setup_ab_test)
    ab = typer.Typer(help="Plan, simulate, monitor and conclude A/B tests.", no_args_is_help=True)
    for command in (plan, simulate, show, watch, assign, ramp, conclude):
        ab.command()(command)
    ab.command("list")(list_tests)
    app.add_typer(ab, name="ab", rich_help_panel=panel)


def setup_ab_test(
    test_id: TestId,
    model_a: Annotated[str, typer.Argument(help="The model in use.")],
    model_b: Annotated[str, typer.Argument(help="The model that may replace it.")],
    design: Annotated[Kind, typer.Option(help="When there may be a verdict.")] = Kind.anytime,
    alpha: Annotated[float, typer.Option(help="Rate of false winners to accept.")] = 0.05,
    planned: Annotated[int | None, typer.Option(help="Samples per model of a planned design; see `ab plan`.")] = None,
    looks: Annotated[int, typer.Option(help="Of group_sequential.")] = 8,
    metric: Annotated[str, typer.Option(help="That scores answers.")] = "exact_match",
    margin: Annotated[float, typer.Option(help="How much lower a score still counts as not worse.")] = 0.05,
    split: Annotated[float, typer.Option(help="Share of the units that see model_b.")] = 0.5,
    ramp: Annotated[float, typer.Option(help="Share of all units that take part.")] = 1.0,
    layer: Annotated[str | None, typer.Option(help="Tests of one layer share no units.")] = None,
    guardrail: Annotated[
        list[str] | None,
        typer.Option(
            help="MEASURE=MARGIN that model_b must keep, as latency=0.1, p95=0.2, errors=0.01, NAME:higher=0.1."
        ),
    ] = None,
    auto: Annotated[bool, typer.Option(help="Deploy the winner when the verdict is in.")] = False,
    as_json: output.Json = False,
) -> None:
    """Start an A/B test; production records samples with ABTestFramework.record_sample or LLMService."""
    from fine_tuning.ab_testing import ABTestFramework

    rails = output.key_values("--guardrail", guardrail or [])
    test = ABTestFramework().create_test(
        test_id, model_a, model_b, design=design.value, alpha=alpha, planned=planned, looks=looks, metric=metric,
        margin=margin, split=split, ramp=ramp, layer=layer, auto=auto,
        guardrails=[_guardrail(name, value) for name, value in rails.items()],
    )  # fmt: skip
    if as_json:
        output.print_json(test)
        return
    facts = {name: value for name, value in test.items() if name not in {"test_id", "design"}}
    output.print_facts(f"A/B test {test_id}", {**facts, "design": design.value, "alpha": alpha, "planned": planned})


def _guardrail(name: str, value: str) -> dict[str, Any]:
    """A guardrail as typed: a margin relative to model_a's figure, absolute for the rate of errors."""
    try:
        margin = float(value)
    except ValueError:
        raise UsageError(f"--guardrail {name} takes a number, not {value!r}") from None
    measure, colon, direction = name.partition(":")
    if colon and direction != "higher":
        raise UsageError(f"--guardrail {name}: after a colon only `higher` has a meaning, as in {measure}:higher=0.1")
    if measure == "p95":
        if colon:
            raise UsageError("--guardrail p95 is of latency, which is better where it is lower")
        return {"measure": "latency", "statistic": "p95", "margin": margin}
    return {
        "measure": measure,
        "margin": margin,
        "relative": name != "errors",
        "higher_is_better": direction == "higher",
    }


def plan(
    rate_a: Annotated[float, typer.Option(help="How often model_a is right, 0 to 1.")],
    rate_b: Annotated[float, typer.Option(help="How often model_b must be right for the difference to matter.")],
    alpha: Annotated[float, typer.Option(help="Rate of false winners to accept.")] = 0.05,
    power: Annotated[float, typer.Option(help="How often the difference is to be found.")] = 0.8,
    looks: Annotated[int, typer.Option(help="Of group_sequential.")] = 8,
    correlation: Annotated[
        float | None, typer.Option(help="Both models answer the same samples; how their right answers correlate.")
    ] = None,
    as_json: output.Json = False,
) -> None:
    """How many samples each design needs to tell two rates apart."""
    from fine_tuning.experiments import sample_size

    plans = sample_size.plan(rate_a, rate_b, alpha=alpha, power=power, looks=looks, correlation=correlation)
    if as_json:
        output.print_json([asdict(each) for each in plans])
        return
    what = "samples per model" if correlation is None else "pairs"
    rows = [(each.design, each.most, *map(_samples, (each.mean, each.without_difference))) for each in plans]
    title = f"{rate_a:.1%} against {rate_b:.1%} with alpha {alpha:g} and power {power:g}: {what}"
    output.print_table(title, ["Design", "For the power#", "Mean if so#", "Mean if equal#"], rows)


def _samples(size: float) -> str | None:
    return None if isnan(size) else f"{size:,.0f}"


def simulate(
    rate_a: Annotated[float, typer.Option(help="How often model_a is right, 0 to 1.")],
    rate_b: Annotated[float, typer.Option(help="How often model_b is right; the same for an A/A test.")],
    samples: Annotated[int, typer.Option(help="Of each model, after which a test is given up.")] = 2000,
    design: Annotated[Kind, typer.Option(help="When there may be a verdict.")] = Kind.anytime,
    alpha: Annotated[float, typer.Option(help="Rate of false winners to accept.")] = 0.05,
    looks: Annotated[int, typer.Option(help="Of group_sequential.")] = 8,
    correlation: Annotated[float | None, typer.Option(help="Of right answers to the same samples.")] = None,
    replications: Annotated[int, typer.Option(help="Tests to simulate.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the made-up answers.")] = 0,
    as_json: output.Json = False,
) -> None:
    """Run a design on made-up models, looked at after every sample: how often it names a winner, and how soon."""
    from fine_tuning.experiments.design import Design
    from fine_tuning.experiments.simulation import check
    from fine_tuning.experiments.simulation import simulate as run

    check(rate_a, rate_b, samples, replications, correlation)
    chosen = Design.of(kind=design.value, alpha=alpha, planned=samples, looks=looks)
    found = run(chosen, rate_a, rate_b, samples, replications, correlation=correlation, seed=seed)
    facts = {
        "model_b wins": float((found.favours > 0).mean()),
        "model_a wins": float((found.favours < 0).mean()),
        "no verdict": float((found.favours == 0).mean()),
        "mean samples per model": float(found.samples.mean()),
        "median samples per model": float(median(found.samples.tolist())),
    }
    if as_json:
        output.print_json(facts)
        return
    shown = {name: f"{value:,.0f}" if "samples" in name else output.percent(value) for name, value in facts.items()}
    output.print_facts(f"{replications:,} tests of {rate_a:.1%} against {rate_b:.1%}, {design.value}", shown)


def watch(
    test_id: TestId,
    every: Annotated[float, typer.Option(help="Seconds between looks.")] = 2.0,
) -> None:
    """Show a test as it goes on, until it is concluded or Ctrl-C."""
    from fine_tuning.ab_testing import ABTestFramework

    pause = checks.amount("--every", every)
    if pause is None or not 0.1 <= pause <= 86_400:
        raise UsageError(f"--every takes seconds, from 0.1 to a day, not {every:g}")
    framework = ABTestFramework()
    screen = output.console()
    while True:
        result = framework.monitor(test_id)
        if screen.is_terminal:
            screen.clear()
        print_result(result, framework.recommend_winner(result))
        if result.status != "running" or not screen.is_terminal:
            return
        time.sleep(pause)


def assign(
    test_id: TestId,
    unit: Annotated[list[str], typer.Argument(help="Users or conversations.")],
    as_json: output.Json = False,
) -> None:
    """Which arm units see; always the same."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework()
    found = {each: framework.assign(test_id, each) for each in unit}
    if as_json:
        output.print_json(found)
    else:
        output.print_table(
            f"Units of {test_id}", ["Unit", "Arm"], [(name, arm or "none") for name, arm in found.items()]
        )


def ramp(test_id: TestId, share: Annotated[float, typer.Argument(help="Of all units, 0 to 1.")]) -> None:
    """Let another share of the units take part; who is in stays in, with the same model."""
    from fine_tuning.ab_testing import ABTestFramework

    ABTestFramework().ramp(test_id, share)
    output.print_text(f"{share:.1%} of the units take part in {test_id}")


def list_tests(as_json: output.Json = False) -> None:
    """Every test and how it stands."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework()
    found = framework.get_all_results()
    if as_json:
        output.print_json({test_id: asdict(result) for test_id, result in found.items()})
        return
    columns = ["Test", "A", "B", "Status", "Samples#", "Accuracy A#", "Accuracy B#", "p#", "Recommendation"]
    rows = [
        (
            test_id,
            result.model_a,
            result.model_b,
            result.status,
            result.total_samples,
            output.percent(result.model_a_accuracy),
            output.percent(result.model_b_accuracy),
            _p(result.p_value),
            framework.recommend_winner(result),
        )
        for test_id, result in found.items()
    ]
    output.print_table("A/B tests", columns, rows)


def show(test_id: TestId, as_json: output.Json = False) -> None:
    """The verdict so far, without concluding, and what was decided; looking often does no harm."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework()
    result, decisions = framework.monitor(test_id), framework.get_decisions(test_id)
    if as_json:
        output.print_json({**_facts(result, framework.recommend_winner(result)), "decisions": decisions})
        return
    print_result(result, framework.recommend_winner(result))
    if decisions:
        rows = [(output.utc(each["created_at"]), each["action"], each["model"], each["reason"]) for each in decisions]
        output.print_table("Decisions", ["Time", "Action", "Model", "Reason"], rows)


def conclude(
    test_id: TestId,
    alpha: Annotated[float | None, typer.Option(help="Rate of false winners; the test's own by default.")] = None,
    even_empty: Annotated[bool, typer.Option("--even-empty", help="Also where a model has no samples.")] = False,
    as_json: output.Json = False,
) -> None:
    """End a test and keep its verdict."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework()
    result = framework.conclude_test(test_id, alpha, even_empty=even_empty)
    if result.status == "running":
        raise ConflictError(f"{test_id} stays open: {result.without_samples} has no samples; --even-empty ends it")
    print_result(result, framework.recommend_winner(result), as_json)


def print_result(result: ABTestResult, recommendation: str, as_json: bool = False) -> None:
    """Both arms side by side, and the recommendation."""
    from fine_tuning.experiments.verdict import SECONDARY

    if as_json:
        output.print_json(_facts(result, recommendation))
        return
    columns = ["", "Samples#", "Accuracy#", "Mean latency#", "Cost a call#"]
    rows = [
        (
            f"{letter}: {model}",
            samples,
            output.percent(accuracy),
            output.number(latency, "ms", 0),
            output.usd(cost),
        )
        for letter, model, samples, accuracy, latency, cost in (
            (
                "A",
                result.model_a,
                result.model_a_samples,
                result.model_a_accuracy,
                result.model_a_avg_latency,
                result.model_a_cost_per_inference,
            ),
            (
                "B",
                result.model_b,
                result.model_b_samples,
                result.model_b_accuracy,
                result.model_b_avg_latency,
                result.model_b_cost_per_inference,
            ),
        )
    ]
    output.print_table(f"A/B test {result.test_id} ({result.status})", columns, rows)
    verdict = "different" if result.statistical_significance else "no difference shown"
    output.print_text(f"{result.design}: scores {verdict} (p = {_p(result.p_value)})")
    scale, unit = (100, "points") if result.score == "binary" else (1, "")
    accuracy, latency = _interval(result, "accuracy", scale, unit), _interval(result, "latency", 1, "ms")
    alpha = 1 - result.confidence_level
    sure, surer = f"{1 - alpha:.4g}", f"{1 - alpha * SECONDARY:.4g}"
    output.print_text(f"B better by: score {accuracy} (confidence {sure}), latency {latency} (confidence {surer})")
    if result.guardrails:
        rails = [(rail["name"], rail["status"], *(_figure(rail[arm]) for arm in ARMS)) for rail in result.guardrails]
        output.print_table("Guardrails", ["Measure", "Status", "A#", "B#"], rails)
    if result.late_samples:
        output.print_text(f"{result.late_samples:,} samples came after the end and were not recorded")
    output.print_text(f"recommendation: {recommendation}")


def _figure(value: float) -> str:
    return "unknown" if isnan(value) else f"{value:.4g}"


def _p(value: float) -> str:
    return "unknown" if isnan(value) else f"{value:.2g}"


def _facts(result: ABTestResult, recommendation: str) -> dict[str, Any]:
    return {**asdict(result), "recommendation": recommendation}


def _interval(result: ABTestResult, measure: str, scale: float, unit: str) -> str:
    low, high = result.intervals[measure]
    return f"{low * scale:+.3g} to {high * scale:+.3g} {unit}".rstrip() if isfinite(low) else "unknown"
