"""The evaluations of a model, and the comparison of two evaluations."""

from __future__ import annotations

from asyncio import to_thread
from functools import partial
from typing import NamedTuple

from nicegui import ui

from fine_tuning.dashboard import components
from fine_tuning.dashboard.actions import notify
from fine_tuning.errors import FineTuningError
from fine_tuning.evaluation import score_summary
from fine_tuning.evaluation.score_summary import LatencySummary
from fine_tuning.model_evaluator import ModelEvaluator
from fine_tuning.store import evaluations
from fine_tuning.store.records.evaluations import Evaluation
from fine_tuning.store.workspace import Workspace

COLUMNS = [
    "Id",
    "Metric",
    "Score",
    "Examples",
    "Latency p50 (ms)",
    "Latency p95 (ms)",
    "Mean latency (ms)",
    "Created",
]
CHANGED_SHOWN = 50  # rows whose predictions are compared


class Measured(NamedTuple):
    """An evaluation, and the percentiles of its latencies: unknown where only their mean is stored."""

    evaluation: Evaluation
    latency: LatencySummary


def evaluations_of_model(workspace: Workspace, name: str) -> list[Measured]:
    """The evaluations of a model, oldest first."""
    with workspace.database.read() as tx:
        found = evaluations.of_model(tx, name)
        latencies = evaluations.latencies(tx, [each["id"] for each in found])
    return [Measured(each, score_summary.latency(latencies[each["id"]])) for each in found]


def show_evaluations(workspace: Workspace, name: str, found: list[Measured]) -> None:
    """Show the evaluations of a model, and a form that compares two."""
    components.heading("Evaluations")
    if not found:
        components.empty("No evaluation yet.", f"ft-cli evaluate-model {name} fine_tuned FILE")
        return
    components.table("Evaluations, newest first", COLUMNS, [_row(each) for each in reversed(found)])
    components.heading("Compare two evaluations", 3)
    components.text("They may be of different models but must use the same prompts.").classes("dim")
    compare = partial(_compare, ModelEvaluator(workspace=workspace))
    with ui.element("div").classes("bar"):
        first = ui.number("First (id)", value=found[0].evaluation["id"], min=1, precision=0)
        second = ui.number("Second (id)", value=found[-1].evaluation["id"], min=1, precision=0)
        components.button("Compare", lambda: compare(int(first.value or 0), int(second.value or 0), place))
    place = ui.element("div")


def _row(measured: Measured) -> list[object]:
    each, latency = measured
    facts = [each["id"], each["metric"], each["accuracy"], each["test_set_size"]]
    return [*facts, latency["p50"], latency["p95"], each["avg_latency_ms"], each["created_at"]]


async def _compare(evaluator: ModelEvaluator, first: int, second: int, place: ui.element) -> None:
    try:
        found = await to_thread(evaluator.compare_evaluations, first, second)
    except FineTuningError as error:
        notify(str(error), is_error=True)
        return
    place.clear()
    with place:
        columns = ["Metric", "First", "Second", "Difference", "Low", "High", "p", "p (adjusted)"]
        changes = [
            [
                each["metric"],
                each["first"],
                each["second"],
                each["difference"],
                each["low"],
                each["high"],
                each["p_value"],
                each["adjusted_p"],
            ]
            for each in found["changes"]
        ]
        components.table("Differences with 95 % intervals", columns, changes)
        changed = [
            [
                row["question"],
                row["reference"],
                row["first"] or row["first_error"],
                row["second"] or row["second_error"],
            ]
            for row in found["rows"][:CHANGED_SHOWN]
        ]
        components.table("Rows that changed, largest losses first", ["Prompt", "Reference", "First", "Second"], changed)
