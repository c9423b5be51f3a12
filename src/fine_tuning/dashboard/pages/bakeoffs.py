"""Bake-offs: the candidates of each, what they cost and how good they are beside the incumbent."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Sequence

from nicegui import ui
from pydantic import BaseModel, TypeAdapter, ValidationError

from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import state
from fine_tuning.data_io.json_values import object_or_empty
from fine_tuning.store import bakeoffs
from fine_tuning.store.database import Database
from fine_tuning.store.records.bakeoffs import Bakeoff

SHOWN = 100


class _Figure(BaseModel):
    value: float | None
    low: float | None
    high: float | None


class Result(BaseModel):
    """A candidate as it was stored; unknown figures are None."""

    name: str
    quality: _Figure
    difference: _Figure
    not_worse: bool
    latency_p50: _Figure
    cost_per_call: _Figure
    investment: float | None
    worse_slices: list[str]


_RESULTS = TypeAdapter(list[Result])


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
                object_or_empty(each["plan"]).get("dataset"),
                object_or_empty(each["plan"]).get("incumbent"),
                len(_results(each) or ()),
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
    plan, results = object_or_empty(found["plan"]), _results(found)
    if results is None:
        with layout.page("Bake-offs", f"Bake-off {found['id']}"):
            components.text("What is stored of this bake-off cannot be read.")
        return
    with layout.page("Bake-offs", f"Bake-off {found['id']}"):
        margin = plan.get("margin")
        verdict = f"The cheapest that is not worse by {margin}: {found['winner']}."
        nobody = f"No cheaper candidate is shown not to be worse by {margin}."
        components.text(verdict if found["winner"] else nobody)
        if looks.bakeoffs:
            components.text(f"Calls of its test part were looked at {looks.times} before: they were not unseen.")
        components.facts({"Calls": plan.get("dataset"), "Metric": plan.get("metric"), "Finished": found["created_at"]})
        _plot(results)
        _table(results, found["winner"])
        worse = [[each.name, ", ".join(each.worse_slices)] for each in results if each.worse_slices]
        if worse:
            components.heading("Slices that get worse")
            components.table("Slices", ["Candidate", "Worse in"], worse)


def _one(database: Database, number: str) -> tuple[Bakeoff | None, bakeoffs.Looks]:
    """A bake-off, and how many looked at calls of its test part before."""
    with database.read() as tx:
        found = bakeoffs.get(tx, int(number) if number.isdecimal() and len(number) < 18 else None)
        return found, bakeoffs.Looks(0, 0) if found is None else bakeoffs.earlier_looks(tx, found["id"])


def _results(found: Bakeoff) -> list[Result] | None:
    """The candidates of a bake-off; None where a row, such as that of a backup of somebody else, holds none."""
    try:
        return _RESULTS.validate_python(found["results"])
    except ValidationError:
        return None


def _plot(results: Sequence[Result]) -> None:
    points = {
        each.name: (1000 * each.cost_per_call.value, each.quality.model_dump())
        for each in results
        if each.cost_per_call.value is not None and each.quality.value is not None
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
            f"{each.name} (winner)" if each.name == winner else each.name,
            _percent(each.quality),
            _points(each.difference),
            each.not_worse,
            each.latency_p50.value,
            formatting.usd(each.cost_per_call.value),
            formatting.usd(each.investment),
        ]
        for each in results
    ]
    components.table("Candidates", columns, rows)


def _percent(found: _Figure) -> str:
    if found.value is None:
        return formatting.NONE
    return f"{found.value:.1%}{_between(found.low, found.high, '.1%', 1)}"


def _points(found: _Figure) -> str:
    if found.value is None:
        return formatting.NONE
    return f"{100 * found.value:+.1f}{_between(found.low, found.high, '+.1f', 100)}"


def _between(low: float | None, high: float | None, form: str, unit: float) -> str:
    """An interval behind its figure; nothing where it is unknown, as that of a single conversation."""
    return "" if low is None or high is None else f" ({unit * low:{form}} to {unit * high:{form}})"
