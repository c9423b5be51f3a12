"""Difference in accuracy between a version and the model it replaces, measured by evaluations or A/B tests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from math import isfinite
from typing import Any

from fine_tuning.costs.roi_facts import AccuracyGain
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import comparison, metrics
from fine_tuning.experiments import verdict
from fine_tuning.store import evaluations, experiments
from fine_tuning.store.database import Transaction


def of_version(tx: Transaction, version: Mapping[str, Any]) -> AccuracyGain | None:
    """The gain between evaluations of the version and its base model, else in an A/B test; None without either."""
    return _of_evaluations(tx, version) or _of_experiments(tx, version)


def _of_evaluations(tx: Transaction, version: Mapping[str, Any]) -> AccuracyGain | None:
    own = evaluations.of_version(tx, version["model_name"], version["version"])
    base = [each for each in evaluations.of_model(tx, version["base_model"]) if each["model_type"] == "base"]
    rows_of = cache(partial(evaluations.results, tx))
    for after in own[::-1]:
        for before in base[::-1]:
            if after["metric"] != before["metric"] or metrics.find(after["metric"]).bounds != (0.0, 1.0):
                continue
            try:
                pairs = comparison.matched(rows_of(before["id"]), rows_of(after["id"]))
            except UsageError:  # over different questions
                continue
            (change,) = comparison.changes(pairs, [after["metric"]])
            if change["examples"]:
                which = f"evaluations {before['id']} and {after['id']}"
                source = f"{which}: {after['metric']}, {change['examples']:,} examples of both"
                return AccuracyGain(change["difference"], change["low"], change["high"], source)
    return None


def _of_experiments(tx: Transaction, version: Mapping[str, Any]) -> AccuracyGain | None:
    for test in experiments.of_version(tx, version["model_name"], version["version"])[::-1]:
        if not test["statistics"]:
            continue
        result = verdict.judge(test, 0.05)
        low, high = result.intervals["accuracy"]
        if result.score == "real" or not (isfinite(low) and isfinite(high)):
            continue
        is_b = test["arm"] == "model_b"
        source = f"A/B test {test['id']} against {result.model_a if is_b else result.model_b}"
        return (
            AccuracyGain(result.effect, low, high, source)
            if is_b
            else AccuracyGain(-result.effect, -high, -low, source)
        )
    return None
