"""The life of a test: it is created, ramped and concluded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.experiments import assignment, moved_names, promotion, verdict
from fine_tuning.experiments.ab_test_result import ABTestResult, concluded_result
from fine_tuning.experiments.design import MIN_SHARE, Design, DesignChoices, check_alpha
from fine_tuning.experiments.recommendation import recommend
from fine_tuning.experiments.sample_scoring import with_score_of_metric
from fine_tuning.experiments.won_tests import CONCLUDED
from fine_tuning.store import experiments
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.experiments import ARMS
from fine_tuning.store.records.experiment_json import Arm, DesignRecord, Slots
from fine_tuning.store.records.experiments import Experiment, ExperimentDecision
from fine_tuning.store.records.rows import JsonColumn


class CreatedTest(TypedDict):
    """A test as `ABTestFramework.create_test` returns it."""

    test_id: str
    model_a: str
    model_b: str
    more: list[str]
    status: str
    started_at: str
    metadata: JsonColumn
    design: DesignRecord


def design_of(kind: str, choices: DesignChoices) -> Design:
    """The design of these choices, with the kind of scores that its metric gives.

    Raises:
        UsageError: a choice is unknown or out of range, or the metric cannot score samples.
    """
    design = Design.of(kind=kind, **with_score_of_metric({**choices}))
    for name in ("low", "high"):
        if name in choices and design.score != "bounded" and getattr(design, name) != getattr(Design, name):
            raise UsageError(f"{name} is of bounded scores, and those of this test are {design.score}: score='bounded'")
    return design


def models_of(model_a: str, model_b: str, more: Sequence[str]) -> list[str]:
    """The models of a test, model_a first.

    Raises:
        UsageError: further models are no list: a text would be one of characters.
    """
    if isinstance(more, str):
        raise UsageError(f"more must be a list of models, not {more!r}; of one model, [{more!r}]")
    return [model_a, model_b, *more]


def create(
    database: Database, test_id: str, models: Sequence[str], design: Design, metadata: Mapping[str, object] | None
) -> CreatedTest:
    """Create a test of models, or return the running one if it is the same; see `ABTestFramework.create_test`."""
    if len(models) > len(ARMS):
        raise UsageError(f"a test has {len(ARMS)} models at most, not {len(models)}")
    checks.name("test_id", test_id)
    models_by_arm = {arm: checks.name(arm, model) for arm, model in zip(ARMS, models, strict=False)}
    for (arm, model), (other, same) in combinations(models_by_arm.items(), 2):
        if model == same:
            raise UsageError(f"{arm} and {other} are both {model}; name two models to compare")
    model_a, model_b, *more = models
    with database.write() as tx:
        if design.layer is not None:
            experiments.lock_layer(tx, design.layer)
        test = experiments.get(tx, test_id, lock=True)
        if test is None:
            new: experiments.NewExperiment = {
                "id": test_id,
                "model_a": model_a,
                "model_b": model_b,
                "more": more or None,
                "design": design.as_dict(),
                "pinned": promotion.pin(tx, models_by_arm, deployable=design.auto),
                "slots": _slots(tx, design.ramp, design.layer),
                "layer": design.layer,
                "metadata": checks.mapping("metadata", metadata),
            }
            experiments.create(tx, new)
            test = experiments.get(tx, test_id)
            assert test is not None  # noqa: S101 - created in this transaction
    if (experiments.models(test), test["status"]) != (models_by_arm, "running"):
        existing = f"{' against '.join(experiments.models(test).values())}, {test['status']}"
        raise ConflictError(f"test {test_id} exists: {existing}; choose another id")
    if Design.of(**test["design"]) != design:
        raise ConflictError(f"test {test_id} exists with another design; the design of a test cannot change")
    return {
        "test_id": test_id,
        "model_a": test["model_a"],
        "model_b": test["model_b"],
        "more": more,
        "status": test["status"],
        "started_at": test["started_at"],
        "metadata": test["metadata"],
        "design": test["design"],
    }


def find(database: Database, test_id: str) -> Experiment:
    """A test.

    Raises:
        NotFoundError: there is no such test.
    """
    with database.read() as tx:
        return _found(tx, test_id, experiments.get(tx, test_id))


def _found(tx: Transaction, test_id: str, test: Experiment | None) -> Experiment:
    if test is None:
        raise NotFoundError(f"no test {test_id}; known tests: {', '.join(experiments.ids(tx)) or 'none'}")
    return test


def decisions(database: Database, test_id: str) -> list[ExperimentDecision]:
    """The decisions about a test, oldest first; see `find`."""
    with database.read() as tx:
        _found(tx, test_id, experiments.get(tx, test_id))
        return experiments.decisions(tx, test_id)


def choose(database: Database, test_id: str, unit_id: str) -> tuple[Arm, str] | None:
    """The arm of a unit and its model's name; None where it takes no part; see `ABTestFramework.assign`."""
    checks.name("unit_id", unit_id)
    test = find(database, test_id)
    if test["status"] != "running" or not assignment.takes_part(test["layer"] or test_id, unit_id, test["slots"]):
        return None
    models = experiments.models(test)
    arm = assignment.assign(test_id, unit_id, Design.of(**test["design"]).split or 0.5, [*models])
    return arm, (test["pinned"] or models)[arm]


def ramp(database: Database, test_id: str, share: float) -> None:
    """Change the share of the units that take part; see `ABTestFramework.ramp`."""
    if checks.rate("share", share) is None:
        raise UsageError("share must be between 0 and 1")
    if 0 < share < MIN_SHARE:
        raise UsageError(f"share must be 0 or at least {MIN_SHARE:g}, not {share:g}")
    with database.write() as tx:
        ramp_within(tx, test_id, share)


def ramp_within(tx: Transaction, test_id: str, share: float) -> None:
    """As `ramp`, of a valid share, in the caller's transaction, which has locked no test yet."""
    layer = _found(tx, test_id, experiments.get(tx, test_id))["layer"]
    if layer is not None:
        experiments.lock_layer(tx, layer)  # before the test itself, as `create` does: no deadlock
    test = _found(tx, test_id, experiments.get(tx, test_id, lock=True))
    if test["status"] != "running":
        raise ConflictError(f"test {test_id} is not running")
    experiments.set_slots(tx, test_id, _slots(tx, share, layer, test))
    experiments.decide(tx, test_id, "ramped", None, f"{share:.1%} of the units take part")


def _slots(tx: Transaction, share: float, layer: str | None, test: Experiment | None = None) -> Slots:
    """The slots of a test for this share of the units, none of which another test of the layer has."""
    others = experiments.in_layer(tx, layer) if layer is not None else []
    taken = [other["slots"] for other in others if test is None or other["id"] != test["id"]]
    return assignment.ramped([] if test is None else test["slots"], taken, share)


def monitor(database: Database, test_id: str, alpha: float | None) -> ABTestResult:
    """The verdict so far, or the stored one of a concluded test; see `ABTestFramework.monitor`."""
    if alpha is not None:
        check_alpha(alpha)
    with database.read() as tx:
        test = _found(tx, test_id, experiments.get(tx, test_id))
        moved = moved_names.find(tx, test)
    return moved_names.noted(concluded_result(test) or verdict.judge(test, alpha), moved)


def conclude(database: Database, test_id: str, alpha: float | None, *, even_empty: bool) -> ABTestResult:
    """End a test and store its verdict; see `ABTestFramework.conclude_test`."""
    if alpha is not None:
        check_alpha(alpha)
    with database.write() as tx:
        test = _found(tx, test_id, experiments.get(tx, test_id, lock=True))
        moved = moved_names.find(tx, test)
        if (concluded := concluded_result(test)) is not None:
            return moved_names.noted(concluded, moved)
        result = verdict.judge(test, alpha, is_last=True)
        is_over = even_empty or result.without_samples is None
        if is_over:
            store_verdict(tx, result)  # without what its names stand for now, which may change again
        result = moved_names.noted(result, moved)
        if is_over:
            experiments.decide(tx, test_id, CONCLUDED, None, recommend(result).shown(result))
    return result


def store_verdict(tx: Transaction, result: ABTestResult) -> None:
    """Store the verdict of a test and mark it as completed."""
    result.status, result.completed_at = "completed", now().isoformat()
    experiments.conclude(tx, result.test_id, result.as_json())


def results(database: Database, status: str | None = None) -> dict[str, ABTestResult]:
    """The state of every test, or of those with a status, by id, oldest first."""
    with database.read() as tx:
        tests = [(test, moved_names.find(tx, test)) for test in experiments.find(tx, status)]
    return {
        test["id"]: moved_names.noted(concluded_result(test) or verdict.judge(test), moved) for test, moved in tests
    }
