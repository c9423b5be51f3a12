"""The A/B tests that a registered version takes part in, by whatever name they call it."""

from __future__ import annotations

from fine_tuning._util.model_names import version_name
from fine_tuning.costs import host_names
from fine_tuning.store import experiments
from fine_tuning.store.database import Transaction
from fine_tuning.store.experiments import ArmNames
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import ExperimentOfVersion
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
        if test is not None:
            found.append(record(ExperimentOfVersion, {**test, "arm": arm}))
    return found


def concluded_of_version(tx: Transaction, version: ModelVersion) -> list[ExperimentOfVersion]:
    """Those of `of_version` that are concluded, in the order in which they were."""
    found = [test for test in of_version(tx, version) if test["result"]]
    return sorted(found, key=lambda test: (test["completed_at"] or "", test["started_at"], test["id"]))


def _arm(tx: Transaction, test: ArmNames, version: ModelVersion) -> Arm | None:
    model_id, plain = version_name(version["model_name"], version["version"]), version["model_name"]
    for arm, model in test.models.items():
        if model == model_id or (not test.is_pinned and model == plain):
            return arm
    at_host = (arm for arm, name in test.models.items() if host_names.is_version(tx, name, version, test.started_at))
    return next(at_host, None)
