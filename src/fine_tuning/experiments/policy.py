"""What follows from a verdict: the winner is deployed and the test ends, in one transaction, with a line in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fine_tuning.errors import UsageError
from fine_tuning.experiments.guardrails import BROKEN
from fine_tuning.experiments.recommendation import recommend
from fine_tuning.experiments.verdict import ABTestResult
from fine_tuning.store import experiments, models
from fine_tuning.store.database import Transaction
from fine_tuning.store.tasks import parse_model_id

PROMOTED, ROLLED_BACK, KEPT = "promoted", "rolled_back", "kept"


class Decision(NamedTuple):
    """promoted (model_b answers from now on), rolled_back (model_a again) or kept (model_a as before); and why."""

    action: str
    model: str
    reason: str


def decision(tx: Transaction, result: ABTestResult) -> Decision | None:
    """What a result means for production; None while it means nothing yet."""
    said = recommend(result)
    broken = [rail["name"] for rail in result.guardrails if rail["status"] == BROKEN]
    if result.withheld:
        return None
    if said == result.model_b:
        return Decision(PROMOTED, result.model_b, _shown(result))
    is_tie = said.startswith("TIE")
    is_settled = result.is_over or said.startswith("TIE: equivalent")
    if is_tie and not broken and not is_settled:
        return None
    why = f"guardrail broken: {', '.join(broken)}" if broken else said if is_tie else _shown(result)
    return Decision(ROLLED_BACK if _is_deployed(tx, result.model_b) else KEPT, result.model_a, why)


def carry_out(tx: Transaction, test_id: str, decided: Decision, actor: str) -> None:
    """Deploy the model that won, where it is not deployed already, and write the decision down."""
    name, version = find_version(tx, decided.model)
    if not _is_deployed(tx, decided.model):
        reason = f"A/B test {test_id}: {decided.reason}"
        models.set_status(tx, name, version, "DEPLOYED", actor=actor, reason=reason, experiment=test_id)
    experiments.decide(tx, test_id, decided.action, decided.model, decided.reason)


def find_version(tx: Transaction, model: str) -> tuple[str, int]:
    """The registered version that a test's model is: `<name>-v<version>`, or the latest version of a name.

    Raises:
        UsageError: it is not registered.
    """
    parsed = parse_model_id(model)
    record = models.get(tx, *parsed) if parsed else None
    record = record or models.get(tx, model)
    if record is None:
        raise UsageError(f"{model} is no registered model that could be deployed; register it, or create without auto")
    return record["model_name"], record["version"]


def _is_deployed(tx: Transaction, model: str) -> bool:
    name, version = find_version(tx, model)
    found: Mapping[str, Any] | None = models.deployed(tx, name)
    return found is not None and found["version"] == version


def _shown(result: ABTestResult) -> str:
    return (
        f"score {result.model_b_accuracy:.4g} against {result.model_a_accuracy:.4g} after "
        f"{result.model_b_samples:,} and {result.model_a_samples:,} samples (p = {result.p_value:.2g})"
    )
