"""Find the cheapest candidate that is not worse than the incumbent."""

from __future__ import annotations

from math import ceil, isinf, isnan
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning._util import checks
from fine_tuning.commands import jobs, output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.workflows.bakeoff.bakeoff_plan import BakeoffPlan

if TYPE_CHECKING:
    from fine_tuning.workflows.bakeoff.bakeoff_result import CandidateResult, Interval
    from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffOutcome


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("bakeoff", rich_help_panel="Workflows")(with_options(bakeoff))


def bakeoff(
    dataset: Annotated[str, typer.Argument(help="Dataset, its folder, or a file of calls in any format.")],
    plan: BakeoffPlan,
    register: Annotated[str | None, typer.Option(help="Register the winner as the next version of this model.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report with a plot to this HTML file, too.")] = None,
    as_json: output.Json = False,
) -> None:
    """Train and measure candidates on captured calls, and name the cheapest that is not worse than the incumbent."""
    from fine_tuning.workflows.bakeoff.bakeoff_page import write_page
    from fine_tuning.workflows.bakeoff.register_winner import register_winner
    from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffRun

    if register is not None:
        checks.name("register", register)  # before anything is paid
    workspace = command_workspace()
    run = BakeoffRun(workspace, plan, lambda line: output.echo(line, err=True), jobs.follow)
    outcome = run.run(dataset)
    version = None
    if register is not None and outcome.winner is not None:
        version = register_winner(workspace, outcome, register)
    if as_json:
        facts = {name: value for name, value in vars(outcome).items() if name != "fitted"}
        facts["results"] = [{**each, "break_even": _break_even(each, outcome)} for each in outcome.results]
        output.print_json({**facts, "plan": plan.model_dump(), "registered": version})
    else:
        print_outcome(outcome, plan)
    if version is not None and not as_json:
        name, number = version["model_name"], version["version"]
        output.print_text(f"registered {name} v{number}; deploy it with: ft-cli deploy {quote(name)} {number}")
    if html is not None:  # last: a file that cannot be written costs nobody the result
        write_page(outcome, plan, html)


def print_outcome(outcome: BakeoffOutcome, plan: BakeoffPlan) -> None:
    """Print the table, the cheapest that is not worse first, and what it means."""
    quality = "Agreement#" if outcome.is_agreement else f"{plan.metric}#"
    columns = [
        "",
        quality,
        "Against incumbent#",
        "Not worse",
        "p50#",
        "p95#",
        "Cost per call#",
        "Investment#",
        "Break-even#",
    ]
    rows = [_cells(each, outcome) for each in ordered(outcome)]
    output.print_table(f"Bake-off {outcome.id} on {outcome.parts['test']:,} test calls", columns, rows)
    for name, reason in outcome.not_applicable.items():
        output.print_text(f"{name}: not measured: {reason}")
    for each in outcome.results:
        if each["worse_slices"]:
            output.print_text(f"{each['name']} is worse in: {', '.join(each['worse_slices'])}")
    if outcome.is_agreement:
        output.print_text(
            f"the expected answers are those of {outcome.incumbent} itself: scores are agreement with it, and every "
            "difference counts against a candidate, also where it is the better answer"
        )
    for note in outcome.notes:
        output.print_text(note)
    output.print_text(f"\n{verdict(outcome, plan)}")


def ordered(outcome: BakeoffOutcome) -> list[CandidateResult]:
    """The candidates that are not worse by their cost, then the others by their quality."""

    def key(each: CandidateResult) -> tuple[bool, float, float]:
        cost = each["cost_per_call"]["value"]
        known = float("inf") if isnan(cost) else cost
        return not each["not_worse"], known if each["not_worse"] else 0.0, -each["quality"]["value"]

    return sorted(outcome.results, key=key)


def verdict(outcome: BakeoffOutcome, plan: BakeoffPlan) -> str:
    """What the table means, in a sentence."""
    if outcome.winner is None:
        return (
            f"no cheaper candidate is shown not to be worse than {outcome.incumbent} by {plan.margin:g}: keep it, "
            "collect more calls, or allow a larger margin"
        )
    found = next(each for each in outcome.results if each["name"] == outcome.winner)
    return (
        f"the cheapest that is not worse than {outcome.incumbent} by {plan.margin:g} is {outcome.winner}: "
        f"{output.percent(found['quality']['value'])}, {output.usd(found['cost_per_call']['value'])} per call"
    )


def _cells(each: CandidateResult, outcome: BakeoffOutcome) -> tuple[str, ...]:
    is_incumbent = each["name"] == outcome.incumbent
    mark = "* " if each["name"] == outcome.winner else ""
    return (
        f"{mark}{each['name']}{' (incumbent)' if is_incumbent else ''}",
        f"{output.percent(each['quality']['value'])} ({_points(each['quality'])})",
        "" if is_incumbent else f"{each['difference']['value'] * 100:+.1f} ({_points(each['difference'])})",
        "" if is_incumbent else "yes" if each["not_worse"] else "no",
        output.number(each["latency_p50"]["value"], "ms"),
        output.number(each["latency_p95"], "ms"),
        output.usd(each["cost_per_call"]["value"]),
        output.usd(each["investment"]),
        _break_even(each, outcome),
    )


def _points(interval: Interval) -> str:
    return f"{interval['low'] * 100:.1f} to {interval['high'] * 100:.1f}"


def _break_even(each: CandidateResult, outcome: BakeoffOutcome) -> str:
    """In words, since JSON has the same null for what is never reached and for what is unknown."""
    calls = each["break_even_calls"]
    if each["name"] == outcome.incumbent:
        return ""
    if isinf(calls) or isnan(calls):
        return "never" if isinf(calls) else "unknown"
    return f"{ceil(calls):,} call{'' if ceil(calls) == 1 else 's'}"
