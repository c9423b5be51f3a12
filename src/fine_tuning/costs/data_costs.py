"""What a version cost beside its training: the answers of its teachers, and the calls of judges."""

from __future__ import annotations

import random
from collections.abc import Iterable
from math import nan
from typing import NamedTuple

from fine_tuning.costs import answering_host
from fine_tuning.costs.answering_host import AnsweringHost
from fine_tuning.costs.prices import PriceList
from fine_tuning.costs.published_prices import CallPrice
from fine_tuning.data_io.messages import messages_of_example, whole_text
from fine_tuning.errors import DataError
from fine_tuning.store import costs, datasets, examples
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.examples import Example

MAX_PRICED = 2_000  # answers whose tokens are counted; of more, a random sample
PEOPLE = "human"


class DataCost(NamedTuple):
    """The price of answers.

    Attributes:
        total: US dollars: what was paid where the capture noted it, else by the prices of today; nan where unknown.
        answers: how many there are; by_people: those of them that people wrote, which have no price here.
        unpriced: the models without a known price.
        notes: what the prices assume.
        is_recorded: whether it is known which answers there are; else the total is nan.
    """

    total: float
    answers: int
    by_people: int = 0
    unpriced: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_recorded: bool = True


UNRECORDED = DataCost(nan, 0, is_recorded=False)


class JudgeCost(NamedTuple):
    """The price of judges' calls in US dollars, nan where one is unknown; unnamed: of them, those about no model."""

    total: float = 0.0
    calls: int = 0
    unnamed: int = 0


NO_JUDGES = JudgeCost()


def of_dataset(tx: Transaction, dataset_id: int | None, prices: PriceList) -> DataCost:
    """The cost of the captured calls in a dataset; unrecorded where it was not made of captured calls."""
    counts = {} if dataset_id is None else examples.models_in(tx, dataset_id)
    if not counts or dataset_id is None:
        return UNRECORDED
    by_people = counts.pop(PEOPLE, 0)
    answers = sum(counts.values())
    if not answers:
        return DataCost(nan, by_people, by_people, is_recorded=False)
    ids = sorted(datasets.members(tx, dataset_id))
    chosen = ids if len(ids) <= MAX_PRICED else random.Random(0).sample(ids, MAX_PRICED)  # noqa: S311 - no secret
    rows = [row for row in examples.of_ids(tx, chosen) if row["model_used"] != PEOPLE]
    hosts = {row["id"]: answering_host.of_example(tx, row) for row in rows}
    found = [(hosts[row["id"]], price_of_answer(row, prices, hosts[row["id"]])) for row in rows]
    unpriced = tuple(sorted({host.shown for host, price in found if price.usd is None}))
    known = [price.usd for _, price in found if price.usd is not None]
    total = nan if unpriced else (sum(known) / len(known) * answers if known else 0.0)
    notes = tuple(sorted({price.note for _, price in found if price.note and price.usd is not None}))
    return DataCost(total, answers + by_people, by_people, unpriced, notes)


def price_of_answer(example: Example, prices: PriceList, host: AnsweringHost | None = None) -> CallPrice:
    """The price of a captured call: what was paid for it, else today's price of its texts.

    Args:
        host: what answered; by default what the capture noted, or what the model's name says.
    """
    paid = example["metadata"].get("cost")
    if isinstance(paid, int | float) and not isinstance(paid, bool) and paid >= 0:
        return CallPrice(float(paid))
    try:
        *prompt, answer = [whole_text(message) for message in messages_of_example(example)]
    except DataError:
        return CallPrice(None, "the call cannot be read")
    answered = host or answering_host.noted(example)
    return prices.text_price(answered.model, "\n".join(prompt), answer, answered.host)


def of_judges(tx: Transaction, names: Iterable[str]) -> JudgeCost:
    """The cost of judges' calls about models of these names, and of those of which it is not recorded.

    The latter may have been about any model, so that each model's investment holds them.
    """
    about, found, unnamed = set(names), list[float | None](), 0
    for call in costs.judge_calls(tx):
        if call.about is None or call.about in about:
            found.append(call.cost)
            unnamed += call.about is None
    known = [cost for cost in found if cost is not None]
    return JudgeCost(nan if len(known) < len(found) else sum(known), len(found), unnamed)
