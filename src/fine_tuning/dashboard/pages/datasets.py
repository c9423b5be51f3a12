"""Datasets: row status, token lengths, training estimates, and the differences of two."""

from __future__ import annotations

import re
from asyncio import to_thread
from itertools import pairwise

from nicegui import ui

from fine_tuning.dashboard import charts, components, form_choices, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, notify, state
from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.datasets.removed_rows import DuplicateCluster, LeftOutRow, RejectedRow, RemovedRows
from fine_tuning.errors import FineTuningError, NotFoundError
from fine_tuning.store.records.manifests import DatasetManifest
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.jobs.dataset_estimates import TrainingEstimate

PAGE_ROWS = 50
COMPARABLE = 200  # datasets to choose from
REMOVED_SHOWN = 50  # rows of each kind
NAME = re.compile(r"(?![. ])[\w. -]{1,100}(?<! )")
HASH = re.compile("sha256:[0-9a-f]{64}")


@ui.page("/datasets")
async def show(page: str = "1") -> None:
    """Every dataset, newest first."""
    builder, number = DatasetBuilder(workspace=state().workspace), components.page_number(page)
    count = await to_thread(builder.count_datasets)
    found = await to_thread(builder.list_datasets, PAGE_ROWS, (number - 1) * PAGE_ROWS)
    newest = await to_thread(builder.list_datasets, COMPARABLE)
    with layout.page("Datasets"):
        _build_form(builder)
        components.heading("All datasets")
        if not count:
            components.empty("No dataset has been built yet.", "ft-cli dataset build NAME")
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
        components.table("Datasets", ["Name", "Format", "Rows", "Created"], rows)
        components.pages(count, number, PAGE_ROWS, "/datasets?page=")
        _difference(
            builder,
            {
                each["hash"]: f"{each['name']}, {each['rows']:,} rows, {formatting.minute(each['created_at'])}"
                for each in newest
            },
        )


def _build_form(builder: DatasetBuilder) -> None:
    with ui.expansion("Build a dataset").classes("card"):
        with ui.element("div").classes("bar"):
            name = ui.input("Name")
            min_rating = ui.number("Minimum rating", value=4, min=1, max=5, precision=0)
            domain = ui.input("Domain (empty: all)")
            known = {"": "not counted"} | form_choices.token_models(state().workspace, state().aliases)
            tokens_of = ui.select(known, value="", label="Count tokens as").classes("field")
        read = components.text("").props('role="status"')
        counted = {"rows": 0}

        async def build() -> None:
            def on_progress(rows: int) -> None:
                counted["rows"] += rows

            choices: JsonColumn = {"min_rating": int(min_rating.value or 4)}
            if domain.value:
                choices["domains"] = [domain.value]
            if tokens_of.value:
                choices["tokens_of"] = tokens_of.value
            if not NAME.fullmatch(name.value or ""):
                notify("a name may have up to 100 letters, digits, spaces, dots, dashes and underscores", is_error=True)
                return
            counted["rows"] = 0
            ticking.activate()
            found = await act(builder.build, name.value, on_progress=on_progress, **choices)
            ticking.deactivate()
            if found is not FAILED:
                ui.navigate.to(components.path("/datasets", found["hash"]))

        def tick() -> None:
            components.set_text(read, f"{counted['rows']:,} rows read")

        ticking = ui.timer(0.5, tick, active=False)
        components.button("Build", build, main=True, changes=True)


def _difference(builder: DatasetBuilder, names: dict[str, str]) -> None:
    components.heading("Compare two datasets")
    with ui.element("div").classes("bar"):
        first = ui.select(names, label="From").classes("field")
        second = ui.select(names, label="To").classes("field")
    shown = ui.element("div")

    async def compare() -> None:
        try:
            found = await to_thread(builder.compare_datasets, first.value or "", second.value or "")
        except FineTuningError as error:
            notify(str(error), is_error=True)
            return
        rows: list[list[object]] = [
            [name, *values] for changed in (found["recipe"], found["counts"]) for name, values in changed.items()
        ]
        counts = {"added": found["added"], "removed": found["removed"], "moved": found["moved"], "kept": found["kept"]}
        rows += [[f"rows {name}", None, count] for name, count in counts.items()]
        shown.clear()
        with shown:
            components.table("Differences", ["Field", "Before", "After"], rows)

    components.button("Compare", compare)


@ui.page("/datasets/{name:path}")
async def show_dataset(name: str) -> None:
    """One dataset."""
    builder = DatasetBuilder(workspace=state().workspace)
    try:
        if not HASH.fullmatch(name):  # a folder's name is none that a browser may open
            raise NotFoundError(f"no dataset {name}; open one from the list of datasets")
        manifest = await to_thread(builder.get_dataset, name)
        estimates = await to_thread(builder.estimate_training, name)
        removed = await to_thread(_removed, builder, name)
    except FineTuningError as error:
        with layout.page("Datasets", "Dataset"):
            components.empty(str(error), "ft-cli dataset list")
        return
    with layout.page("Datasets", str(manifest["name"])):
        components.text(manifest["hash"], "code")
        _row_status(manifest)
        _splits(manifest)
        _lengths(manifest)
        _estimates(estimates)
        _findings(manifest)
        _show_removed(removed)
        components.heading("Recipe")
        components.facts(manifest["recipe"])


def _row_status(manifest: DatasetManifest) -> None:
    counts = manifest["counts"]
    components.heading("Row status")
    statuses = [
        ("read", counts["read"]),
        ("rejected", counts["rejected"]),
        *manifest["steps"].items(),
        ("kept", counts["kept"]),
    ]
    names, values = [name for name, _ in statuses], [float(count) for _, count in statuses]
    ui.echart(charts.stacked_bars("Rows by status", names, {"rows": values})).classes("chart")
    components.table("Rows by status", ["Status", "Rows"], [list(each) for each in statuses])
    questions = manifest["conflicts"]["questions"]
    if questions:
        components.text(f"{questions:,} prompts have conflicting responses, in {manifest['conflicts']['rows']:,} rows.")


def _splits(manifest: DatasetManifest) -> None:
    components.heading("Splits")
    rows = [[name, split["rows"], split["tokens"], split["file"]] for name, split in manifest["parts"].items()]
    components.table("Splits", ["Split", "Rows", "Tokens", "File"], rows)


def _lengths(manifest: DatasetManifest) -> None:
    lengths = manifest["lengths"]
    components.heading("Token lengths")
    if lengths is None:
        components.empty("Tokens were not counted.", "ft-cli dataset build NAME --tokens-of MODEL")
        return
    edges, rows = lengths["histogram"]["edges"], lengths["histogram"]["counts"]
    names = [f"{low:,.0f} to {high:,.0f}" for low, high in pairwise(edges)]
    ui.echart(charts.stacked_bars("Rows by token length", names, {"rows": rows})).classes("chart")
    shown = {"p50": lengths["p50"], "p95": lengths["p95"], "p99": lengths["p99"], "Longest": lengths["longest"]}
    over = {f"Longer than {int(limit):,}": count for limit, count in lengths["over"].items()}
    components.facts({label: round(value) for label, value in shown.items()} | over)


def _estimates(found: list[TrainingEstimate]) -> None:
    if found:
        components.heading("Training estimates")
        rows = [
            [each["target"], each["epochs"], each["tokens"], formatting.usd(each["usd"]), _time(each["hours"])]
            for each in found
        ]
        components.table("Training estimates", ["Target", "Epochs", "Tokens", "Cost", "Time"], rows)


def _time(hours: float | None) -> str:
    return formatting.duration(None if hours is None else hours * 3600)


def _findings(manifest: DatasetManifest) -> None:
    if manifest["findings"]:
        components.heading("Findings")
        names = ("code", "severity", "rows", "file", "line", "message", "advice")
        rows = [[dict(each)[name] for name in names] for each in manifest["findings"]]
        components.table("Findings", [name.capitalize() for name in names], rows)


def _removed(builder: DatasetBuilder, name: str) -> RemovedRows:
    try:
        return builder.list_removed(name, REMOVED_SHOWN)
    except NotFoundError:  # a single file: nothing was removed
        return {"rejected": [], "left_out": [], "clusters": []}


def _show_removed(found: RemovedRows) -> None:
    if found["clusters"]:
        components.heading("Deduplication")
        rows = [
            [_place(each), each["removed"], ", ".join(f"{file}:{line}" for file, line in each["first"])]
            for each in found["clusters"]
        ]
        components.table("Largest clusters of near-duplicates", ["Kept row", "Removed", "First removed rows"], rows)
    if found["rejected"]:
        components.heading("Rejected rows")
        rows = [
            [
                _place(each),
                "; ".join(f"{why['code']}: {why['message']}" for why in each["reasons"]),
                (each["text"] or "")[:300],
            ]
            for each in found["rejected"]
        ]
        components.table("First rejected rows", ["Row", "Reasons", "Text"], rows)
    if found["left_out"]:
        components.heading("Filtering and sampling")
        rows = [[_place(each), each["why"]] for each in found["left_out"]]
        components.table("First rows left out", ["Row", "Reason"], rows)


def _place(row: RejectedRow | LeftOutRow | DuplicateCluster) -> str:
    return f"{row['file']}:{row['line']}"
