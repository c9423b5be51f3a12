"""Calls of a route's canary as samples of its A/B test, and feedback on them as their outcomes."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fine_tuning.ab_testing import ABTestFramework
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.experiments import lifecycle
from fine_tuning.experiments.design import Design
from fine_tuning.gateway.call_records import OK, CallRecords
from fine_tuning.gateway.route_policy import RoutePolicy
from fine_tuning.store import routes
from fine_tuning.store.database import Database
from fine_tuning.store.records.gateway_calls import CallFeedback, GatewayCall
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
CORRECTION, FORMAT, RATING = "correction", "format", "rating"
_GOOD_RATING, _MOST_RATING = 4, 5


class CanarySamples:
    """Records the samples among stored calls, each with the id of its call; one that is repeated adds nothing."""

    def __init__(self, workspace: Workspace) -> None:
        self._framework, self._database = ABTestFramework(workspace=workspace), workspace.database
        self._policies: dict[tuple[str, str, int], RoutePolicy | None] = {}

    def record(self, calls: Sequence[CallRecords]) -> None:
        """Record those calls that are samples."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in calls:
            policy = self._policy(each.call) if each.call["arm"] is not None else None
            is_known = not each.call["is_cancelled"] or each.call["was_slower"]  # what is too slow is no chance
            if policy is not None and policy.canary is not None and is_known:
                found[policy.canary].append(_sample(each, policy))
        for test_id, samples in found.items():
            self._record(test_id, samples)

    def _record(self, test_id: str, samples: Sequence[dict[str, Any]]) -> None:
        try:
            self._framework.record_samples(test_id, samples)
        except (UsageError, ConflictError) as error:
            if len(samples) == 1:
                _log.warning("call %s is no sample of %s: %s", samples[0]["sample_id"], test_id, error)
                return
            for sample in samples:
                self._record(test_id, [sample])

    def _policy(self, call: GatewayCall) -> RoutePolicy | None:
        key = call["project"], call["route"] or "", call["revision"] or 0
        if key not in self._policies:
            self._policies[key] = policy_of(self._database, call)
        return self._policies[key]


def policy_of(database: Database, call: GatewayCall) -> RoutePolicy | None:
    """The policy by which a call was answered."""
    with database.read() as tx:
        found = routes.revision_at(tx, call["project"], call["route"] or "", call["revision"] or 0)
    return None if found is None or found["policy"] is None else RoutePolicy.of(found["policy"])


def _sample(records: CallRecords, policy: RoutePolicy) -> dict[str, Any]:
    call, message = records.call, records.message
    sample: dict[str, Any] = {
        "model": call["arm"],
        "prediction": None,
        "reference": None,
        "latency_ms": None if call["seconds"] is None else (records.waited + call["seconds"]) * 1000,
        "cost": call["cost"],
        "sample_id": call["id"],
        "cluster_id": call["unit"],
        "provider": records.address,
    }
    if call["was_slower"]:
        return {**sample, "error": "another target answered before it"}
    if is_failed(call):
        why = f"status {call['status']}" if call["is_whole"] else "the response is no whole answer"
        return {**sample, "error": why}
    if message is not None:
        sample["prediction"] = {"content": message.get("content"), "tool_calls": message.get("tool_calls") or []}
    if policy.outcome == FORMAT and call["is_in_form"] is not None:
        sample["score"] = float(call["is_in_form"])
    return sample


def is_failed(call: GatewayCall) -> bool:
    """Whether a call that nobody cancelled has no whole answer."""
    return call["status"] not in OK or not call["is_whole"]


def record_outcome(workspace: Workspace, call: GatewayCall, feedback: CallFeedback) -> bool:
    """Score the sample that a call is by what feedback says; False where it is none, or has its score already.

    Raises:
        UsageError: the score is none of the test's.
    """
    policy = policy_of(workspace.database, call) if call["arm"] is not None else None
    if policy is None or policy.canary is None:
        return False
    reference = feedback["correction"] if policy.outcome == CORRECTION else None
    score = feedback["metrics"].get(policy.outcome)
    if policy.outcome == RATING and feedback["rating"] is not None:
        test = lifecycle.find(workspace.database, policy.canary)
        score = _of_rating(Design.of(**test["design"]), feedback["rating"])
    if score is None and reference is None:
        return False
    framework = ABTestFramework(workspace=workspace)
    try:
        return framework.record_outcome(policy.canary, call["id"], reference, score=score, model=call["arm"])
    except ConflictError as error:
        raise UsageError(str(error)) from None


def _of_rating(design: Design, rating: int) -> float:
    """A rating of 1 to 5 as a score: 4 and 5 are right, or from the lowest score to the highest."""
    if design.score == "binary":
        return float(rating >= _GOOD_RATING)
    return design.low + design.spread * (rating - 1) / (_MOST_RATING - 1)
