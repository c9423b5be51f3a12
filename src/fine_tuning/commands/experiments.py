"""A/B tests."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output

if TYPE_CHECKING:
    from fine_tuning.experiments.verdict import ABTestResult

TestId = Annotated[str, typer.Argument(help="Id of the test.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Evaluation"
    app.command("setup-ab-test", rich_help_panel=panel)(setup_ab_test)
    ab = typer.Typer(help="A/B tests: list, show, conclude.", no_args_is_help=True)
    ab.command("list")(list_tests)
    ab.command("show")(show)
    ab.command("conclude")(conclude)
    app.add_typer(ab, name="ab", rich_help_panel=panel)


def setup_ab_test(
    test_id: TestId,
    model_a: Annotated[str, typer.Argument(help="The model in use.")],
    model_b: Annotated[str, typer.Argument(help="The model that may replace it.")],
    as_json: output.Json = False,
) -> None:
    """Start an A/B test; production records samples with ABTestFramework.record_sample."""
    from fine_tuning.ab_testing import ABTestFramework

    test = ABTestFramework().create_test(test_id, model_a, model_b)
    if as_json:
        output.print_json(test)
    else:
        output.print_facts(f"A/B test {test_id}", {name: value for name, value in test.items() if name != "test_id"})


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
            f"{result.p_value:.2g}",
            framework.recommend_winner(result),
        )
        for test_id, result in found.items()
    ]
    output.print_table("A/B tests", columns, rows)


def show(test_id: TestId, as_json: output.Json = False) -> None:
    """The verdict so far, without concluding; looking often does no harm."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework()
    result = framework.monitor(test_id)
    print_result(result, framework.recommend_winner(result), as_json)


def conclude(
    test_id: TestId,
    alpha: Annotated[float, typer.Option(help="Rate of false winners to accept.")] = 0.05,
    as_json: output.Json = False,
) -> None:
    """End a test and keep its verdict."""
    from fine_tuning.ab_testing import ABTestFramework

    framework = ABTestFramework()
    result = framework.conclude_test(test_id, alpha)
    print_result(result, framework.recommend_winner(result), as_json)


def print_result(result: ABTestResult, recommendation: str, as_json: bool = False) -> None:
    """Both arms side by side, and the recommendation."""
    if as_json:
        output.print_json({**asdict(result), "recommendation": recommendation})
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
    output.print_text(f"accuracy: {verdict} (always-valid p = {result.p_value:.2g})")
    accuracy, latency = _interval(result, "accuracy", 100, "points"), _interval(result, "latency", 1, "ms")
    output.print_text(f"B better by ({result.confidence_level:.0%} intervals): accuracy {accuracy}, latency {latency}")
    output.print_text(f"recommendation: {recommendation}")


def _interval(result: ABTestResult, measure: str, scale: float, unit: str) -> str:
    low, high = result.intervals[measure]
    return f"{low * scale:+.0f} to {high * scale:+.0f} {unit}" if isfinite(low) else "unknown"
