"""The A/B tests that a model version has won."""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning._util.model_names import version_name
from fine_tuning.costs import version_tests
from fine_tuning.costs.roi_facts import Incumbent
from fine_tuning.experiments.ab_test_result import ABTestResult, concluded_result
from fine_tuning.experiments.field_intervals import interval_of
from fine_tuning.experiments.incumbent import of_arm
from fine_tuning.experiments.promotion import PROMOTED
from fine_tuning.experiments.recommendation import Reason, broken_guardrails, recommend, recommend_of_two
from fine_tuning.experiments.sufficient_statistics import A
from fine_tuning.store import experiments, model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import ExperimentDecision, ExperimentOfVersion

CONCLUDED = "concluded"


class Win(NamedTuple):
    """A test that a version has won.

    Attributes:
        against: the models that it was won against.
        contradicted_by: the id of a later test against one of these models, under whatever name, in which the version
            lost or broke a guardrail, or in which the difference changed; None without one.
    """

    test: str
    against: list[Incumbent]
    contradicted_by: str | None = None


def won_by(tx: Transaction, name: str, version: int) -> list[str]:
    """The ids of the concluded tests that a version has won, and that none since contradicts; see `wins`."""
    return [win.test for win in wins(tx, name, version) if win.contradicted_by is None]


def wins(tx: Transaction, name: str, version: int) -> list[Win]:
    """The concluded tests that a version has won, in the order of their conclusion.

    A test that promotes by itself is won by the version that it promoted; another by the arm that its stored result
    recommends. Results imported from files are no wins, as nobody concluded them here.
    """
    model_id = version_name(name, version)
    found: list[Win] = []
    registered = model_versions.get(tx, name, version)
    for test in [] if registered is None else version_tests.concluded_of_version(tx, registered):
        result = concluded_result(test)
        if result is None:
            continue
        if any(_is_win(test, result, each, model_id) for each in experiments.decisions(tx, test["id"])):
            found.append(Win(test["id"], [of_arm(tx, test, arm) for arm in _compared_with(result, test["arm"])]))
            continue
        better = [of_arm(tx, test, arm) for arm in _no_longer_beaten(result, test["arm"])]
        found = [
            win._replace(contradicted_by=test["id"]) if _have_one_in_common(win.against, better) else win
            for win in found
        ]
    return found


def _is_win(test: ExperimentOfVersion, result: ABTestResult, decision: ExperimentDecision, model_id: str) -> bool:
    if decision["action"] == PROMOTED:
        return decision["model"] in {model_id, experiments.models(test)[test["arm"]]}
    return decision["action"] == CONCLUDED and recommend(result).winner == test["arm"]


def _compared_with(result: ABTestResult, arm: Arm) -> list[Arm]:
    """The arms that one is compared with: model_a with each, the others with model_a alone."""
    return [each.arm for each in result.comparisons] if arm == A else [A]


def _no_longer_beaten(result: ABTestResult, arm: Arm) -> list[Arm]:
    """The arms that are better than one, and those from which its difference has changed."""
    if arm == A:
        return [each.arm for each in result.comparisons if each.changed or recommend_of_two(each).winner == each.arm]
    own = result.of(arm)
    advice = recommend_of_two(own)
    is_no_longer_better = own.changed or advice.winner == A or advice.reason == Reason.GUARDRAIL_BROKEN
    better = [each.arm for each in result.comparisons if _scores_better(each, own)]
    return [A, *better] if is_no_longer_better else better


def _scores_better(one: ABTestResult, other: ABTestResult) -> bool:
    """Whether one challenger scores better than another: all intervals against model_a hold together, and theirs have
    no difference in common.
    """
    return not broken_guardrails(one) and interval_of(one, "accuracy")[0] > interval_of(other, "accuracy")[1]


def _have_one_in_common(some: list[Incumbent], others: list[Incumbent]) -> bool:
    return any(one.is_same(other) for one in some for other in others)
