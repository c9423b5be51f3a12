"""How often a candidate in shadow says what the incumbent said. That is agreement, and no quality of either."""

from __future__ import annotations

from math import isnan
from typing import TypedDict

from fine_tuning.data_io.equal_answers import are_equal
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.evaluation import intervals
from fine_tuning.store import examples, gateway_calls, routes
from fine_tuning.store.database import Transaction
from fine_tuning.store.gateway_calls import Pair

MOST_PAIRS = 2000


class Agreement(TypedDict):
    """Of pairs that could be compared; `low` and `high` are a 95 % interval, None where it is unknown.

    Answers agree where they are equal JSON, the same tool calls, or equal texts after stripping.
    """

    pairs: int
    not_compared: int
    rate: float | None
    low: float | None
    high: float | None


def agreement(tx: Transaction, project: str, route: str) -> Agreement:
    """The agreement of the newest pairs of a route since it was set; pairs of a conversation or unit are a cluster."""
    since = routes.begun(tx, project, route)
    found = gateway_calls.pairs(tx, project, route, since, MOST_PAIRS)
    judged = [(_agrees(tx, pair), _cluster(pair)) for pair in found]
    hits = [float(hit) for hit, _ in judged if hit is not None]
    low, high = intervals.clustered_rate(hits, [cluster for hit, cluster in judged if hit is not None])
    return {
        "pairs": len(hits),
        "not_compared": len(found) - len(hits),
        "rate": sum(hits) / len(hits) if hits else None,
        "low": None if isnan(low) else low,
        "high": None if isnan(high) else high,
    }


def _cluster(pair: Pair) -> str:
    return pair.call["conversation"] or pair.call["unit"] or pair.call["id"]


def _agrees(tx: Transaction, pair: Pair) -> bool | None:
    """Whether both answers are the same; None where one is not known."""
    example = None if pair.call["example_id"] is None else examples.get(tx, pair.call["example_id"])
    if example is None or pair.shadow["answer"] is None:
        return None
    return are_equal(pair.shadow["answer"], messages_of_example(example)[-1])
