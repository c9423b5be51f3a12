"""The A/B tests that a registered version takes part in, by whatever name they call it."""

from __future__ import annotations

from fine_tuning._util.model_names import version_name
from fine_tuning.costs import host_names, hosted_model
from fine_tuning.costs.hosted_model import HostedModel
from fine_tuning.store import experiments
from fine_tuning.store.database import Transaction
from fine_tuning.store.experiments import ArmNames
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import Experiment, ExperimentOfVersion
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.records.rows import record


def of_version(tx: Transaction, version: ModelVersion) -> list[ExperimentOfVersion]:
    """The tests of a version, oldest first, each with the arm of that version.

    A test of a registered name is about the version that it was pinned to, not about later ones of that name; one that
    names the model as its host does is about the version that this name stood for when the test began.
    """
    found = []
    for names in experiments.arm_names(tx):
        arm = _arm(tx, names, version)
        test = None if arm is None else experiments.get(tx, names.id)
        if arm is not None and test is not None and not _is_elsewhere(tx, test, arm, version):
            found.append(record(ExperimentOfVersion, {**test, "arm": arm}))
    return found


def concluded_of_version(tx: Transaction, version: ModelVersion) -> list[ExperimentOfVersion]:
    """Those of `of_version` that are concluded, in the order in which they were."""
    found = [test for test in of_version(tx, version) if test["result"]]
    return sorted(found, key=lambda test: (test["completed_at"] or "", test["started_at"], test["id"]))


def hosted(test: Experiment, arm: Arm) -> HostedModel:
    """The model of an arm, at the host that its samples say; a model that answered at several hosts is none of theirs.

    Of a registered version, which says its host itself, only the name.
    """
    name = (test["pinned"] or experiments.models(test))[arm]
    state = test["statistics"]
    providers = [] if state is None else state.get("providers", {}).get(arm, [])
    found = {hosted_model.read(name, each) for each in providers} or {hosted_model.read(name)}
    one = found.pop()
    if all(each.is_same(one) for each in found):
        return one
    hosts = sorted(each.host or "a host that is not noted" for each in {one, *found})
    return HostedModel(f"{one.model} at {' and '.join(hosts)}", None)


def _is_elsewhere(tx: Transaction, test: Experiment, arm: Arm, version: ModelVersion) -> bool:
    """Whether the samples of an arm that has the name of a version's model are of another host."""
    name = (test["pinned"] or experiments.models(test))[arm]
    at_host = host_names.of_version(tx, version)
    is_by_name = name in {version_name(version["model_name"], version["version"]), version["model_name"]}
    return not is_by_name and at_host is not None and not at_host.is_same(hosted(test, arm))


def _arm(tx: Transaction, test: ArmNames, version: ModelVersion) -> Arm | None:
    model_id, plain = version_name(version["model_name"], version["version"]), version["model_name"]
    for arm, model in test.models.items():
        if model == model_id or (not test.is_pinned and model == plain):
            return arm
    at_host = (arm for arm, name in test.models.items() if host_names.is_version(tx, name, version, test.started_at))
    return next(at_host, None)
