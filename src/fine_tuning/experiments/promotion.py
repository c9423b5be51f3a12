"""What follows from a verdict: the winner is deployed and the test ends, in one transaction, with a line in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fine_tuning._util.model_names import parse_alias_name, parse_version_name, version_name
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.experiments.guardrails import BROKEN
from fine_tuning.experiments.recommendation import recommend
from fine_tuning.experiments.sufficient_statistics import A, B
from fine_tuning.experiments.verdict import ABTestResult
from fine_tuning.store import experiments, model_labels, model_versions
from fine_tuning.store.database import Transaction

PROMOTED, ROLLED_BACK, KEPT = "promoted", "rolled_back", "kept"


class Decision(NamedTuple):
    """promoted (model_b answers from now on), rolled_back (model_a again) or kept (model_a as before); and why."""

    action: str
    model: str
    reason: str


def decision(tx: Transaction, result: ABTestResult, pinned: Mapping[str, str]) -> Decision | None:
    """What a result means for production; None while it means nothing yet.

    Args:
        pinned: by arm the version that the test is about; see `pin`.
    """
    said = recommend(result)
    broken = [rail["name"] for rail in result.guardrails if rail["status"] == BROKEN]
    if result.withheld:
        return None
    if said == result.model_b:
        return Decision(PROMOTED, pinned[B], _shown(result))
    is_tie = said.startswith("TIE")
    is_settled = result.is_over or said.startswith("TIE: equivalent")
    if is_tie and not broken and not is_settled:
        return None
    why = f"guardrail broken: {', '.join(broken)}" if broken else said if is_tie else _shown(result)
    loses = broken or not is_tie  # where nothing differs, nothing changes
    return Decision(ROLLED_BACK if loses and _is_deployed(tx, pinned[B]) else KEPT, pinned[A], why)


def carry_out(tx: Transaction, test_id: str, decided: Decision, actor: str) -> None:
    """Deploy the model that won, where it is not deployed already, and write the decision down.

    A version that may not be deployed any more (it has failed since) is not; the decision says so.
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


def pin(tx: Transaction, models_by_arm: Mapping[str, str], *, deployable: bool) -> dict[str, str]:
    """By arm the version that a test is about from its first call to its last, whatever is deployed meanwhile.

    A registered name stands for its deployed version, else for its latest; what is not registered stays as it is.

    Raises:
        UsageError: both are the same version; or, if they are to be `deployable`, one is not.
    """
    found = {arm: _pinned(tx, model) or model for arm, model in models_by_arm.items()}
    if found[A] == found[B]:
        raise UsageError(f"{models_by_arm[A]} and {models_by_arm[B]} are both {found[A]}; name two versions to compare")
    if deployable:
        for model in found.values():
            name, version = find_version(tx, model)
            record = model_versions.get(tx, name, version) or {}
            if record["status"] != "DEPLOYED" and "DEPLOYED" not in model_versions.MOVES[record["status"]]:
                raise UsageError(f"{model} is {record['status']}, which cannot be deployed; create without auto")
    return found


def _pinned(tx: Transaction, model: str) -> str | None:
    parsed = parse_version_name(model)
    if parsed and model_versions.get(tx, *parsed) is not None:
        return model
    if aliased := parse_alias_name(model):
        name, alias = aliased
        if (version := model_labels.aliases(tx, name).get(alias)) is not None:
            return version_name(name, version)
    record = model_versions.deployed(tx, model) or model_versions.get(tx, model)
    return None if record is None else version_name(model, record["version"])


def find_version(tx: Transaction, model: str) -> tuple[str, int]:
    """The registered version that `<name>-v<version>` is.

    Raises:
        UsageError: it is not registered.
    """
    parsed = parse_version_name(model)
    if parsed is None or model_versions.get(tx, *parsed) is None:
        raise UsageError(f"{model} is no registered model that could be deployed; register it, or create without auto")
    return parsed


def _is_deployed(tx: Transaction, model: str) -> bool:
    name, version = find_version(tx, model)
    found: Mapping[str, Any] | None = model_versions.deployed(tx, name)
    return found is not None and found["version"] == version


def _shown(result: ABTestResult) -> str:
    return (
        f"score {result.model_b_accuracy:.4g} against {result.model_a_accuracy:.4g} after "
        f"{result.model_b_samples:,} and {result.model_a_samples:,} samples (p = {result.p_value:.2g})"
    )
