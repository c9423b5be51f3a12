"""What went through the gateway lately: calls, failures, latency and spend by upstream or target, and calls by hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from fine_tuning.store import gateway_calls
from fine_tuning.store.database import Database
from fine_tuning.store.gateway_calls import CallFacts, Filters

HOURS = 24
MOST_CALLS = 200_000  # that are read; where there were more, the newest


class Figures(NamedTuple):
    """Calls to an upstream, or to a target of a route; times in seconds, `spent` in US dollars, None where unknown.

    Attributes:
        unpriced: calls with tokens and no known price, which are not in `spent`.
    """

    name: str
    calls: int
    failed: int
    p50: float | None
    p95: float | None
    first_byte_p50: float | None
    spent: float | None
    unpriced: int


class Traffic(NamedTuple):
    """The last `HOURS` hours.

    Attributes:
        hours: the beginning of each hour, oldest first; answered, failed: numbers of calls in each.
        is_complete: whether all calls were read.
    """

    upstreams: list[Figures]
    hours: list[datetime]
    answered: list[int]
    failed: list[int]
    is_complete: bool


def traffic(database: Database, now: datetime | None = None) -> Traffic:
    """The traffic until now."""
    hours = _hours(now)
    with database.read() as tx:
        found = gateway_calls.facts(tx, Filters(since=hours[0]), MOST_CALLS)
    counts = Counter((call.started_at.replace(minute=0, second=0, microsecond=0), call.is_failed) for call in found)
    return Traffic(
        upstreams=_grouped(found, lambda call: call.upstream),
        hours=hours,
        answered=[counts[hour, False] for hour in hours],
        failed=[counts[hour, True] for hour in hours],
        is_complete=len(found) < MOST_CALLS,
    )


def of_route(database: Database, project: str, route: str, now: datetime | None = None) -> list[Figures]:
    """The same of a route's calls, by what a target was to them and its name: "incumbent: openai/gpt-4o"."""
    chosen = Filters(project, route=route, since=_hours(now)[0])
    with database.read() as tx:
        found = gateway_calls.facts(tx, chosen, MOST_CALLS)
    return _grouped(found, lambda call: f"{call.role}: {call.target}")


def _hours(now: datetime | None) -> list[datetime]:
    last = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
    return [last - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]


def _grouped(calls: Iterable[CallFacts], name_of: Callable[[CallFacts], str]) -> list[Figures]:
    groups: dict[str, list[CallFacts]] = defaultdict(list)
    for call in calls:
        groups[name_of(call)].append(call)
    return [_figures(name, found) for name, found in sorted(groups.items())]


def _figures(name: str, calls: list[CallFacts]) -> Figures:
    answered = [call for call in calls if not call.is_failed]
    costs = [call.cost for call in calls if call.cost is not None]
    seconds = [call.seconds for call in answered]
    return Figures(
        name=name,
        calls=len(calls),
        failed=len(calls) - len(answered),
        p50=_percentile(seconds, 50),
        p95=_percentile(seconds, 95),
        first_byte_p50=_percentile((call.first_byte_seconds for call in answered), 50),
        spent=sum(costs) if costs else None,
        unpriced=sum(call.cost is None and call.prompt_tokens is not None for call in calls),
    )


def _percentile(values: Iterable[float | None], percent: float) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.percentile(known, percent)) if known else None
