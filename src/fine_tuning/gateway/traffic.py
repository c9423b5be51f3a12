"""What went through the gateway lately: calls, failures, latency and spend by upstream, and calls by hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from fine_tuning.store import gateway_calls
from fine_tuning.store.database import Database
from fine_tuning.store.gateway_calls import CallFacts

HOURS = 24
MOST_CALLS = 200_000  # that are read; where there were more, the newest


class UpstreamTraffic(NamedTuple):
    """Calls to an upstream. Times are seconds, `spent` US dollars; None where no call has it.

    Attributes:
        unpriced: calls with tokens and no known price, which are not in `spent`.
    """

    upstream: str
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

    upstreams: list[UpstreamTraffic]
    hours: list[datetime]
    answered: list[int]
    failed: list[int]
    is_complete: bool


def traffic(database: Database, now: datetime | None = None) -> Traffic:
    """The traffic until now."""
    last = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
    hours = [last - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    with database.read() as tx:
        found = gateway_calls.facts_since(tx, hours[0], MOST_CALLS)
    by_upstream: dict[str, list[CallFacts]] = defaultdict(list)
    counts: Counter[tuple[datetime, bool]] = Counter()
    for call in found:
        by_upstream[call.upstream].append(call)
        counts[call.started_at.replace(minute=0, second=0, microsecond=0), call.is_failed] += 1
    return Traffic(
        upstreams=[_of_upstream(name, calls) for name, calls in sorted(by_upstream.items())],
        hours=hours,
        answered=[counts[hour, False] for hour in hours],
        failed=[counts[hour, True] for hour in hours],
        is_complete=len(found) < MOST_CALLS,
    )


def _of_upstream(name: str, calls: list[CallFacts]) -> UpstreamTraffic:
    answered = [call for call in calls if not call.is_failed]
    costs = [call.cost for call in calls if call.cost is not None]
    seconds = [call.seconds for call in answered]
    return UpstreamTraffic(
        upstream=name,
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
