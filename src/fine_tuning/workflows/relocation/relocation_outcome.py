"""Compares the evaluations of the old and the new version of a relocation."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Literal

from fine_tuning.evaluation import comparison, failed_calls
from fine_tuning.store import evaluations
from fine_tuning.store.records.evaluations import Evaluation
from fine_tuning.workflows.relocation.relocation_evaluation import failures_of
from fine_tuning.workflows.relocation.relocation_plan import UNKNOWN, Outcome, verdict
from fine_tuning.workflows.relocation.relocation_run import RelocationRun

FigureColumn = Literal["accuracy", "avg_latency_ms", "cost_per_inference"]


def compare_versions(run: RelocationRun, new_name: str, job_id: str, found: Mapping[str, int]) -> Outcome:
    """The outcome of a relocation.

    Args:
        new_name: `<name>-v<version>` of the new version.
        found: ids of evaluations by version; without the old version there is no verdict.
    """
    database = run.workspace.database
    with database.read() as tx:
        sides = {name: evaluations.get(tx, number) for name, number in found.items()}
        rows = {name: evaluations.results(tx, number) for name, number in found.items()}

    def both(column: FigureColumn) -> tuple[float, float]:
        old, new = (_figure(sides.get(name), column) for name in (run.old_name, new_name))
        return old, new

    failures = {name: failures_of(database, number) for name, number in found.items()}
    outcome = Outcome(
        old=run.old_name,
        new=new_name,
        job_id=job_id,
        evaluations=dict(found),
        scores=both("accuracy"),
        latency_ms=both("avg_latency_ms"),
        cost=both("cost_per_inference"),
        failures={name: each for name, each in failures.items() if each is not None},
    )
    if run.old_name not in rows:
        return outcome
    pairs = comparison.matched(rows[run.old_name], rows[new_name])
    (change,) = comparison.changes(pairs, [run.plan.metric])
    outcome.difference, outcome.low, outcome.high = change["difference"], change["low"], change["high"]
    outcome.examples, outcome.scores = change["examples"], (change["first"], change["second"])
    outcome.verdict = verdict(outcome.low, outcome.high, run.plan.margin)
    extremes = failed_calls.bounds(pairs, run.plan.metric)
    if {verdict(each["low"], each["high"], run.plan.margin) for each in extremes} != {outcome.verdict}:
        outcome.verdict = UNKNOWN
        outcome.reason = failed_calls.reason_of_pairs((run.old_name, new_name), pairs)
    return outcome


def _figure(evaluation: Evaluation | None, column: FigureColumn) -> float:
    value = None if evaluation is None else evaluation[column]
    return nan if value is None else value
