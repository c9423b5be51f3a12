"""Costs and return on investment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning.commands import output

if TYPE_CHECKING:
    from fine_tuning.costs.roi import CostAnalysis


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("cost-summary", rich_help_panel="Costs")(cost_summary)
    app.command("roi", rich_help_panel="Costs")(roi)


def cost_summary(as_json: output.Json = False) -> None:
    """What training and calls have cost, by model."""
    from fine_tuning.cost_tracker import CostTracker

    summary = CostTracker().get_cost_summary()
    if as_json:
        output.print_json(summary)
        return
    training, calls, evaluation = (
        summary["training_by_model"],
        summary["inference_by_model"],
        summary["evaluation_by_model"],
    )
    rows = [
        (
            name,
            output.usd(training[name]) if name in training else "-",
            calls.get(name, {}).get("count", 0),
            _total(calls.get(name)),
            _total(evaluation.get(name)),
        )
        for name in sorted({*training, *calls, *evaluation})
    ]
    rows.append(
        (
            "total",
            output.usd(summary["total_training_cost"]),
            sum(model["count"] for model in calls.values()),
            output.usd(summary["total_inference_cost"]),
            output.usd(summary["total_evaluation_cost"]),
        )
    )
    output.print_table("Costs", ["Model", "Training#", "Calls#", "Calls cost#", "Evaluation cost#"], rows)
    if summary["unpriced_events"]:
        typer.echo(
            f"{summary['unpriced_events']} events have no known price and are in no sum; "
            "FINE_TUNING_MACHINE_USD_PER_HOUR gives local work a price"
        )


def _total(calls: Mapping[str, Any] | None) -> str:
    if calls is None:
        return "-"
    return "unknown" if calls["unpriced"] == calls["count"] else output.usd(calls["total"])


def roi(
    name: Annotated[str, typer.Argument(help="Fine-tuned model.")],
    base_cost: Annotated[float, typer.Argument(help="US dollars a call of the model it replaces.")],
    calls: Annotated[int, typer.Argument(help="Calls expected in the horizon.")],
    days: Annotated[float, typer.Option(help="The horizon.")] = 30.0,
    as_json: output.Json = False,
) -> None:
    """When a fine-tuned model has paid for itself."""
    from fine_tuning.cost_tracker import CostTracker

    output.silence("fine_tuning.cost_tracker")  # what is unknown is printed below
    analysis = CostTracker().calculate_roi(name, base_cost, calls, horizon_days=days)
    if as_json:
        output.print_json(asdict(analysis))
    else:
        print_analysis(analysis)


def print_analysis(analysis: CostAnalysis) -> None:
    """The figures, and what is missing for those that are unknown."""
    facts = {
        "training": output.usd(analysis.training_cost),
        "cost a call": output.usd(analysis.inference_cost_per_call),
        "expected calls": f"{analysis.expected_inferences:,}",
        "break-even": output.number(analysis.break_even_inferences, "calls", 0),
        "return": "unknown"
        if analysis.roi_at_expected != analysis.roi_at_expected
        else f"{analysis.roi_at_expected:,.1%}",
        "payback": output.number(analysis.payback_days, "days"),
    }
    output.print_facts(f"Return on {analysis.model_name}", facts)
    for missing in analysis.unknown:
        typer.echo(f"unknown for lack of {missing}")
