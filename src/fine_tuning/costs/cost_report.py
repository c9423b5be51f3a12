"""The costs as an HTML page with a chart: by day, by kind and by model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fine_tuning._util.html_page import BLUE, GREEN, GREY, ORANGE, document, figure, section, svg, table
from fine_tuning.store.records.costs import BudgetStatus, CallTotals, DailyCost

COLOURS = {"training": BLUE, "inference": ORANGE, "evaluation": GREEN, "judge": GREY, "labelling": "#8c6bb1"}
SHOWN_DAYS = 8  # labels on the axis


def page(days: Sequence[DailyCost], budgets: Sequence[BudgetStatus]) -> str:
    """Render the report.

    Raises:
        MissingDependencyError: the `report` extra is not installed.
    """
    sections = ["<h1>Costs</h1>"]
    if not days:
        return document("Costs", [*sections, "<p>Nothing is recorded yet.</p>"])
    sections.append(section("By day", _chart(days), _table("Day", days, lambda row: row["day"])))
    sections.append(section("By kind", _table("Kind", days, lambda row: row["kind"])))
    sections.append(section("By model", _table("Model", days, lambda row: row["model_name"])))
    if budgets:
        columns = ("Model", "Budget (USD per month)", "Spent this month (USD)", "Left (USD)")
        rows = [(each["model_name"], each["usd_per_month"], each["spent"], each["left"]) for each in budgets]
        sections.append(section("Budgets", table(columns, rows)))
    return document("Costs", sections)


def _table(column: str, days: Sequence[DailyCost], key: Callable[[DailyCost], str]) -> str:
    found: dict[str, CallTotals] = {}
    for row in days:
        totals = found.setdefault(key(row), {"count": 0, "total": 0.0, "tokens": 0, "unpriced": 0})
        totals["count"] += row["count"]
        totals["total"] += row["total"]
        totals["unpriced"] += row["unpriced"]
    rows = [
        (
            name,
            "unknown" if each["unpriced"] == each["count"] else each["total"],
            each["count"],
            each["unpriced"],
        )
        for name, each in sorted(found.items())
    ]
    return table((column, "Cost (USD)", "Events", "Without a price"), rows)


def _chart(days: Sequence[DailyCost]) -> str:
    if not any(row["total"] for row in days if row["kind"] in COLOURS):
        return "<p>No cost is known: nothing that is recorded has a price.</p>"
    drawn, axes = figure(3)
    names = sorted({row["day"] for row in days})
    below = dict.fromkeys(names, 0.0)
    for kind, colour in COLOURS.items():
        heights = dict.fromkeys(names, 0.0)
        for row in days:
            if row["kind"] == kind:
                heights[row["day"]] += row["total"]
        if any(heights.values()):
            axes.bar(names, list(heights.values()), bottom=list(below.values()), color=colour, label=kind)
        below = {name: below[name] + heights[name] for name in names}
    axes.set_ylabel("Cost (USD)")
    axes.set_xticks(names[:: max(1, len(names) // SHOWN_DAYS)])
    axes.legend(frameon=False)
    return svg(drawn, "Cost in US dollars by day and kind")
