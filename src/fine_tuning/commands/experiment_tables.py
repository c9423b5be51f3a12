"""Tables of A/B tests for the terminal."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite, isnan
from typing import TYPE_CHECKING

from fine_tuning.commands import output

if TYPE_CHECKING:
    from fine_tuning.experiments.ab_test_result import ABTestResult
    from fine_tuning.experiments.sample_size import Plan
    from fine_tuning.experiments.simulation import SimulatedTests
    from fine_tuning.store.records.experiment_json import Arm
    from fine_tuning.store.records.experiments import ExperimentDecision


def print_result(result: ABTestResult, *, as_json: bool = False) -> None:
    """Print both models side by side, and the recommendation."""
    from fine_tuning.experiments.recommendation import recommend

    if as_json:
        output.print_json(facts(result))
        return
    accuracy = "Accuracy (95 %)#" if result.score == "binary" else "Mean score#"
    columns = ["", "Samples#", accuracy, "Mean latency#", "Cost per call#"]
    output.print_table(f"A/B test {result.test_id} ({result.status})", columns, _models(result))
    for each in result.comparisons:
        _print_comparison(result, each)
    for warning in result.all_warnings:
        output.print_text(f"note: {warning}")
    if result.late_samples:
        output.print_text(f"{result.late_samples:,} samples arrived after the test had ended and were not recorded")
    output.print_text(f"recommendation: {recommend(result).shown(result)}")


def _models(result: ABTestResult) -> list[tuple[object, ...]]:
    """A row for each model."""
    current = (result.model_a_samples, _accuracy(result, "model_a"), result.model_a_avg_latency)
    rows = [("model_a", result.model_a, *current, result.model_a_cost_per_inference)]
    for each in result.comparisons:
        figures = (each.model_b_samples, _accuracy(each, each.arm), each.model_b_avg_latency)
        rows.append((each.arm, each.model_b, *figures, each.model_b_cost_per_inference))
    return [
        (
            f"{_letter(arm)}: {model}",
            samples,
            accuracy,
            output.number(latency, "ms", 0),
            output.usd(cost),
        )
        for arm, model, samples, accuracy, latency, cost in rows
    ]


def _accuracy(result: ABTestResult, arm: Arm) -> str:
    """A model's share of right answers with its interval, so that one of one is not taken for certain; a mean of other
    scores as it is.
    """
    from fine_tuning.experiments.field_intervals import interval_of_share

    mean = result.model_a_accuracy if arm == "model_a" else result.model_b_accuracy
    if result.score != "binary":
        return _figure(mean)
    bounds = interval_of_share(result, arm)
    between = "" if bounds is None else f" ({bounds[0] * 100:.1f} to {bounds[1] * 100:.1f})"
    return output.percent(mean) + between


def _print_comparison(result: ABTestResult, each: ABTestResult) -> None:
    """What is known of a model beside model_a."""
    from fine_tuning.experiments.verdict import SECONDARY

    name = _letter(each.arm)
    verdict = "significant difference" if each.statistical_significance else "no significant difference"
    verdict = "no verdict" if each.withheld or each.changed else verdict
    against = f"{name} against A: " if result.others else ""
    output.print_text(f"{against}{each.design} design: {verdict} in scores (p = {p_value(each.p_value)})")
    scale, unit = (100, "points") if each.score == "binary" else (1, "")
    accuracy, latency = _interval(each, "accuracy", scale, unit), _interval(each, "latency", 1, "ms")
    alpha = (1 - result.confidence_level) / len(result.comparisons)
    levels = f"{1 - alpha:.4g}", f"{1 - alpha * SECONDARY:.4g}"
    effect = "" if accuracy == "unknown" else _effect(each, scale, unit)
    output.print_text(
        f"improvement of {name}: score {effect}{accuracy} (confidence {levels[0]}), latency {latency} ({levels[1]})"
    )
    if each.guardrails:
        rails = [
            (rail["name"], rail["status"], _figure(rail["model_a"]), _figure(rail["model_b"]))
            for rail in each.guardrails
        ]
        output.print_table("Guardrails", ["Measure", "Status", "A#", f"{name}#"], rails)


def _effect(each: ABTestResult, scale: float, unit: str) -> str:
    """The effect that the interval is of, and the difference that stands in the table where it is another."""
    if isnan(each.effect):
        return ""
    shown, plain = (f"{value * scale:+.3g} {unit}".rstrip() for value in (each.effect, each.accuracy_improvement))
    return f"{shown}, interval " if shown == plain else f"{shown} ({plain} between the plain means), interval "


def _letter(arm: str) -> str:
    """The letter of an arm: B of model_b."""
    return arm[-1].upper()


def facts(result: ABTestResult) -> dict[str, object]:
    """A result and its recommendation, for JSON."""
    from fine_tuning.experiments.recommendation import recommend

    return {**asdict(result), "recommendation": recommend(result).as_text(result)}


def print_results(results: dict[str, ABTestResult]) -> None:
    """Print tests with their recommendations, a line for each model beside A, and what to expect by chance."""
    from fine_tuning.experiments import multiplicity
    from fine_tuning.experiments.recommendation import recommend

    columns = ["Test", "A", "B", "Status", "Samples#", "Accuracy A#", "Accuracy B#", "p-value#", "Recommendation"]
    rows = [
        (
            test_id,
            result.model_a,
            f"{_letter(each.arm)}: {each.model_b}" if result.others else each.model_b,
            result.status,
            result.total_samples,
            _accuracy(result, "model_a"),
            _accuracy(each, each.arm),
            p_value(each.p_value),
            recommend(result).shown(result) if each is result else "",
        )
        for test_id, result in results.items()
        for each in result.comparisons
    ]
    output.print_table("A/B tests", columns, rows)
    if text := multiplicity.of(results.values()).as_text():
        output.print_text(text)


def print_decisions(decisions: list[ExperimentDecision]) -> None:
    """Print decisions, oldest first."""
    rows = [(output.utc(each["created_at"]), each["action"], each["model"], each["reason"]) for each in decisions]
    output.print_table("Decisions", ["Time", "Action", "Model", "Reason"], rows)


def print_plans(title: str, plans: list[Plan]) -> None:
    """Print the sample sizes of designs."""
    rows = [(each.design, each.most, _size(each.mean), _size(each.without_difference), each.in_all) for each in plans]
    output.print_table(title, ["Design", "For this power#", "Mean#", "Mean if equal#", "In all#"], rows)


def simulation_facts(found: SimulatedTests) -> dict[str, float]:
    """Outcomes of simulated tests, for JSON."""
    return {
        "model_b wins": found.wins_b,
        "model_a wins": found.wins_a,
        "no verdict": 1 - found.found,
        "mean samples per model": float(found.samples.mean()),
        "median samples per model": found.median_samples,
    }


def print_simulation(title: str, found: SimulatedTests) -> None:
    """Print the outcomes of simulated tests."""
    output.print_facts(
        title,
        {
            "model_b wins": output.percent(found.wins_b),
            "model_a wins": output.percent(found.wins_a),
            "no verdict": output.percent(1 - found.found),
            "mean samples per model": f"{float(found.samples.mean()):,.0f}",
            "median samples per model": f"{found.median_samples:,.0f}",
        },
    )


def p_value(value: float) -> str:
    """A p-value in two digits."""
    return "unknown" if isnan(value) else f"{value:.2g}"


def _size(size: float) -> str | None:
    return None if isnan(size) else f"{size:,.0f}"


def _figure(value: float) -> str:
    return "unknown" if isnan(value) else f"{value:.4g}"


def _interval(result: ABTestResult, measure: str, scale: float, unit: str) -> str:
    from fine_tuning.experiments.field_intervals import interval_of

    low, high = interval_of(result, measure)
    is_whole_scale = measure == "accuracy" and result.score == "binary" and (low, high) == (-1.0, 1.0)
    if not isfinite(low) or is_whole_scale:
        return "unknown"
    return f"{low * scale:+.3g} to {high * scale:+.3g} {unit}".rstrip()
