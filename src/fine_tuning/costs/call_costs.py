"""Measured cost per call of a model: of exactly the version that answered, where it is registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import NamedTuple

from fine_tuning._util.model_names import is_fine_tuned, version_name
from fine_tuning._util.same_model import is_same
from fine_tuning.costs import answering_host, hosted_model, priced_share, version_tests
from fine_tuning.costs.cost_intervals import MIN_VALUES, NORMAL_FROM, UNKNOWN, Measured, mean_of, mean_of_moments
from fine_tuning.costs.hosted_model import HostedModel
from fine_tuning.store import costs, experiments, named_versions
from fine_tuning.store.costs import Called, Moments, RecordedCall
from fine_tuning.store.database import Transaction
from fine_tuning.store.experiments import Counts
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import Experiment
from fine_tuning.store.records.model_versions import ModelVersion

MAX_READ = 20_000  # newest calls of a registered name that are read to find those of a version


class CallCost(NamedTuple):
    """The mean in US dollars; `note` says which calls it is of, where these are not just the model's own.

    `share` says how many have a price, where not all do. `missing` is why it is unknown, and what would tell it,
    where recorded calls alone would not.
    """

    measured: Measured
    note: str = ""
    missing: str = ""
    share: str = ""


def _cost(name: str, measured: Measured, sums: Moments, note: str = "") -> CallCost:
    """The mean of the calls with a price; unknown where these are few of all.

    Args:
        sums: of all calls.
    """
    share = priced_share.text(name, sums.n, sums.calls)
    if not priced_share.is_enough(sums.n, sums.calls):
        return CallCost(UNKNOWN, note, priced_share.missing(sums.n, sums.calls), share)
    return CallCost(measured, note, share=share)


def of_name(tx: Transaction, name: str, counts: Counts) -> CallCost:
    """Of a model that is not registered: of recorded production calls, else of A/B samples.

    Where no call of this very name has a price, those under other names of the same model count with them. Calls of one
    name at several hosts are of several models: the name has to say which.

    Args:
        counts: which samples of A/B tests count.
    """
    model = hosted_model.read(name)
    names = {*costs.calls_by_model(tx, "inference"), *experiments.model_names(tx)}
    alike = [each for each in sorted(names) if is_same(hosted_model.read(each).model, model.model)]
    alike = [each for each in alike if each == name or named_versions.find(tx, each) is None]
    found = costs.moments_by_host(tx, "inference", alike)
    recorded = {call: sums for call, sums in found.items() if _counts(tx, call, counts)}
    at = {call: hosted_model.read(call.model_name, call.provider) for call in recorded}
    chosen = _chosen(model, at)
    for own in (True, False):
        calls = [call for call in chosen if (call.model_name == name) is own]
        if not any(recorded[call].n for call in calls):
            continue
        if places := _apart(at[call] for call in calls):
            return CallCost(UNKNOWN, missing=_ambiguous(name, places))
        alone = [call for call in chosen if any(at[call].is_same(at[other]) for other in calls)]  # without a price
        every = costs.summed(recorded[call] for call in (calls if own else alone))
        mean = _mean(tx, {call: recorded[call] for call in calls})
        return _cost(name, mean, every, _note(name, {at[c] for c in calls}, calls))

    def is_wanted(test: Experiment, arm: Arm) -> bool:
        return counts(test, arm) and model.is_same(version_tests.hosted(test, arm))

    others = [each for each in alike if each != name and model.is_same(hosted_model.read(each))]
    unpriced = sum(recorded[call].calls for call in chosen)
    own_samples = experiments.costs_of(tx, [name], is_wanted)
    if own_samples.n:
        return _of_samples(name, own_samples, unpriced)
    every = experiments.costs_of(tx, [name, *others], is_wanted)
    return _of_samples(name, every, unpriced, f"recorded as {', '.join(others)}")


def _counts(tx: Transaction, call: Called | RecordedCall, counts: Counts) -> bool:
    """Whether a call counts: of those of an A/B test, as its samples do."""
    test = None if call.experiment is None else experiments.get(tx, call.experiment)
    if test is None:
        return True
    return all(counts(test, arm) for arm in experiments.models(test) if arm == call.arm)


def _chosen(hosted: HostedModel, at: Mapping[Called, HostedModel]) -> list[Called]:
    """The calls of a model: those at its host where it is named and has some, else those whose host is not noted."""
    if hosted.host is None:
        return [*at]
    there = [call for call, model in at.items() if model.is_at(hosted)]
    return there or [call for call, model in at.items() if model.host is None and hosted.is_same(model)]


def _apart(models: Iterable[HostedModel]) -> list[str]:
    """The hosts of which calls are not of one model; empty where they may all be."""
    found = list(models)
    hosts = {each.host for each in found if each.host is not None}
    unknown = any(each.host is None for each in found)
    is_one = len(hosts) <= 1 and not (unknown and any(not each.is_same(other) for each in found for other in found))
    return [] if is_one else [*sorted(hosts), *(["a host that is not noted"] if unknown else [])]


def _ambiguous(name: str, hosts: list[str]) -> str:
    known = next(each for each in hosts if " " not in each)
    model = hosted_model.read(name).model
    return (
        f"calls of {name} are recorded at {' and '.join(hosts)}, which need not be one model; name the incumbent with "
        f"its host, as {known}/{model}, or give base_model_inference_cost"
    )


def _note(name: str, models: set[HostedModel], calls: Sequence[Called]) -> str:
    others = sorted({call.model_name for call in calls} - {name})
    hosts = sorted({each.host or "" for each in models if each.is_private})
    where = f"at {', '.join(hosts)}" if hosts and hosted_model.read(name).host is None else ""
    return ", ".join(filter(None, [f"recorded as {', '.join(others)}" if others else "", where]))


def _mean(tx: Transaction, calls: Mapping[Called, Moments]) -> Measured:
    sums = costs.summed(calls.values())
    if sums.n > NORMAL_FROM:
        return mean_of_moments(sums)
    return mean_of(costs.newest_costs(tx, "inference", [*calls], NORMAL_FROM))


def _of_samples(name: str, sums: Moments, unpriced: int, note: str = "") -> CallCost:
    """Of A/B samples, where no recorded call has a price.

    Args:
        unpriced: how many calls are recorded.
    """
    if not sums.n:
        return CallCost(UNKNOWN)
    measured = mean_of_moments(sums) if sums.n >= MIN_VALUES else Measured(sums.total / sums.n, nan)
    without = f"none of {unpriced:,} recorded calls of {name} has a known price: it is that of {sums.n:,} A/B samples"
    return _cost(name, measured, sums, "; ".join(filter(None, [note, without if unpriced else ""])))


def of_version(tx: Transaction, version: ModelVersion, counts: Counts) -> CallCost:
    """Of a registered version: of recorded production calls that it answered, else of its A/B samples that count."""
    name, found = version_name(version["model_name"], version["version"]), _answered_by(tx, version, counts)
    if priced := [cost for cost in found if cost is not None]:
        return _cost(name, mean_of(priced[:NORMAL_FROM]), Moments(len(priced), calls=len(found)))
    tests = (test for test in version_tests.of_version(tx, version) if counts(test, test["arm"]))
    sampled = [experiments.costs_in(test, test["arm"]) for test in tests]
    return _of_samples(name, costs.summed([Moments(), *sampled]), len(found))


def _answered_by(tx: Transaction, version: ModelVersion, counts: Counts) -> list[float | None]:
    """The costs of the newest calls that a version answered, by their record or by when they were made."""
    name, number = version["model_name"], version["version"]
    pinned = version_name(name, number)
    at_host = answering_host.of_version(tx, version).model
    own = {pinned, *([at_host] if is_fine_tuned(at_host) else [])}
    answering = {each: named_versions.answering(tx, each) for each in (name, *named_versions.alias_names(tx, name))}
    found, valid = list[float | None](), dict[tuple[str | None, str | None], bool]()
    for call in costs.newest_calls(tx, "inference", [*answering, *sorted(own)], MAX_READ):
        is_own = call.model_name in own
        if not is_own and (call.version or answering[call.model_name].at(call.recorded_at)) != number:
            continue
        if (key := (call.experiment, call.arm)) not in valid:
            valid[key] = _counts(tx, call, counts)
        if valid[key]:
            found.append(call.cost)
    return found
