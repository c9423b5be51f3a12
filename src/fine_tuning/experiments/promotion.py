"""What follows from a verdict: the winner is deployed and the test ends, in one transaction, with a line in the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Literal, NamedTuple

from fine_tuning._util.model_names import parse_version_name, version_name
from fine_tuning.costs import host_names
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.experiments.ab_test_result import ABTestResult
from fine_tuning.experiments.recommendation import Reason, broken_guardrails, recommend, recommend_of_two
from fine_tuning.experiments.sufficient_statistics import A
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.store import experiments, model_versions, named_versions
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import ExperimentDecision

Action = Literal["promoted", "rolled_back", "kept"]
PROMOTED: Action = "promoted"
ROLLED_BACK: Action = "rolled_back"
KEPT: Action = "kept"


class Decision(NamedTuple):
    """promoted (model_b answers from now on), rolled_back (model_a again) or kept (model_a as before); and why."""

    action: Action
    model: str
    reason: str


def decision(tx: Transaction, result: ABTestResult, pinned: Mapping[Arm, str]) -> Decision | None:
    """The decision that follows from a result; None while there is none.

    A winner is promoted. A deployed model that loses, or breaks a guardrail of its own, is rolled back. Otherwise the
    test goes on until each of its models has lost, or can no longer win.

    Args:
        pinned: by arm the version that the test is about; see `pin`.
    """
    advice = recommend(result)
    if advice.reason == Reason.SAMPLE_RATIO_MISMATCH:
        return None
    if advice.winner not in (None, A):
        return Decision(PROMOTED, pinned[advice.winner], _scores(result.of(advice.winner)))
    for each in result.comparisons:
        if _loss(each) and _is_deployed(tx, pinned[each.arm]):
            return Decision(ROLLED_BACK, pinned[A], _why(result, [each]))
    if all(_loss(each) or _is_settled(each) for each in result.comparisons):
        return Decision(KEPT, pinned[A], _why(result, result.comparisons))
    return None


def _loss(result: ABTestResult) -> str:
    """Why model_b may not stay: its broken guardrails, else its lower score; empty where it may."""
    if broken := broken_guardrails(result):
        return f"guardrail broken: {', '.join(broken)}"
    return _scores(result) if recommend_of_two(result).winner == A else ""


def _is_settled(result: ABTestResult) -> bool:
    """Whether no more samples are needed, though neither model is better."""
    return result.is_over or recommend_of_two(result).reason == Reason.EQUIVALENT


def _why(result: ABTestResult, decisive: Iterable[ABTestResult]) -> str:
    """Why no model wins, by the comparisons that decide."""
    if not result.others:
        return _loss(result) or recommend(result).as_text(result)
    return "; ".join(f"{each.model_b}: {_loss(each) or recommend_of_two(each).text}" for each in decisive)


def carry_out(tx: Transaction, test_id: str, decided: Decision, actor: str) -> None:
    """Deploy the model of a decision, where it is not deployed already, and log the decision.

    A version that may no longer be deployed (it has failed since) stays as it is; the decision's reason says so.
    """
    name, version = find_version(tx, decided.model)
    if decided.action != KEPT and not _is_deployed(tx, decided.model):
        reason = f"A/B test {test_id}: {decided.reason}"
        row = model_versions.locked(tx, name, version)
        assert row is not None  # noqa: S101 - it was found
        try:
            model_versions.move(tx, row, "DEPLOYED", actor=actor, reason=reason, experiment=test_id)
        except ConflictError as error:
            decided = decided._replace(action=KEPT, reason=f"{decided.reason}; not deployed: {error}")
    experiments.decide(tx, test_id, decided.action, decided.model, decided.reason)


def pin(tx: Transaction, models_by_arm: Mapping[Arm, str], *, deployable: bool) -> dict[Arm, str]:
    """By arm the version that a test is about from its first call to its last, whatever is deployed meanwhile.

    A registered name stands for its deployed version, else for its latest; what is not registered stays as it is.

    Raises:
        UsageError: two are the same version; or, if they are to be `deployable`, one is not.
    """
    found = {arm: _pinned(tx, model) or model for arm, model in models_by_arm.items()}
    known = {arm: _pinned_at_host(tx, model) for arm, model in found.items()}
    for (arm, model), (other, same) in combinations(known.items(), 2):
        if model == same:
            both = f"{models_by_arm[arm]} and {models_by_arm[other]} are both {model}"
            raise UsageError(f"{both}; name two versions to compare")
    if deployable:
        for model in found.values():
            name, version = find_version(tx, model)
            record = model_versions.get(tx, name, version)
            assert record is not None  # noqa: S101 - it was found
            if record["status"] != "DEPLOYED" and "DEPLOYED" not in model_versions.MOVES[record["status"]]:
                raise UsageError(f"{model} is {record['status']}, which cannot be deployed; create without auto")
    return found


def _pinned(tx: Transaction, model: str) -> str | None:
    registered = model.removeprefix(f"{LOCAL}/")  # as a target of a route
    record = named_versions.find(tx, model) or named_versions.find(tx, registered)
    return None if record is None else version_name(record["model_name"], record["version"])


def _pinned_at_host(tx: Transaction, model: str) -> str:
    """The version of a name, also of one that its host gives it; another name as it is."""
    version = host_names.find(tx, model, now().isoformat())
    return model if version is None else version_name(version["model_name"], version["version"])


def promoted_name(decisions: Iterable[ExperimentDecision]) -> str | None:
    """The registered name of the model that a test promoted last; None where it promoted none."""
    models = [each["model"] for each in decisions if each["action"] == PROMOTED]
    parsed = parse_version_name(models[-1] or "") if models else None
    return None if parsed is None else parsed[0]


def find_version(tx: Transaction, model: str) -> tuple[str, int]:
    """Name and version of the registered `<name>-v<version>`.

    Raises:
        UsageError: it is not registered.
    """
    parsed = parse_version_name(model)
    if parsed is None or model_versions.get(tx, *parsed) is None:
        raise UsageError(f"{model} is not a registered model that can be deployed; register it, or create without auto")
    return parsed


def _is_deployed(tx: Transaction, model: str) -> bool:
    name, version = find_version(tx, model)
    found = model_versions.deployed(tx, name)
    return found is not None and found["version"] == version


def _scores(result: ABTestResult) -> str:
    return (
        f"score {result.model_b_accuracy:.4g} against {result.model_a_accuracy:.4g} after "
        f"{result.model_b_samples:,} and {result.model_a_samples:,} samples (p = {result.p_value:.2g})"
    )
