"""Costs, budgets and return on investment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from math import isinf, isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from fine_tuning.costs.cost_summary import CostSummary
    from fine_tuning.costs.roi import CostAnalysis
    from fine_tuning.store.records.costs import CallTotals


class By(StrEnum):
    """Columns that costs are grouped by."""

    model = "model"
    day = "day"
    month = "month"
    kind = "kind"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("cost-summary", rich_help_panel="Costs")(cost_summary)
    app.command("roi", rich_help_panel="Costs")(with_options(roi))
    budget = typer.Typer(help="Set, list and remove monthly budgets by model.", no_args_is_help=True)
    budget.command("set")(set_budget)
    budget.command("remove")(remove_budget)
    budget.command("list")(list_budgets)
    app.add_typer(budget, name="budget", rich_help_panel="Costs")


def cost_summary(
    by: Annotated[list[By] | None, typer.Option(help="Group by model, day, month or kind. Repeatable.")] = None,
    since: Annotated[str | None, typer.Option(help="Only costs from this day on, such as 2026-11-25.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write an HTML report with a chart to this file instead.")] = None,
    as_json: output.Json = False,
) -> None:
    """Sum the costs of training and calls by model, day, month or kind."""
    from fine_tuning.cost_tracker import CostTracker

    tracker = CostTracker(workspace=command_workspace())
    if html is not None:
        if by is not None or as_json:
            raise UsageError("--html groups by day, kind and model; omit --by and --json")
        output.echo(tracker.export_report(html, since))
        return
    if by is None and since is None:
        _print_summary(tracker.get_cost_summary(), as_json=as_json)
        return
    names = ["model_name" if each is By.model else each.value for each in dict.fromkeys(by or [By.model])]
    found = tracker.get_costs_by(*names, since=since)
    if as_json:
        output.print_json(found)
        return
    columns = [*(name.replace("_name", "").capitalize() for name in names), "Cost#", "Events#", "Tokens#", "Unpriced#"]
    rows = [(*_group(each, names), _total(each), each["count"], each["tokens"], each["unpriced"]) for each in found]
    output.print_table("Costs", columns, rows)


def _group(row: Mapping[str, object], columns: list[str]) -> list[object]:
    return [row[column] for column in columns]


def _print_summary(summary: CostSummary, *, as_json: bool) -> None:
    if as_json:
        output.print_json(summary)
        return
    training = summary["training_by_model"]
    inference = summary["inference_by_model"]
    kinds = [inference, summary["evaluation_by_model"], summary["judge_by_model"], summary["labelling_by_model"]]
    names = sorted({*training, *(name for kind in kinds for name in kind)})
    rows = [
        (
            name,
            output.usd(training[name]) if name in training else "-",
            inference[name]["count"] if name in inference else 0,
            *(_total(kind.get(name)) for kind in kinds),
        )
        for name in names
    ]
    totals = [
        summary["total_inference_cost"],
        summary["total_evaluation_cost"],
        summary["total_judge_cost"],
        summary["total_labelling_cost"],
    ]
    calls = sum(model["count"] for model in inference.values())
    rows.append(("total", output.usd(summary["total_training_cost"]), calls, *map(output.usd, totals)))
    columns = [
        "Model",
        "Training cost#",
        "Calls#",
        "Inference cost#",
        "Evaluation cost#",
        "Judge cost#",
        "Labelling cost#",
    ]
    output.print_table("Costs", columns, rows)
    for job, names in summary["shared_jobs"].items():
        output.print_text(f"job {job} trained {' and '.join(names)}: it is paid once, and counts once in the total")
    if summary["unpriced_events"]:
        output.echo(
            f"{summary['unpriced_events']} events have no known price and are not included; set prices of models and "
            "hosts with FINE_TUNING_PRICES, and the price of this machine with FINE_TUNING_MACHINE_USD_PER_HOUR"
        )


def _total(calls: CallTotals | None) -> str:
    if calls is None:
        return "-"
    return "unknown" if calls["unpriced"] == calls["count"] else output.usd(calls["total"])


Model = Annotated[str, typer.Argument(help="Model name (the suffix of a job), or * for all models together.")]


def set_budget(
    model: Model,
    usd: Annotated[float, typer.Argument(help="US dollars per calendar month (UTC).")],
    hard: Annotated[bool, typer.Option("--hard", help="Refuse calls too when the budget is spent.")] = False,
) -> None:
    """Set a model's monthly budget. Refuse jobs whose estimate exceeds the rest, and warn at 80 %."""
    from fine_tuning.cost_tracker import CostTracker

    CostTracker(workspace=command_workspace()).set_budget(model, usd, hard=hard)
    refuses = "; calls are refused when it is spent" if hard else ""
    output.echo(f"{model}: {output.usd(usd)} a month{refuses}")


def remove_budget(model: Model) -> None:
    """Remove a model's budget."""
    from fine_tuning.cost_tracker import CostTracker

    if not CostTracker(workspace=command_workspace()).set_budget(model, None):
        raise NotFoundError(f"{model} has no budget; ft-cli budget list shows the budgets")
    output.echo(f"removed the budget of {model}")


def list_budgets(as_json: output.Json = False) -> None:
    """List budgets and the amount spent this month."""
    from fine_tuning.cost_tracker import CostTracker

    found = CostTracker(workspace=command_workspace()).get_budgets()
    if as_json:
        output.print_json(found)
        return
    if not found:
        output.echo("no budget is set; ft-cli budget set MODEL USD sets one")
        return
    rows = [
        (
            each["model_name"],
            output.usd(each["usd_per_month"]),
            output.usd(each["spent"]),
            output.usd(each["left"]),
            "yes" if each["hard"] else "no",
            each["unpriced"],
        )
        for each in found
    ]
    output.print_table(
        "Budgets this month", ["Model", "Budget#", "Spent#", "Left#", "Refuses calls", "Unpriced events#"], rows
    )


@dataclass(frozen=True)
class RoiOptions:
    """Options of `roi`."""

    days: Annotated[float, typer.Option(help="Horizon in days.")] = 30.0
    incumbent: Annotated[
        str | None,
        typer.Option(
            "--incumbent",
            "--base-model",
            help="Model that it replaces: a name, <name>-v<version> or <name>@<alias>; by default the incumbent of "
            "its last valid A/B test, else its teacher.",
        ),
    ] = None
    error_cost: Annotated[
        float | None, typer.Option(help="Value of an avoided error, in US dollars; without it errors have no value.")
    ] = None
    data_cost: Annotated[
        float | None,
        typer.Option(help="Cost of the data and its judges, in US dollars; by default of captured answers and calls."),
    ] = None


def roi(
    name: Annotated[str, typer.Argument(help="Fine-tuned model: a name, <name>-v<version> or <name>@<alias>.")],
    base_cost: Annotated[
        float, typer.Argument(help="Cost per call of the incumbent, in US dollars; nan to use its recorded calls.")
    ],
    calls: Annotated[int, typer.Argument(help="Expected calls over the horizon.")],
    options: RoiOptions,
    as_json: output.Json = False,
) -> None:
    """Compute the return on investment of a fine-tuned model against its incumbent: savings, break-even, payback."""
    from fine_tuning.cost_tracker import CostTracker

    output.silence_logger("fine_tuning.cost_tracker")  # unknown inputs are printed below
    tracker = CostTracker(workspace=command_workspace())
    analysis = tracker.calculate_roi(
        name,
        base_cost,
        calls,
        options.error_cost,
        options.incumbent,
        horizon_days=options.days,
        data_cost=options.data_cost,
    )
    if as_json:
        output.print_json(asdict(analysis))
    else:
        print_analysis(analysis)


def print_analysis(analysis: CostAnalysis) -> None:
    """Print the figures with their intervals, the assumptions, and the unknown inputs."""

    def row(label: str, figure: str, show: Callable[[float], str]) -> tuple[str, str, str]:
        return label, *analysis.shown(figure, show)

    def known(value: float, line: tuple[str, str, str]) -> list[tuple[str, str, str]]:
        return [] if isnan(value) else [line]

    rows = [
        ("training cost", output.usd(analysis.training_cost), ""),
        ("cost of the data", output.usd(analysis.data_cost), ""),
        ("expected calls", f"{analysis.expected_inferences:,}", ""),
        *known(analysis.judge_cost or nan, ("cost of the judges", output.usd(analysis.judge_cost), "")),
        row(f"bill of {analysis.incumbent or 'the incumbent'}", "incumbent_cost", output.usd),
        (f"bill of {analysis.model_name}", output.usd(analysis.total_inference_cost), ""),
        *known(analysis.always_on_cost, ("its machine, always on", output.usd(analysis.always_on_cost), "")),
        row("savings", "savings", output.usd),
        row("break-even", "break_even_inferences", calls_text),
        row("ROI", "roi_at_expected", _ratio),
        row("payback time", "payback_days", _days),
        *known(analysis.agreement, row("agreement with it", "agreement", output.percent)),
        *known(analysis.accuracy_value, row("avoided errors", "accuracy_value", output.usd)),
    ]
    incumbent = "its incumbent (unknown)" if analysis.incumbent is None else analysis.incumbent
    title = f"Return on investment of {analysis.model_name} against {incumbent}"
    output.print_table(title, ["", "Value#", "95 % interval#"], rows)
    for line in analysis.assumptions:
        output.print_text(f"assumed: {line.removeprefix('assumed: ')}")
    for missing in analysis.unknown:
        output.print_text(f"unknown, because this is missing: {missing}")


def calls_text(value: float) -> str:
    """A number of calls."""
    return output.number(value, "calls", 0)


def _days(value: float) -> str:
    return output.number(value, "days")


def _ratio(value: float) -> str:
    if isinf(value):
        return "unlimited" if value > 0 else "a loss"
    return "unknown" if isnan(value) else f"{value:,.1%}"
