"""Names of a test's models that stand for another version by now than for the one that the test is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from fine_tuning._util.model_names import version_name
from fine_tuning.experiments.ab_test_result import ABTestResult
from fine_tuning.store import experiments, named_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import Experiment


class Moved(NamedTuple):
    """A name, the version (`<name>-v<version>`) that it was when the test began, and the one that it is now, if any."""

    name: str
    then: str
    now: str | None

    @property
    def warning(self) -> str:
        """What a reader of the verdict should know."""
        now = "no version" if self.now is None else self.now
        return f"{self.name} was {self.then} when the test began, and the samples count for it; by now it is {now}"


def find(tx: Transaction, test: Experiment) -> dict[Arm, Moved]:
    """The moved names of a test by arm."""
    found = dict[Arm, Moved]()
    for arm, name in experiments.models(test).items():
        then = (test["pinned"] or {}).get(arm, name)
        if then == name:  # a version, or not registered
            continue
        version = named_versions.find(tx, name)
        now = None if version is None else version_name(version["model_name"], version["version"])
        if now != then:
            found[arm] = Moved(name, then, now)
    return found


def noted(result: ABTestResult, moved: Mapping[Arm, Moved]) -> ABTestResult:
    """The result with the version of each moved name, and a warning."""
    if not moved:
        return result
    warnings = [*result.warnings, *(each.warning for each in moved.values())]
    return replace(result, warnings=warnings, versions={arm: each.then for arm, each in moved.items()})
