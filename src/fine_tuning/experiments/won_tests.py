"""The A/B tests that a model version has won."""

from __future__ import annotations

from fine_tuning._util.model_names import version_name
from fine_tuning.experiments.ab_test_result import concluded_result
from fine_tuning.experiments.promotion import PROMOTED
from fine_tuning.experiments.recommendation import recommend
from fine_tuning.experiments.sufficient_statistics import A, B
from fine_tuning.store import experiments
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.experiments import ExperimentDecision, ExperimentOfVersion

CONCLUDED = "concluded"


def won_by(tx: Transaction, name: str, version: int) -> list[str]:
    """The ids of the concluded tests that a version has won, oldest first; not where it lost a later one to the same
    model.

    A test that promotes by itself is won by the version that it promoted; another by the arm that its stored result
    recommends. Results imported from files count for nothing, as nobody concluded them here.
    """
    model_id = version_name(name, version)
    won: dict[str, str] = {}  # by test the model that it was won against
    for test in experiments.of_version(tx, name, version):
        models = experiments.models(test)
        other = models[A] if test["arm"] != A else models[B]
        if any(_is_win(test, decision, model_id) for decision in experiments.decisions(tx, test["id"])):
            won[test["id"]] = other
        elif _is_lost(test):
            won = {each: against for each, against in won.items() if against != other}
    return [*won]


def _is_lost(test: ExperimentOfVersion) -> bool:
    """Whether the stored result recommends another arm."""
    result = concluded_result(test)
    return result is not None and recommend(result).winner not in (None, test["arm"])


def _is_win(test: ExperimentOfVersion, decision: ExperimentDecision, model_id: str) -> bool:
    if decision["action"] == PROMOTED:
        return decision["model"] in {model_id, experiments.models(test)[test["arm"]]}
    result = concluded_result(test) if decision["action"] == CONCLUDED else None
    return result is not None and recommend(result).winner == test["arm"]
