"""The report of a bake-off as one self-contained HTML file: quality against cost, and the table."""

from __future__ import annotations

from html import escape
from math import isnan
from pathlib import Path

from fine_tuning._util.files import atomic_write
from fine_tuning._util.html_page import BLUE, GREEN, GREY, document, drawn_name, figure, section, svg, table
from fine_tuning.workflows.bakeoff.bakeoff_plan import BakeoffPlan
from fine_tuning.workflows.bakeoff.bakeoff_result import CandidateResult, Interval
from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffOutcome


def write_page(outcome: BakeoffOutcome, plan: BakeoffPlan, path: Path) -> None:
    """Write the report.

    Raises:
        MissingDependencyError: the `report` extra is not installed.
    """
    columns = [
        "",
        plan.metric,
        "low",
        "high",
        "against the incumbent",
        "low",
        "high",
        "not worse",
        "p50 ms",
        "USD per 1,000",
    ]
    rows = [_cells(each) for each in outcome.results]
    refused = [(name, reason) for name, reason in outcome.not_applicable.items()]
    facts = [*outcome.notes, f"winner: {outcome.winner or 'none'}", f"margin: {plan.margin:g}"]
    sections = [
        f"<h1>Bake-off {outcome.id}</h1>",
        section("Quality against cost", _plot(outcome)),
        section("Candidates", table(columns, rows)),
        *([section("Not measured", table(["", "reason"], refused))] if refused else []),
        section("Notes", "".join(f"<p>{escape(each)}</p>" for each in facts)),
    ]
    with atomic_write(path) as out:
        out.write(document(f"Bake-off {outcome.id}", sections))


def _cells(each: CandidateResult) -> list[object]:
    quality, apart = each["quality"], each["difference"]
    numbers = [quality["value"], quality["low"], quality["high"], apart["value"], apart["low"], apart["high"]]
    cost = each["cost_per_call"]["value"] * 1000
    return [
        each["name"],
        *(None if isnan(value) else value for value in numbers),
        "yes" if each["not_worse"] else "no",
        None if isnan(each["latency_p50"]["value"]) else each["latency_p50"]["value"],
        None if isnan(cost) else cost,
    ]


def _plot(outcome: BakeoffOutcome) -> str:
    """Each candidate with a known cost, with the intervals of both figures."""
    drawn, axes = figure(4.5)
    for each in outcome.results:
        quality, cost = each["quality"], each["cost_per_call"]
        if isnan(cost["value"]):
            continue
        colour = BLUE if each["name"] == outcome.incumbent else GREEN if each["not_worse"] else GREY
        axes.errorbar(
            cost["value"] * 1000,
            quality["value"],
            xerr=_bars(cost, 1000),
            yerr=_bars(quality),
            fmt="o",
            color=colour,
        )
        place = cost["value"] * 1000, quality["value"]
        axes.annotate(drawn_name(each["name"]), place, xytext=(6, 4), textcoords="offset points")
    axes.set_xscale("symlog", linthresh=1e-4)
    axes.set_xlabel("US dollars per 1,000 calls")
    axes.set_ylabel("agreement" if outcome.is_agreement else "quality")
    return svg(drawn, "Quality against cost per 1,000 calls, with 95 % intervals")


def _bars(found: Interval, unit: float = 1.0) -> list[list[float]] | None:
    """The interval of a figure as lengths below and above it; None where it is unknown."""
    if isnan(found["low"]) or isnan(found["high"]):
        return None
    return [[max(0.0, found["value"] - found["low"]) * unit], [max(0.0, found["high"] - found["value"]) * unit]]
