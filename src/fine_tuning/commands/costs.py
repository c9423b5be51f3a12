"""Costs and return on investment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from enum import StrEnum
from math import isinf, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning.commands import output
from fine_tuning.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from fine_tuning.costs.roi import CostAnalysis


class By(StrEnum):
    """What costs are summed by."""

    model = "model"
    day = "day"
    month = "month"
    kind = "kind"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("cost-summary", rich_help_panel="Costs")(cost_summary)
    app.command("roi", rich_help_panel="Costs")(roi)
    budget = typer.Typer(help="What a model may cost a month.", no_args_is_help=True)
    budget.command("set")(set_budget)
    budget.command("remove")(remove_budget)
    budget.command("list")(list_budgets)
    app.add_typer(budget, name="budget", rich_help_panel="Costs")


def cost_summary(
    by: Annotated[list[By] | None, typer.Option(help="model, day, month or kind; may be given often.")] = None,
    since: Annotated[str | None, typer.Option(help="The first day, as 2026-11-25.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page that draws it instead.")] = None,
    as_json: output.Json = False,
) -> None:
    """What training and calls have cost, by model; or by day, month and kind."""
    from fine_tuning.cost_tracker import CostTracker

    tracker = CostTracker()
    if html is not None:
        if by is not None or as_json:
            raise UsageError("--html draws days, kinds and models; leave --by and --json out")
        typer.echo(tracker.export_report(html, since))
        return
    if by is None and since is None:
        _by_model(tracker.get_cost_summary(), as_json=as_json)
        return
    names = ["model_name" if each is By.model else each.value for each in dict.fromkeys(by or [By.model])]
    found = tracker.get_costs_by(*names, since=since)
    if as_json:
        output.print_json(found)
        return
    columns = [*(name.replace("_name", "").capitalize() for name in names), "Cost#", "Events#", "Tokens#", "No price#"]
    rows = [
        (
            *(each[name] for name in names),
            "unknown" if each["unpriced"] == each["count"] else output.usd(each["total"]),
            each["count"], each["tokens"], each["unpriced"],
        )
        for each in found
    ]  # fmt: skip
    output.print_table("Costs", columns, rows)


def _by_model(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.print_json(summary)
        return
    training = summary["training_by_model"]
    kinds = [summary[f"{kind}_by_model"] for kind in ("inference", "evaluation", "judge")]
    names = sorted({*training, *(name for kind in kinds for name in kind)})
    rows = [
        (
            name,
            output.usd(training[name]) if name in training else "-",
            kinds[0].get(name, {}).get("count", 0),
            *(_total(kind.get(name)) for kind in kinds),
        )
        for name in names
    ]
    totals = [output.usd(summary[f"total_{kind}_cost"]) for kind in ("inference", "evaluation", "judge")]
    calls = sum(model["count"] for model in kinds[0].values())
    rows.append(("total", output.usd(summary["total_training_cost"]), calls, *totals))
    columns = ["Model", "Training#", "Calls#", "Calls cost#", "Evaluation cost#", "Judge cost#"]
    output.print_table("Costs", columns, rows)
    if summary["unpriced_events"]:
        typer.echo(
            f"{summary['unpriced_events']} events have no known price and are in no sum; "
            "FINE_TUNING_PRICES sets prices, FINE_TUNING_MACHINE_USD_PER_HOUR that of local work"
        )


def _total(calls: Mapping[str, Any] | None) -> str:
    if calls is None:
        return "-"
    return "unknown" if calls["unpriced"] == calls["count"] else output.usd(calls["total"])


Model = Annotated[str, typer.Argument(help="Model's name (of a job: its suffix); * is all together.")]


def set_budget(model: Model, usd: Annotated[float, typer.Argument(help="US dollars a calendar month (UTC).")]) -> None:
    """Limit what a model may cost; a job that is estimated at more than what is left is refused."""
    from fine_tuning.cost_tracker import CostTracker

    CostTracker().set_budget(model, usd)
    typer.echo(f"{model}: {output.usd(usd)} a month")


def remove_budget(model: Model) -> None:
    """Lift a limit."""
    from fine_tuning.cost_tracker import CostTracker

    if not CostTracker().set_budget(model, None):
        raise NotFoundError(f"{model} has no budget; ft-cli budget list shows those that have")
    typer.echo(f"{model} has no budget any more")


def list_budgets(as_json: output.Json = False) -> None:
    """Each budget, and what is spent of it this month."""
    from fine_tuning.cost_tracker import CostTracker

    found = CostTracker().get_budgets()
    if as_json:
        output.print_json(found)
        return
    if not found:
        typer.echo("no budget is set; ft-cli budget set MODEL USD sets one")
        return
    rows = [
        (each["model_name"], output.usd(each["usd_per_month"]), output.usd(each["spent"]), output.usd(each["left"]),
         each["unpriced"])
        for each in found
    ]  # fmt: skip
    output.print_table("Budgets of this month", ["Model", "Budget#", "Spent#", "Left#", "Events without price#"], rows)


def roi(
    name: Annotated[str, typer.Argument(help="Fine-tuned model.")],
    base_cost: Annotated[
        float, typer.Argument(help="US dollars a call of the model it replaces; nan to take its recorded calls.")
    ],
    calls: Annotated[int, typer.Argument(help="Calls expected in the horizon.")],
    days: Annotated[float, typer.Option(help="The horizon.")] = 30.0,
    base_model: Annotated[str | None, typer.Option(help="Whose recorded calls; what it was trained on.")] = None,
    error_cost: Annotated[float, typer.Option(help="US dollars that an avoided error is worth.")] = 10.0,
    as_json: output.Json = False,
) -> None:
    """When a fine-tuned model has paid for itself."""
    from fine_tuning.cost_tracker import CostTracker

    output.silence_logger("fine_tuning.cost_tracker")  # what is unknown is printed below
    analysis = CostTracker().calculate_roi(name, base_cost, calls, error_cost, horizon_days=days, base_model=base_model)
    if as_json:
        output.print_json(asdict(analysis))
    else:
        print_analysis(analysis)


def print_analysis(analysis: CostAnalysis) -> None:
    """The figures with their intervals, what they rest on, and what is missing for those that are unknown."""
    shown: dict[str, tuple[float, Callable[[float], str]]] = {
        "savings": (analysis.savings, output.usd),
        "accuracy_value": (analysis.accuracy_value, output.usd),
        "break_even_inferences": (analysis.break_even_inferences, lambda each: output.number(each, "calls", 0)),
        "roi_at_expected": (analysis.roi_at_expected, _ratio),
        "payback_days": (analysis.payback_days, lambda each: output.number(each, "days")),
    }
    labels = {
        "savings": "savings", "accuracy_value": "avoided errors", "break_even_inferences": "break-even",
        "roi_at_expected": "return", "payback_days": "payback",
    }  # fmt: skip
    rows: list[tuple[str, str, str]] = [
        ("training", output.usd(analysis.training_cost), ""),
        ("cost a call", output.usd(analysis.inference_cost_per_call), ""),
        ("expected calls", f"{analysis.expected_inferences:,}", ""),
    ]
    for name, (value, show) in shown.items():
        ends = analysis.intervals.get(name)
        is_one = ends is not None and ends[0] == ends[1]
        between = "" if ends is None or is_one else f"{show(ends[0])} to {show(ends[1])}"
        rows.append((labels[name], show(value), between))
    output.print_table(f"Return on {analysis.model_name}", ["", "Figure#", "95 % interval#"], rows)
    for line in analysis.assumptions:
        output.print_text(f"assumed: {line}")
    for missing in analysis.unknown:
        output.print_text(f"unknown for lack of {missing}")


def _ratio(value: float) -> str:
    if isinf(value):
        return "no end" if value > 0 else "a loss"
    return "unknown" if isnan(value) else f"{value:,.1%}"
