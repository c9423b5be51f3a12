"""What changes routes by itself: a broken guardrail and a lost test return them, a test that is won advances them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from fine_tuning.errors import ConflictError, NotFoundError, StorageError, UsageError
from fine_tuning.evaluation import intervals
from fine_tuning.experiments import lifecycle, non_inferiority, verdict
from fine_tuning.experiments.ab_test_result import ABTestResult
from fine_tuning.experiments.field_intervals import interval_of
from fine_tuning.experiments.recommendation import Reason, broken_guardrails, recommend
from fine_tuning.experiments.sufficient_statistics import A
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.canary_samples import is_failed
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.route_policy import Guardrails, RoutePolicy
from fine_tuning.store import gateway_calls, routes
from fine_tuning.store.database import Database
from fine_tuning.store.records.gateway_calls import GatewayCall
from fine_tuning.store.records.routes import ChangedBy, Route

_log = logging.getLogger(__name__)
WINDOW = 200  # of the candidate's newest calls, by which guardrails are judged
CONFIDENCE = 0.9  # two-sided: a limit is passed where the lower end is above it
P95_SHARE = 0.05  # of the calls, which may be slower than the 95th percentile
ACTOR = "gateway"


def watch(database: Database) -> int:
    """Look at every route whose candidate answers calls. Returns how many were changed."""
    with database.read() as tx:
        found = [route for route in routes.listed(tx) if route["share"] > 0]
    return sum(_look(database, route) for route in found)


def _look(database: Database, route: Route) -> bool:
    try:
        policy = RoutePolicy.of(route["policy"])
        if reason := _broken(database, route, policy):
            _give_back(database, route, "guardrail", reason)
            return True
        return policy.canary is not None and route["share"] < 1 and _judge(database, route, policy)
    except StorageError:
        raise
    except (ConflictError, NotFoundError, UsageError) as error:  # as of a route that was changed meanwhile
        _log.warning("route %s: %s", route["name"], error)
        return False


def _give_back(database: Database, route: Route, by: ChangedBy, reason: str) -> None:
    change = Change(by, ACTOR, reason, route["revision"])
    route_changes.give_back(database, route["project"], route["name"], change)


def _broken(database: Database, route: Route, policy: RoutePolicy) -> str | None:
    """Which guardrail the candidate's newest calls break, since the route was set."""
    if policy.guardrails is None:
        return None
    with database.read() as tx:
        since = routes.begun(tx, route["project"], route["name"])
        calls = gateway_calls.of_candidate(tx, route["project"], route["name"], since, WINDOW)
    return broken(policy.guardrails, calls)


def broken(rails: Guardrails, calls: Sequence[GatewayCall]) -> str | None:
    """Which guardrail calls break, with the figures; None for none. What is unknown breaks none."""
    slower = [call for call in calls if call["was_slower"]]
    answered = [call for call in calls if not call["is_cancelled"]]
    rates = [*_rates(rails, answered)] if len(answered) >= rails.min_calls else []
    if len(answered) + len(slower) >= rails.min_calls:
        rates += _latency(rails, [*(call for call in answered if not is_failed(call)), *slower])
    for name, limit, hits in rates:
        if hits and intervals.wilson(sum(hits), len(hits), CONFIDENCE)[0] > limit:
            return f"{name}: {sum(hits):,} of {len(hits):,} calls, more than {limit:.1%}"
    known = [call["cost"] for call in answered if call["cost"] is not None]
    most = rails.cost_per_call if len(answered) >= rails.min_calls else None
    if most is not None and intervals.mean(known, CONFIDENCE)[0] > most:
        return f"cost per call: ${sum(known) / len(known):.6f}, more than ${most:.6f}"
    return None


def _rates(rails: Guardrails, calls: Sequence[GatewayCall]) -> Iterator[tuple[str, float, list[bool]]]:
    """Each limit of a share of calls, and which calls are in the share."""
    if rails.error_rate is not None:
        yield "errors", rails.error_rate, [is_failed(call) for call in calls]
    if rails.format_failures is not None:
        forms = [call["is_in_form"] for call in calls]
        yield "format failures", rails.format_failures, [not each for each in forms if each is not None]


def _latency(rails: Guardrails, calls: Sequence[GatewayCall]) -> Iterator[tuple[str, float, list[bool]]]:
    """Likewise, of calls that were answered, or took at least so long until another target was faster."""
    if (most := rails.latency_p95_seconds) is not None:
        times = [call["seconds"] for call in calls]
        yield f"latency above {most:g} s (p95)", P95_SHARE, [each > most for each in times if each is not None]


def _loss(result: ABTestResult) -> str:
    """Why the candidate may answer no longer by its test; empty where it may. To be slower or dearer is no loss, nor to
    be worse by less than the margin, which is what the test accepts.
    """
    if names := broken_guardrails(result):
        return f"guardrail broken: {', '.join(names)}"
    advice, (_, best) = recommend(result), interval_of(result, "accuracy")
    if advice.winner != A or advice.reason != Reason.BETTER_SCORE or best >= -result.margin:
        return ""
    scores = f"{result.model_b_accuracy:.4g} against {result.model_a_accuracy:.4g}"
    return f"{result.model_b} is worse by more than {result.margin:g} (its scores are {scores})"


def _judge(database: Database, route: Route, policy: RoutePolicy) -> bool:
    """Follow the verdict of the canary's test. Returns whether the route was changed."""
    assert policy.canary is not None  # noqa: S101 - it is asked for those with one
    test = lifecycle.find(database, policy.canary)
    if test["status"] != "running":
        _give_back(database, route, "verdict", f"A/B test {test['id']} was concluded; ft-cli route promote takes over")
        return True
    if reason := _loss(verdict.judge(test)):
        _give_back(database, route, "verdict", f"A/B test {test['id']}: {reason}")
        return True
    with database.read() as tx:
        scored = gateway_calls.scored_samples(tx, test["id"], route["project"], route["name"], route["revision"])
    if scored < policy.ramp_samples or not (found := non_inferiority.not_worse(test))["holds"]:
        return False
    share = next((each for each in policy.ramp if each > route["share"]), None)
    if share is None:
        return False
    reason = (
        f"A/B test {test['id']}: not worse by more than {test['design']['margin']:g} "
        f"(estimate {found['estimate']:+.3g}, bound {found['bound']:+.3g}; {scored:,} samples at {route['share']:.1%})"
    )
    change = Change("verdict", ACTOR, reason, route["revision"])
    route_changes.advance(database, route["project"], route["name"], share, change)
    if share == 1:
        lifecycle.conclude(database, test["id"], None, even_empty=False)
    return True
