"""What a version and its incumbent cost per call on the same requests: those of an A/B test between the two."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from fine_tuning._util.model_names import version_name
from fine_tuning.costs import priced_share, version_tests
from fine_tuning.costs.call_costs import CallCost
from fine_tuning.costs.cost_intervals import MIN_VALUES, Measured
from fine_tuning.costs.roi_facts import Incumbent
from fine_tuning.experiments.incumbent import compared_arm
from fine_tuning.experiments.measures import COST
from fine_tuning.experiments.stratified_difference import difference
from fine_tuning.experiments.sufficient_statistics import A, Statistics
from fine_tuning.experiments.withheld_tests import WithheldTests
from fine_tuning.store import experiments
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import ExperimentOfVersion
from fine_tuning.store.records.model_versions import ModelVersion


class PricesOfTest(NamedTuple):
    """US dollars per call of both models of a test, where requests of the same time and stratum count alike."""

    test: str
    version: CallCost
    incumbent: CallCost


def of_newest_test(
    tx: Transaction, version: ModelVersion, incumbent: Incumbent, tests: WithheldTests
) -> PricesOfTest | None:
    """Of the newest valid A/B test between the two with enough priced samples of both; None where there is none."""
    name = version_name(version["model_name"], version["version"])
    for test in version_tests.of_version(tx, version)[::-1]:
        arm = compared_arm(tx, test, incumbent)
        if (
            arm is not None
            and tests.counts(test, arm)
            and (found := _prices(test, arm, name, incumbent.name)) is not None
        ):
            return found
    return None


def _prices(test: ExperimentOfVersion, arm: Arm, version: str, incumbent: str) -> PricesOfTest | None:
    two = Statistics.of(test["statistics"], [*experiments.models(test)]).against(arm)
    comparison = two.comparison
    arms = [*two.arms.values()]
    if not all(each.measure(COST).count >= MIN_VALUES and each.has_price for each in arms):
        return None
    if not two.is_paired and (comparison.in_turns or comparison.are_apart):
        return None  # their requests are of other times
    found = difference(comparison.cells(COST))
    if found is None:
        return None
    origin = two.origins.get(COST, 0.0)
    names = (version, incumbent) if test["arm"] == A else (incumbent, version)
    first, second = (
        CallCost(
            Measured(mean + origin, sqrt(max(0.0, variance))),
            share=priced_share.text(name, sums.measure(COST).count, sums.answered),
        )
        for mean, variance, sums, name in zip(found.means, found.variances[:2], arms, names, strict=True)
    )
    return PricesOfTest(test["id"], first, second) if test["arm"] == A else PricesOfTest(test["id"], second, first)
