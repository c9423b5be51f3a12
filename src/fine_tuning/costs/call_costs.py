"""Measured cost per call of a model: of exactly the version that answered, where it is registered."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from typing import NamedTuple

from fine_tuning._util.model_names import is_fine_tuned, version_name
from fine_tuning._util.same_model import is_same
from fine_tuning.costs import answering_host
from fine_tuning.costs.cost_intervals import MIN_VALUES, NORMAL_FROM, UNKNOWN, Measured, mean_of, mean_of_moments
from fine_tuning.store import costs, experiments, named_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion

MAX_READ = 20_000  # newest calls of a registered name that are read to find those of a version


class CallCost(NamedTuple):
    """The mean in US dollars; `note` says which calls it is of, where these are not just the model's own."""

    measured: Measured
    note: str = ""


def of_name(tx: Transaction, name: str) -> CallCost:
    """Of a model that is not registered: of recorded production calls, else of A/B samples.

    Where no call of this very name has a price, those under other names of the same model count.
    """
    found = _of_names(tx, [name])
    if not isnan(found.value):
        return CallCost(found)
    known = {*costs.calls_by_model(tx, "inference"), *experiments.model_names(tx)}
    others = sorted(each for each in known if each != name and is_same(each, name))
    registered = {each for each in others if named_versions.find(tx, each) is not None}
    others = [each for each in others if each not in registered]
    return CallCost(_of_names(tx, others), f"recorded as {', '.join(others)}") if others else CallCost(UNKNOWN)


def _of_names(tx: Transaction, names: Sequence[str]) -> Measured:
    recorded = costs.moments(tx, "inference", names)
    if recorded.n > NORMAL_FROM:
        return mean_of_moments(recorded)
    if recorded.n:
        return mean_of(costs.newest_costs(tx, "inference", names, NORMAL_FROM))
    return _sampled(costs.Moments(*experiments.costs_of(tx, names)))


def _sampled(sums: costs.Moments) -> Measured:
    if not sums.n:
        return UNKNOWN
    return mean_of_moments(sums) if sums.n >= MIN_VALUES else Measured(sums.total / sums.n, nan)


def of_version(tx: Transaction, version: ModelVersion) -> CallCost:
    """Of a registered version: of recorded production calls that it answered, else of its A/B samples."""
    found = _answered_by(tx, version)
    if found:
        return CallCost(mean_of(found))
    sampled = experiments.costs_of_version(tx, version["model_name"], version["version"])
    return CallCost(_sampled(costs.Moments(*sampled)))


def _answered_by(tx: Transaction, version: ModelVersion) -> list[float]:
    """The costs of the newest calls that a version answered, by their record or by when they were made."""
    name, number = version["model_name"], version["version"]
    pinned = version_name(name, number)
    at_host = answering_host.of_version(tx, version).model
    own = {pinned, *([at_host] if is_fine_tuned(at_host) else [])}
    answering = named_versions.answering(tx, name)
    found = []
    for call in costs.newest_calls(tx, "inference", [name, *sorted(own)], MAX_READ):
        is_own = call.model_name in own
        if is_own or (call.version or answering.at(call.recorded_at)) == number:
            found.append(call.cost)
    return found[:NORMAL_FROM]
