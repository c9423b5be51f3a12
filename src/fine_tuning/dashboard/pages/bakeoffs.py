"""Bake-offs: the candidates of each, what they cost and how good they are beside the incumbent."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Sequence
from typing import Any, cast

from nicegui import ui

from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import state
from fine_tuning.store import bakeoffs
from fine_tuning.store.database import Database
from fine_tuning.store.records.bakeoffs import Bakeoff

SHOWN = 100
Result = dict[str, Any]  # of a candidate, as it was stored; unknown figures are None


@ui.page("/bakeoffs")
async def show() -> None:
    """The newest bake-offs."""
    found = await to_thread(_newest, state().workspace.database)
    with layout.page("Bake-offs"):
        if not found:
            components.empty("No bake-off has been run yet.", "ft-cli bakeoff CALLS --incumbent MODEL")
            return
        rows = [
            [
                (f"{each['id']}", components.path("/bakeoffs", str(each["id"]))),
                each["plan"].get("dataset"),
                each["plan"].get("incumbent"),
                len(each["results"]),
                each["winner"] or "none",
                each["created_at"],
            ]
            for each in found
        ]
        components.table("Bake-offs", ["Bake-off", "Calls", "Incumbent", "Measured", "Winner", "Finished"], rows)


def _newest(database: Database) -> list[Bakeoff]:
    with database.read() as tx:
        return bakeoffs.newest(tx, SHOWN)


@ui.page("/bakeoffs/{number}")
async def show_bakeoff(number: str) -> None:
    """One bake-off."""
    found, looks = await to_thread(_one, state().workspace.database, number)
    if found is None:
        with layout.page("Bake-offs", "Bake-off"):
            components.empty(f"No bake-off {number[:20]}.", "ft-cli bakeoff CALLS --incumbent MODEL")
        return
    plan, results = found["plan"], cast("Sequence[Result]", found["results"])
    with layout.page("Bake-offs", f"Bake-off {found['id']}"):
        margin = plan.get("margin")
        told = f"The cheapest that is not worse by {margin}: {found['winner']}."
        nobody = f"No cheaper candidate is shown not to be worse by {margin}."
        components.text(told if found["winner"] else nobody)
        if looks > 1:
            components.text(f"Its test part was looked at {looks} times; only the first verdict is of unseen calls.")
        components.facts({"Calls": plan.get("dataset"), "Metric": plan.get("metric"), "Finished": found["created_at"]})
        _plot(results)
        _table(results, found["winner"])
        worse = [[each["name"], each["worse_slices"]] for each in results if each.get("worse_slices")]
        if worse:
            components.heading("Slices that get worse")
            components.table("Slices", ["Candidate", "Worse in"], [[name, ", ".join(found)] for name, found in worse])


def _one(database: Database, number: str) -> tuple[Bakeoff | None, int]:
    """A bake-off, and how many looked at its test part until then, itself included."""
    with database.read() as tx:
        found = bakeoffs.get(tx, int(number) if number.isdecimal() and len(number) < 18 else None)
        return found, 0 if found is None else bakeoffs.looks(tx, found["test_hash"], found["id"])


def _plot(results: Sequence[Result]) -> None:
    points = {
        each["name"]: (1000 * each["cost_per_call"]["value"], each["quality"])
        for each in results
        if each["cost_per_call"]["value"] is not None
    }
    components.heading("Quality against cost")
    if not points:
        components.text("No candidate has a known price.")
        return
    ui.echart(charts.qualities("Quality by cost per 1,000 calls", "US dollars per 1,000 calls", points)).classes(
        "chart"
    )


def _table(results: Sequence[Result], winner: str | None) -> None:
    components.heading("Candidates")
    columns = ["Candidate", "Quality", "Against the incumbent", "Not worse", "p50 ms", "Cost per call", "Investment"]
    rows = [
        [
            f"{each['name']} (winner)" if each["name"] == winner else each["name"],
            _percent(each["quality"]),
            _points(each["difference"]),
            bool(each["not_worse"]),
            each["latency_p50"]["value"],
            formatting.usd(each["cost_per_call"]["value"]),
            formatting.usd(each["investment"]),
        ]
        for each in results
    ]
    components.table("Candidates", columns, rows)


def _percent(found: Result) -> str:
    return f"{found['value']:.1%} ({found['low']:.1%} to {found['high']:.1%})"


def _points(found: Result) -> str:
    if found["value"] is None:
        return formatting.NONE
    return f"{100 * found['value']:+.1f} ({100 * found['low']:+.1f} to {100 * found['high']:+.1f})"
