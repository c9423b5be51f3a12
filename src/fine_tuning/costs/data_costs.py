"""What the training data of a version cost: the answers of its teachers."""

from __future__ import annotations

import random
from math import nan
from typing import NamedTuple

from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.messages import messages_of_example, whole_text
from fine_tuning.errors import DataError
from fine_tuning.store import datasets, examples
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.examples import Example

MAX_PRICED = 2_000  # answers whose tokens are counted; of more, a random sample
PEOPLE = "human"


class DataCost(NamedTuple):
    """The price of answers.

    Attributes:
        total: US dollars, by the prices of today; nan where the price of a model is unknown.
        answers: how many there are; by_people: those of them that people wrote, which have no price here.
        unpriced: the models without a known price.
    """

    total: float
    answers: int
    by_people: int = 0
    unpriced: tuple[str, ...] = ()


NOTHING = DataCost(0.0, 0)


def of_dataset(tx: Transaction, dataset_id: int | None, prices: PriceList) -> DataCost:
    """The cost of the captured calls in a dataset; nothing where it was not made of captured calls."""
    counts = {} if dataset_id is None else examples.models_in(tx, dataset_id)
    if not counts or dataset_id is None:
        return NOTHING
    by_people = counts.pop(PEOPLE, 0)
    answers = sum(counts.values())
    ids = sorted(datasets.members(tx, dataset_id))
    chosen = ids if len(ids) <= MAX_PRICED else random.Random(0).sample(ids, MAX_PRICED)  # noqa: S311 - no secret
    rows = [row for row in examples.of_ids(tx, chosen) if row["model_used"] != PEOPLE]
    found = [(row["model_used"], price_of_answer(row, prices)) for row in rows]
    unpriced = tuple(sorted({model for model, price in found if price is None}))
    known = [price for _, price in found if price is not None]
    total = nan if unpriced else (sum(known) / len(known) * answers if known else 0.0)
    return DataCost(total, answers + by_people, by_people, unpriced)


def price_of_answer(example: Example, prices: PriceList) -> float | None:
    """US dollars of a captured call, by today's price of its texts; None where it is unknown."""
    try:
        *prompt, answer = [whole_text(message) for message in messages_of_example(example)]
    except DataError:
        return None
    return prices.text_price(example["model_used"], "\n".join(prompt), answer)
