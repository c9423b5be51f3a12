"""How much better a version is than what it replaces, as its evaluations or A/B tests have measured it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from math import isfinite
from typing import Any, NamedTuple

from fine_tuning.errors import UsageError
from fine_tuning.evaluation import comparison, metrics
from fine_tuning.experiments import verdict
from fine_tuning.store import evaluations, experiments
from fine_tuning.store.database import Transaction


class Gain(NamedTuple):
    """A difference in accuracy (absolute, positive where the version is better), its 95 % interval, and its source."""

    value: float
    low: float
    high: float
    source: str


def of_version(tx: Transaction, version: Mapping[str, Any]) -> Gain | None:
    """From an evaluation of the version and one of its base model, else from an A/B test; None where there is none."""
    return _of_evaluations(tx, version) or _of_experiments(tx, version)


def _of_evaluations(tx: Transaction, version: Mapping[str, Any]) -> Gain | None:
    mine = evaluations.of_version(tx, version["model_name"], version["version"])
    theirs = [each for each in evaluations.of_model(tx, version["base_model"]) if each["model_type"] == "base"]
    rows_of = cache(partial(evaluations.results, tx))
    for after in mine[::-1]:
        for before in theirs[::-1]:
            if after["metric"] != before["metric"] or metrics.find(after["metric"]).bounds != (0.0, 1.0):
                continue
            try:
                pairs = comparison.matched(rows_of(before["id"]), rows_of(after["id"]))
            except UsageError:  # of other questions
                continue
            (change,) = comparison.changes(pairs, [after["metric"]])
            if change["examples"]:
                which = f"evaluations {before['id']} and {after['id']}"
                source = f"{which}: {after['metric']}, {change['examples']:,} examples of both"
                return Gain(change["difference"], change["low"], change["high"], source)
    return None


def _of_experiments(tx: Transaction, version: Mapping[str, Any]) -> Gain | None:
    for test in experiments.of_version(tx, version["model_name"], version["version"])[::-1]:
        if not test["statistics"]:
            continue
        result = verdict.judge(test, 0.05)
        low, high = result.intervals["accuracy"]
        if result.score == "real" or not (isfinite(low) and isfinite(high)):
            continue
        is_b = test["arm"] == "model_b"
        source = f"A/B test {test['id']} against {result.model_a if is_b else result.model_b}"
        return Gain(result.effect, low, high, source) if is_b else Gain(-result.effect, -high, -low, source)
    return None
