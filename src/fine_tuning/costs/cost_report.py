"""The ledger as one HTML page: what was spent by day, by kind and by model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from fine_tuning._util.html_page import BLUE, GREEN, GREY, ORANGE, document, figure, section, svg, table

COLOURS = {"training": BLUE, "inference": ORANGE, "evaluation": GREEN, "judge": GREY}
Row = Mapping[str, Any]


def page(days: Sequence[Row], budgets: Sequence[Row]) -> str:
    """The report.

    Args:
        days: see `CostTracker.get_costs_by`; budgets: see `CostTracker.get_budgets`.

    Raises:
        MissingDependencyError: the `report` extra is not installed.
    """
    sections = ["<h1>Costs</h1>"]
    if not days:
        return document("Costs", [*sections, "<p>Nothing is recorded yet.</p>"])
    sections.append(section("By day", _drawn(days), table(("day", "US dollars", "events", "without price"),
                                                          _summed(days, "day"))))  # fmt: skip
    for name, title in (("kind", "By kind"), ("model_name", "By model")):
        sections.append(
            section(title, table((title[3:], "US dollars", "events", "without price"), _summed(days, name)))
        )
    if budgets:
        columns = ("model", "US dollars a month", "spent this month", "left")
        rows = [(each["model_name"], each["usd_per_month"], each["spent"], each["left"]) for each in budgets]
        sections.append(section("Budgets", table(columns, rows)))
    return document("Costs", sections)


def _summed(days: Sequence[Row], name: str) -> list[tuple[Any, ...]]:
    found: dict[str, list[float]] = defaultdict(lambda: [0.0, 0, 0])
    for row in days:
        for place, column in enumerate(("total", "count", "unpriced")):
            found[row[name]][place] += row[column]
    return [
        (key, "unknown" if unpriced == count else float(total), int(count), int(unpriced))
        for key, (total, count, unpriced) in sorted(found.items())
    ]


def _drawn(days: Sequence[Row]) -> str:
    drawn, axes = figure(3)
    names = sorted({row["day"] for row in days})
    below = dict.fromkeys(names, 0.0)
    for kind, colour in COLOURS.items():
        heights = {
            name: sum(row["total"] for row in days if (row["day"], row["kind"]) == (name, kind)) for name in names
        }
        if any(heights.values()):
            axes.bar(names, list(heights.values()), bottom=list(below.values()), color=colour, label=kind)
        below = {name: below[name] + heights[name] for name in names}
    axes.set_ylabel("US dollars")
    axes.set_xticks(names[:: max(1, len(names) // 8)])
    if any(below.values()):
        axes.legend(frameon=False)
    return svg(drawn, "US dollars by day and kind")
