"""The costs page: spending, budgets, billed jobs, and return on investment."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from nicegui import ui

from fine_tuning.cost_tracker import CostAnalysis, CostTracker
from fine_tuning.costs.cost_summary import GroupedCost
from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, notify, session_now, state
from fine_tuning.errors import FineTuningError
from fine_tuning.store import jobs
from fine_tuning.store.records.costs import BudgetStatus
from fine_tuning.store.workspace import Workspace

CHART_DAYS = 60
MAX_JOBS = 20
MAX_MONTHLY_ROWS = 200
CHART_POINTS = 20
Row = list[object]


class Spending(NamedTuple):
    """What the page shows."""

    by_day: list[GroupedCost]
    by_month: list[Row]
    budgets: list[BudgetStatus]
    billed: list[Row]


@ui.page("/costs")
async def show() -> None:
    """Show the page."""
    workspace = state().workspace
    spending = await to_thread(_read, workspace)
    with layout.page("Costs"):
        components.heading("Cost per day")
        if not spending.by_day:
            components.empty("No costs have been recorded yet.", "CostTracker().record_inference(...)")
        else:
            if any(row["total"] for row in spending.by_day):
                ui.echart(_by_day(spending.by_day)).classes("chart")
            else:
                components.text("All recorded events are free or have no known price.").classes("dim")
            columns = ["Month", "Kind", "Model", "Events", "Cost (USD)", "Unpriced events", "Tokens"]
            components.table("Costs by month, kind and model", columns, spending.by_month)
        _show_budgets(CostTracker(workspace=workspace), spending.budgets)
        if spending.billed:
            components.heading("Estimated and billed cost of jobs")
            columns = ["Job", "Base model", "Estimated (USD)", "Billed (USD)"]
            components.table("Jobs", columns, spending.billed)
        _roi_form(CostTracker(workspace=workspace))


def _read(workspace: Workspace) -> Spending:
    tracker = CostTracker(workspace=workspace)
    months: list[Row] = [
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
    with workspace.database.read() as tx:
        newest = jobs.newest(tx, MAX_JOBS)
    billed: list[Row] = []
    for job in newest:
        if job["estimate"]:
            cost = tracker.get_job_cost(job["id"])
            link = (job["id"], f"/jobs/{job['id']}")
            billed.append([link, job["model"], job["estimate"]["usd"], None if cost is None else cost["total_cost"]])
    return Spending(tracker.get_costs_by("day", "kind"), months[:MAX_MONTHLY_ROWS], tracker.get_budgets(), billed)


def _by_day(rows: Sequence[GroupedCost]) -> charts.Options:
    days = sorted({row["day"] for row in rows})[-CHART_DAYS:]
    kinds = sorted({row["kind"] for row in rows})
    spent = {(row["day"], row["kind"]): row["total"] for row in rows}
    series = {kind: [spent.get((day, kind), 0.0) for day in days] for kind in kinds}
    return charts.stacked_bars("Cost in US dollars by day and kind", days, series)


def _show_budgets(tracker: CostTracker, budgets: Sequence[BudgetStatus]) -> None:
    components.heading("Budgets this month")
    rows = [
        [
            "all models" if each["model_name"] == "*" else each["model_name"],
            each["usd_per_month"],
            each["spent"],
            each["left"],
            "yes" if each["hard"] else "no",
            each["unpriced"],
        ]
        for each in budgets
    ]
    if rows:
        columns = ["Model", "Budget (USD per month)", "Spent (USD)", "Left (USD)", "Refuses calls", "Unpriced events"]
        components.table("Budgets", columns, rows)
    with ui.element("div").classes("bar"):
        name = ui.input("Model (* for all models)", value="*")
        amount = ui.number("Budget (USD per month)", min=0)
        hard = ui.checkbox("Refuse calls when it is spent")

        async def save() -> None:
            if amount.value is None:
                notify("enter a budget in US dollars per month", is_error=True)
                return
            set_budget = partial(tracker.set_budget, hard=hard.value)
            if await act(set_budget, name.value, amount.value, done="budget set") is not FAILED:
                ui.navigate.reload()

        components.button("Set budget", save, changes=True)


def _roi_form(tracker: CostTracker) -> None:
    components.heading("Return on investment")
    with ui.element("div").classes("bar"):
        model = ui.input("Fine-tuned model")
        calls = ui.number("Expected calls", value=100_000, min=1, precision=0)
        incumbent = ui.input("Incumbent").classes("field")
        incumbent.tooltip("the model that it replaces; empty: of its last valid A/B test, else its teacher")
        price = ui.number("Cost per call of the incumbent (USD)", min=0).classes("field")
        price.tooltip("empty: mean of its recorded calls")
        per_error = ui.number("Value of an avoided error (USD)", min=0).classes("field")
        per_error.tooltip("empty: errors have no value in dollars")
        days = ui.number("Horizon (days)", value=30, min=1)
    result = ui.element("div")

    async def compute() -> None:
        if await session_now() is None:
            return
        if None in (calls.value, days.value):
            notify("enter the expected calls and the horizon", is_error=True)
            return
        try:
            analysis = await to_thread(
                tracker.calculate_roi,
                model.value,
                price.value,
                int(calls.value),
                per_error.value,
                incumbent.value.strip() or None,
                horizon_days=days.value,
            )
        except FineTuningError as error:
            notify(str(error), is_error=True)
            return
        result.clear()
        with result:
            _show_analysis(analysis)

    components.button("Compute", compute, main=True)


def _show_analysis(analysis: CostAnalysis) -> None:
    def with_interval(name: str, show: Callable[[float], str]) -> str:
        value, interval = analysis.shown(name, show)
        return f"{value} ({interval})" if interval else value

    usd, ratio = formatting.usd, formatting.ratio
    calls, days = (partial(formatting.until, unit=unit) for unit in ("calls", "days"))
    name = analysis.incumbent or "unknown"
    optional = {
        "Its machine, always on": (analysis.always_on_cost, usd(analysis.always_on_cost)),
        f"Agreement with {name}": (analysis.agreement, with_interval("agreement", ratio)),
        "Value of avoided errors": (
            analysis.accuracy_value,
            with_interval("accuracy_value", usd),
        ),
    }
    components.facts(
        {
            "Incumbent": name,
            f"Bill of {name}": with_interval("incumbent_cost", usd),
            f"Bill of {analysis.model_name}": usd(analysis.total_inference_cost),
            "Training cost": usd(analysis.training_cost),
            "Cost of the data": usd(analysis.data_cost),
            "Cost of the judges": usd(analysis.judge_cost),
            "Savings": with_interval("savings", usd),
            "ROI": with_interval("roi_at_expected", ratio),
            "Break-even": with_interval("break_even_inferences", calls),
            "Payback time": with_interval("payback_days", days),
            **{label: text for label, (value, text) in optional.items() if value == value},  # not nan
        }
    )
    if analysis.roi_at_expected == analysis.roi_at_expected:  # not nan
        ui.echart(_savings_chart(analysis)).classes("chart")
    for title, lines in (("Assumptions", analysis.assumptions), ("Unknown", analysis.unknown)):
        if lines:
            components.heading(title, 3)
            with ui.element("ul"):
                for line in lines:
                    components.text(line, "li")


def _savings_chart(analysis: CostAnalysis) -> charts.Options:
    bounds, investment = analysis.intervals.get("savings", ()), analysis.investment
    names = ("net savings", "lower bound", "upper bound")
    series = {
        name: [
            (analysis.expected_inferences * part // CHART_POINTS, total * part / CHART_POINTS - investment)
            for part in range(CHART_POINTS + 1)
        ]
        for name, total in zip(names, (analysis.savings, *bounds), strict=False)
    }
    at_most = " (at most)" if "investment" in analysis.bounds else ""
    return charts.lines(f"Net savings{at_most} in US dollars by number of calls", "calls", series)
