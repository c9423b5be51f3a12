"""A route in the words that the terminal and the dashboard show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line imports no more than it shows
    from fine_tuning.gateway.agreement import Agreement
    from fine_tuning.store.records.routes import Route, RouteRevision


def state(route: Route) -> str:
    """What answers its calls."""
    policy, share = route["policy"], route["share"]
    if share == 1:
        return f"{policy['candidate']} answers all calls"
    if not share:
        return f"{policy['incumbent']} answers all calls"
    return f"{policy['candidate']} answers {share:.1%} of the units, {policy['incumbent']} the others"


def shadow(route: Route) -> str:
    """What its candidate was asked in shadow."""
    return f"in shadow: {route['shadow_calls']:,} calls, ${route['shadow_dollars']:.4f} of known prices"


def agreement(found: Agreement) -> str:
    """How often the candidate in shadow says what the incumbent said."""
    if found["rate"] is None:
        return "agreement with the incumbent: unknown, no pair of answers is stored yet"
    ends = (
        "" if found["low"] is None or found["high"] is None else f" (95 %: {found['low']:.1%} to {found['high']:.1%})"
    )
    others = f", {found['not_compared']:,} not compared" if found["not_compared"] else ""
    return f"agreement with the incumbent: {found['rate']:.1%}{ends} of {found['pairs']:,} pairs{others}"


def revision(found: RouteRevision) -> list[object]:
    """What a change made of a route, but when: number, change, by what and by whom, share, reason."""
    facts = [found["revision"], found["action"], found["changed_by"], found["actor"]]
    return [*facts, f"{found['share']:.1%}", found["reason"]]
