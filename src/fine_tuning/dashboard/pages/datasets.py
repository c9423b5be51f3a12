"""Data sets: what became of every row, how long they are, what training on them takes, and how two differ."""

from __future__ import annotations

import re
from asyncio import to_thread
from itertools import pairwise
from typing import Any

from nicegui import ui

from fine_tuning.dashboard import charts, components, form_choices, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, notify, state
from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.errors import FineTuningError, NotFoundError

PAGE = 50
NEWEST = 200  # to choose from
SHOWN = 50  # of the rows that were removed
NAME = re.compile(r"(?![. ])[\w. -]{1,100}(?<! )")
HASH = re.compile("sha256:[0-9a-f]{64}")


@ui.page("/datasets")
async def show(page: str = "1") -> None:
    """Every data set, newest first."""
    builder, number = DatasetBuilder(), components.page_number(page)
    count = await to_thread(builder.count_datasets)
    found = await to_thread(builder.list_datasets, PAGE, (number - 1) * PAGE)
    newest = await to_thread(builder.list_datasets, NEWEST)
    with layout.page("Data sets"):
        _build_form()
        components.heading("Frozen data sets, newest first")
        if not count:
            components.empty("No data set has been built yet.", "ft-cli dataset build NAME")
            return
        rows = [
            [
                (each["name"], components.path("/datasets", each["hash"])),
                each["format"],
                each["rows"],
                formatting.minute(each["created_at"]),
            ]
            for each in found
        ]
        components.table("Data sets", ["Name", "Format", "Rows", "Built"], rows)
        components.pages(count, number, PAGE, "/datasets?page=")
        _difference(
            {
                each["hash"]: f"{each['name']}, {each['rows']:,} rows, {formatting.minute(each['created_at'])}"
                for each in newest
            }
        )


def _build_form() -> None:
    with ui.expansion("Build one").classes("card"):
        with ui.element("div").classes("bar"):
            name = ui.input("Name")
            least = ui.number("Rated at least", value=4, min=1, max=5, precision=0)
            domain = ui.input("Domain (empty: all)")
            known = {"": "not counted"} | form_choices.token_models(state().aliases)
            tokens_of = ui.select(known, value="", label="Count tokens as").classes("field")
        read = components.text("").props('role="status"')
        counted = {"rows": 0}

        async def build() -> None:
            def progress(rows: int) -> None:
                counted["rows"] += rows

            wanted: dict[str, Any] = {"min_rating": int(least.value or 4)}
            if domain.value:
                wanted["domains"] = [domain.value]
            if tokens_of.value:
                wanted["tokens_of"] = tokens_of.value
            if not NAME.fullmatch(name.value or ""):
                notify("a name has letters, figures, spaces, dots, dashes and underscores, at most 100", is_error=True)
                return
            counted["rows"] = 0
            ticking.activate()
            found = await act(DatasetBuilder().build, name.value, progress=progress, **wanted)
            ticking.deactivate()
            if found is not FAILED:
                ui.navigate.to(components.path("/datasets", found["hash"]))

        def tick() -> None:
            components.set_text(read, f"{counted['rows']:,} rows read")

        ticking = ui.timer(0.5, tick, active=False)
        components.button("Build", build, main=True, changes=True)


def _difference(names: dict[str, str]) -> None:
    components.heading("What changed between two")
    with ui.element("div").classes("bar"):
        first = ui.select(names, label="From").classes("field")
        second = ui.select(names, label="To").classes("field")
    shown = ui.element("div")

    async def compare() -> None:
        try:
            found = await to_thread(DatasetBuilder().compare_datasets, first.value or "", second.value or "")
        except FineTuningError as error:
            notify(str(error), is_error=True)
            return
        rows = [[name, *values] for part in ("recipe", "counts") for name, values in found[part].items()]
        rows += [[f"rows {name}", None, found[name]] for name in ("added", "removed", "moved", "kept")]
        shown.clear()
        with shown:
            components.table("Differences", ["What", "Before", "After"], rows)

    components.button("Compare", compare)


@ui.page("/datasets/{name:path}")
async def show_dataset(name: str) -> None:
    """One data set."""
    builder = DatasetBuilder()
    try:
        if not HASH.fullmatch(name):  # a folder's name is none that a browser may open
            raise NotFoundError(f"no data set {name} is known; the list has their links")
        manifest = await to_thread(builder.get_dataset, name)
        estimates = await to_thread(builder.estimate_training, name)
        removed = await to_thread(_removed, builder, name)
    except FineTuningError as error:
        with layout.page("Data sets", "Data set"):
            components.empty(str(error), "ft-cli dataset list")
        return
    with layout.page("Data sets", str(manifest["name"])):
        components.text(manifest["hash"], "code")
        _funnel(manifest)
        _parts(manifest)
        _lengths(manifest)
        _estimates(estimates)
        _findings(manifest)
        _show_removed(removed)
        components.heading("Recipe")
        components.facts(manifest["recipe"])


def _funnel(manifest: dict[str, Any]) -> None:
    counts = manifest["counts"]
    components.heading("What became of the rows")
    fates = [
        ("read", counts["read"]),
        ("rejected", counts["rejected"]),
        *manifest["steps"].items(),
        ("kept", counts["kept"]),
    ]
    names, values = [name for name, _ in fates], [float(count) for _, count in fates]
    ui.echart(charts.stacked_bars("Rows by what became of them", names, {"rows": values})).classes("chart")
    components.table("Rows by what became of them", ["What", "Rows"], [list(fate) for fate in fates])
    questions = manifest["conflicts"]["questions"]
    if questions:
        components.text(f"{questions:,} questions have different answers, in {manifest['conflicts']['rows']:,} rows.")


def _parts(manifest: dict[str, Any]) -> None:
    components.heading("Parts")
    rows = [[name, part["rows"], part["tokens"], part["file"]] for name, part in manifest["parts"].items()]
    components.table("Parts", ["Part", "Rows", "Tokens", "File"], rows)


def _lengths(manifest: dict[str, Any]) -> None:
    lengths = manifest["lengths"]
    components.heading("Tokens of a row")
    if lengths is None:
        components.empty("The tokens were not counted.", "ft-cli dataset build NAME --tokens-of MODEL")
        return
    edges, rows = lengths["histogram"]["edges"], lengths["histogram"]["counts"]
    names = [f"{low:,.0f} to {high:,.0f}" for low, high in pairwise(edges)]
    ui.echart(charts.stacked_bars("Rows by their tokens", names, {"rows": rows})).classes("chart")
    shown = {"Median": "p50", "95 %": "p95", "99 %": "p99", "Longest": "longest"}
    over = {f"Longer than {int(limit):,}": count for limit, count in lengths["over"].items()}
    components.facts({label: round(lengths[name]) for label, name in shown.items()} | over)


def _estimates(found: list[dict[str, Any]]) -> None:
    if found:
        components.heading("What training takes")
        rows = [
            [each["target"], each["epochs"], each["tokens"], formatting.usd(each["usd"]), _time(each["hours"])]
            for each in found
        ]
        components.table("Training", ["Target", "Epochs", "Tokens", "Price", "Time"], rows)


def _time(hours: float | None) -> str:
    return formatting.duration(None if hours is None else hours * 3600)


def _findings(manifest: dict[str, Any]) -> None:
    if manifest["findings"]:
        components.heading("Findings")
        names = ("code", "severity", "rows", "file", "line", "message", "advice")
        rows = [[each[name] for name in names] for each in manifest["findings"]]
        components.table("Findings", [name.capitalize() for name in names], rows)


def _removed(builder: DatasetBuilder, name: str) -> dict[str, list[dict[str, Any]]]:
    try:
        return builder.list_removed(name, SHOWN)
    except NotFoundError:  # a single file: nothing was removed
        return {"rejected": [], "left_out": [], "clusters": []}


def _show_removed(found: dict[str, list[dict[str, Any]]]) -> None:
    if found["clusters"]:
        components.heading("Questions that are nearly the same")
        rows = [[_place(each), each["removed"], ", ".join(f"{file}:{line}" for file, line in each["first"])]
                for each in found["clusters"]]  # fmt: skip
        components.table("Near-duplicates, largest groups first", ["Kept row", "Removed", "The first of them"], rows)
    if found["rejected"]:
        components.heading("Rejected rows")
        rows = [
            [_place(each), "; ".join(f"{why['code']}: {why['message']}" for why in each["reasons"]), each["text"][:300]]
            for each in found["rejected"]
        ]
        components.table("The first rejected rows", ["Row", "Why", "Text"], rows)
    if found["left_out"]:
        components.heading("Rows left out")
        rows = [[_place(each), each["why"]] for each in found["left_out"]]
        components.table("The first rows left out", ["Row", "Why"], rows)


def _place(row: dict[str, Any]) -> str:
    return f"{row['file']}:{row['line']}"
