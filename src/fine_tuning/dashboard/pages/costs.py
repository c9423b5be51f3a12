"""Costs: what was spent on what, against which budget, and when a model has paid for itself."""

from __future__ import annotations

from asyncio import to_thread
from typing import Any

from nicegui import ui

from fine_tuning.cost_tracker import CostAnalysis, CostTracker
from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, session_now, tell
from fine_tuning.errors import FineTuningError
from fine_tuning.store import jobs
from fine_tuning.store.database import open_database

DAYS = 60  # that the plot shows
JOBS = 20


@ui.page("/costs")
async def show() -> None:
    """The page."""
    by_day, by_model, budgets, billed = await to_thread(_read)
    with layout.page("Costs"):
        components.heading_of("Spent by day")
        if not by_day:
            components.empty("Nothing has been spent, or nothing was recorded.", "CostTracker().record_inference(...)")
        else:
            if any(row["total"] for row in by_day):
                ui.echart(_by_day(by_day)).classes("chart")
            else:
                components.text("No price of what was recorded is known, or it was free.").classes("dim")
            columns = ["Month", "Kind", "Model", "Events", "US dollars", "Without a price", "Tokens"]
            components.table("Costs by month, kind and model", columns, by_model)
        _show_budgets(budgets)
        _show_billed(billed)
        _returns()


def _read() -> tuple[list[dict[str, Any]], list[list[Any]], list[dict[str, Any]], list[list[Any]]]:
    tracker = CostTracker()
    days = tracker.get_costs_by("day", "kind")
    months = [
        [
            each["month"],
            each["kind"],
            each["model_name"],
            each["count"],
            each["total"] if each["unpriced"] < each["count"] else None,
            each["unpriced"],
            each["tokens"],
        ]
        for each in reversed(tracker.get_costs_by("month", "kind", "model_name"))
    ]
    with open_database().read() as tx:
        newest = jobs.newest(tx, JOBS)
    billed = [
        [(job["id"], f"/jobs/{job['id']}"), job["model"], job["estimate"]["usd"], (found or {}).get("total_cost")]
        for job in newest
        if job["estimate"]
        for found in [tracker.get_job_cost(job["id"])]
    ]
    return days, months[:200], tracker.get_budgets(), billed


def _by_day(rows: list[dict[str, Any]]) -> dict[str, Any]:
    days = sorted({row["day"] for row in rows})[-DAYS:]
    kinds = sorted({row["kind"] for row in rows})
    spent = {(row["day"], row["kind"]): row["total"] for row in rows}
    series = {kind: [spent.get((day, kind), 0.0) for day in days] for kind in kinds}
    return charts.stacked_bars("US dollars spent by day and kind", days, series)


def _show_budgets(budgets: list[dict[str, Any]]) -> None:
    components.heading_of("Budgets of this month")
    rows = [
        ["all models" if each["model_name"] == "*" else each["model_name"], each["usd_per_month"], each["spent"],
         each["left"], each["unpriced"]]
        for each in budgets
    ]  # fmt: skip
    if rows:
        components.table("Budgets", ["Model", "US dollars a month", "Spent", "Left", "Without a price"], rows)
    with ui.element("div").classes("bar"):
        name = ui.input("Model (* is all together)", value="*")
        amount = ui.number("US dollars a month", min=0)

        async def save() -> None:
            tracker = CostTracker()
            if amount.value is None:
                tell("say how many US dollars a month", wrong=True)
                return
            if await act(tracker.set_budget, name.value, amount.value, done="the budget is set") is not FAILED:
                ui.navigate.reload()

        components.button("Set the budget", save, changes=True)


def _show_billed(rows: list[list[Any]]) -> None:
    if rows:
        components.heading_of("Jobs: estimated and billed")
        components.table("Jobs", ["Job", "Base model", "Estimated, US dollars", "Billed, US dollars"], rows)


def _returns() -> None:
    components.heading_of("When does a model pay for itself?")
    with ui.element("div").classes("bar"):
        model = ui.input("Model")
        calls = ui.number("Expected calls", value=100_000, min=1, precision=0)
        base_price = ui.number("US dollars a replaced call costs", min=0).classes("field").tooltip("empty: as recorded")
        per_error = ui.number("US dollars an avoided error saves", value=10.0, min=0).classes("field")
        days = ui.number("Over so many days", value=30, min=1)
    shown = ui.element("div")

    async def compute() -> None:
        if await session_now() is None:
            return
        if None in (calls.value, per_error.value, days.value):
            tell("only the price of a replaced call may be left empty", wrong=True)
            return
        try:
            found = await to_thread(
                CostTracker().calculate_roi, model.value, base_price.value, int(calls.value), per_error.value,
                horizon_days=days.value,
            )  # fmt: skip
        except FineTuningError as error:
            tell(str(error), wrong=True)
            return
        shown.clear()
        with shown:
            _show_returns(found, int(calls.value))

    components.button("Compute", compute, main=True)


def _show_returns(found: CostAnalysis, calls: int) -> None:
    def with_interval(name: str, value: float, money: bool = True) -> str:
        said = formatting.usd if money else formatting.shown
        ends = found.intervals.get(name)
        return said(value) if ends is None else f"{said(value)} ({said(ends[0])} to {said(ends[1])})"

    components.facts(
        {
            "Training cost": formatting.usd(found.training_cost),
            "Savings": with_interval("savings", found.savings),
            "Return": with_interval("roi_at_expected", found.roi_at_expected, money=False),
            "Pays back after calls": with_interval("break_even_inferences", found.break_even_inferences, money=False),
            "Pays back after days": with_interval("payback_days", found.payback_days, money=False),
            "Avoided errors are worth": with_interval("accuracy_value", found.accuracy_value),
        }
    )
    if found.savings == found.savings and found.training_cost == found.training_cost:  # both are known
        points = [(calls * part // 20, found.savings * part / 20 - found.training_cost) for part in range(21)]
        ends = found.intervals.get("savings")
        series: dict[str, Any] = {"savings less training": points}
        for name, end in zip(("lower bound", "upper bound"), ends or (), strict=False):
            series[name] = [(calls * part // 20, end * part / 20 - found.training_cost) for part in range(21)]
        ui.echart(charts.lines("US dollars by calls", "calls", series)).classes("chart")
    for title, lines in (("Assumed", found.assumptions), ("Unknown", found.unknown)):
        if lines:
            components.heading_of(title, 3)
            with ui.element("ul"):
                for line in lines:
                    components.text(line, "li")
