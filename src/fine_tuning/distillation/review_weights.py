"""Which waiting calls a reviewer is asked first: each is drawn with a probability in proportion to its weight.

A call's draw is a uniform number divided by its weight, and the lowest draws are asked first: priority sampling
(Duffield, Lund, Thorup, "Priority sampling for estimation of arbitrary subset sums", Journal of the ACM 54, 2007).
Of the calls with a draw below that of the first one without a rating, each is there with probability weight * that
draw (1 at most), so that estimates weighted by the inverse are unbiased; see `workflows.review_quality`. Number and
weight are set once, when the call enters the inbox, so that the order stays as it is while people review.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from math import exp
from typing import NamedTuple

from fine_tuning.data_io.equal_answers import are_equal
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.errors import DataError
from fine_tuning.store import review_draws
from fine_tuning.store.database import Database
from fine_tuning.store.records.examples import Example
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.review_draws import Draw

MOST_WEIGHT = 4.0  # the lowest is 1: a call that nothing speaks for is drawn a quarter as often as one at the top
RARE_SHARE = 0.05  # of all calls, below which a domain or a task type is rare
SURE = 0.9  # confidence from which on an answer is not doubted
BLOCK_ROWS = 1000


class Signal(NamedTuple):
    """What speaks for asking about a call: how much, 0 to 1, and why in a few words."""

    strength: float
    reason: str | None


def enter_waiting(database: Database, moment: datetime) -> None:
    """Give the waiting calls that have no weight yet one, with their draw."""
    with database.read() as tx:
        if not review_draws.has_new(tx):
            return
        shares = SliceShares.of(review_draws.slices(tx))
    while True:
        with database.write() as tx:
            found = review_draws.new(tx, BLOCK_ROWS)
            if not found:
                return
            shadows = review_draws.shadow_answers(tx, [each["id"] for each in found])
            review_draws.add(tx, [_draw(each, shadows.get(each["id"], ()), shares, moment) for each in found])


@dataclass(frozen=True)
class SliceShares:
    """The share of each domain and of each task type in all captured calls, 0 to 1."""

    domains: Mapping[str, float]
    task_types: Mapping[str, float]

    @classmethod
    def of(cls, slices: Iterable[tuple[str, str, int]]) -> SliceShares:
        """From domain, task type and number of calls."""
        domains, task_types = Counter[str](), Counter[str]()
        for domain, task_type, count in slices:
            domains[domain] += count
            task_types[task_type] += count
        total = max(1, domains.total())
        return cls(*({name: n / total for name, n in counts.items()} for counts in (domains, task_types)))

    def rarity(self, example: Example) -> Signal:
        """Whether a call is of a rare domain or task type."""
        named = (self.domains, example["domain"]), (self.task_types, example["task_type"])
        share, name = min((shares.get(name, 1.0), name) for shares, name in named)
        return Signal(1 - share / RARE_SHARE, f"rare: {name}"[:200])


def uniform_number(example_id: str) -> float:
    """The number of a call, uniform in 0 to 1 (both excluded) and independent of what its id is a hash of."""
    digest = blake2b(f"review {example_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) // 2**11 + 0.5) / 2**53


def weight_of(signals: Iterable[Signal]) -> tuple[float, str | None]:
    """The weight by the strongest signal, 1 to `MOST_WEIGHT`, and its reason; None of a call without one."""
    strength, reason = max(signals, key=lambda each: each.strength, default=Signal(0.0, None))
    if strength <= 0:
        return 1.0, None
    return 1 + (MOST_WEIGHT - 1) * min(1.0, strength), reason


def _draw(example: Example, shadows: Sequence[JsonColumn], shares: SliceShares, moment: datetime) -> Draw:
    signals = [*_signals_of(example["metadata"]), _disagreement(example, shadows), shares.rarity(example)]
    weight, reason = weight_of(signals)
    number = uniform_number(example["id"])
    return {
        "example_id": example["id"],
        "weight": weight,
        "draw": number / weight,
        "reason": reason,
        "entered_at": moment,
    }


def _signals_of(metadata: JsonColumn) -> Iterable[Signal]:
    """What labels and captured calls note of their answer."""
    agreement, grade = _share(metadata.get("agreement")), _share(metadata.get("grade"))
    confidence = _share(metadata.get("confidence"))
    if confidence is None:
        confidence = _mean_probability(metadata.get("logprobs"))
    if agreement is not None:
        yield Signal(2 * (1 - agreement), "samples differ")
    if grade is not None:
        yield Signal(1 - grade, f"the judge's grade is {grade:.2g}")
    if confidence is not None:
        yield Signal(1 - confidence / SURE, f"low confidence: {confidence:.2g}")


def _disagreement(example: Example, shadows: Sequence[JsonColumn]) -> Signal:
    reference = messages_of_example(example)[-1]
    return Signal(float(any(_differs(each, reference) for each in shadows)), "teacher and candidate differ")


def _differs(answer: Mapping[str, object], reference: Mapping[str, object]) -> bool:
    try:
        return not are_equal(answer, reference)
    except DataError:
        return False  # it cannot be compared


def _share(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None  # type: ignore[operator,arg-type]


def _mean_probability(logprobs: object) -> float | None:
    """The geometric mean of the probabilities of an answer's tokens."""
    pairs = logprobs if isinstance(logprobs, list) else []
    logs = [each[1] for each in pairs if isinstance(each, list) and len(each) > 1 and isinstance(each[1], int | float)]
    return exp(min(0.0, sum(logs) / len(logs))) if logs else None
