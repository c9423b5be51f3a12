"""What a version cost beside its training: the answers of its teachers, and the calls of judges."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from math import nan
from typing import NamedTuple

from fine_tuning.costs import answering_host
from fine_tuning.costs.answering_host import AnsweringHost
from fine_tuning.costs.prices import PriceList
from fine_tuning.costs.published_prices import CallPrice
from fine_tuning.data_io.messages import messages_of_example, whole_text
from fine_tuning.errors import DataError
from fine_tuning.store import costs, datasets, examples, jobs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.examples import Example

MAX_PRICED = 2_000  # answers whose tokens are counted; of more, a random sample
PEOPLE = "human"


class DataCost(NamedTuple):
    """The price of answers.

    Attributes:
        total: US dollars: what was paid where the capture noted it, else by the prices of today; nan where unknown.
        answers: how many there are; by_people: those of them that people wrote, which have no price here.
        corrected: of those by people, the ones that replace an answer that was paid; its price is in the total.
        held_out: answers that were kept for tests, and are among the others.
        unpriced: the models without a known price.
        notes: what the prices assume.
        unrecorded: jobs of which it is not known which answers they trained on, and whose data is not in the total.
        is_recorded: whether it is known which answers there are; else the total is nan.
    """

    total: float
    answers: int
    by_people: int = 0
    unpriced: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_recorded: bool = True
    corrected: int = 0
    held_out: int = 0
    unrecorded: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all of the data is in the total: no job's is unknown, and no people's work, which has no price."""
        return self.is_recorded and not self.unrecorded and not self.by_people


UNRECORDED = DataCost(nan, 0, is_recorded=False)


class JudgeCost(NamedTuple):
    """The price of judges' calls in US dollars, nan where one is unknown; unnamed: of them, those about no model."""

    total: float = 0.0
    calls: int = 0
    unnamed: int = 0


NO_JUDGES = JudgeCost()


def of_jobs(tx: Transaction, trained_by: Iterable[str], prices: PriceList) -> DataCost:
    """The cost of the captured calls that jobs trained on and that were held out from them, each once.

    Unrecorded without such calls.

    Args:
        trained_by: ids of the jobs.
    """
    datasets_of = {job_id: datasets.of_job(tx, jobs.get(tx, job_id)) for job_id in trained_by}
    used = {dataset["id"]: dataset for dataset in datasets_of.values() if dataset is not None}
    members = {each: set(datasets.members(tx, each)) for each in used}
    trained = set[str]().union(*members.values())
    if not trained:
        return UNRECORDED
    unrecorded = tuple(job for job, data in datasets_of.items() if data is None or not members[data["id"]])
    held_out = (part for dataset in used.values() for part in datasets.held_out_from(tx, dataset))
    parts = list(dict.fromkeys([*used, *held_out]))
    found = _of_parts(tx, parts, trained, prices)
    return found._replace(unrecorded=unrecorded)


def _of_parts(tx: Transaction, parts: Sequence[int], trained: set[str], prices: PriceList) -> DataCost:
    counts = examples.models_in(tx, *parts)
    by_people, answers = counts.get(PEOPLE, 0), sum(counts.values())
    ids = trained.union(*(datasets.members(tx, part) for part in parts))
    chosen = sorted(ids)
    if len(ids) > MAX_PRICED:
        chosen = random.Random(0).sample(chosen, MAX_PRICED)  # noqa: S311 - no secret
    rows = examples.of_ids(tx, chosen)
    by_hand = [row for row in rows if row["model_used"] == PEOPLE]
    corrected = [row for row in _corrected(tx, by_hand) if row["id"] not in ids]  # else it is counted as it is
    bought = [*(row for row in rows if row["model_used"] != PEOPLE), *corrected]
    if not bought:
        return DataCost(nan, answers, by_people, is_recorded=False)
    hosts = [answering_host.of_example(tx, row) for row in bought]
    found = [(host, price_of_answer(row, prices, host)) for row, host in zip(bought, hosts, strict=True)]
    unpriced = tuple(sorted({host.shown for host, price in found if price.usd is None}))
    scale = len(ids) / len(chosen)
    total = nan if unpriced else sum(price.usd or 0.0 for _, price in found) * scale
    return DataCost(
        total,
        answers,
        by_people,
        unpriced,
        notes=tuple(sorted({price.note for _, price in found if price.note and price.usd is not None})),
        corrected=round(len(corrected) * scale),
        held_out=len(ids) - len(trained),
    )


def _corrected(tx: Transaction, rows: Iterable[Example]) -> list[Example]:
    """The models' answers that people corrected into these, also in several steps."""
    found, originals = list[Example](), _originals(rows)
    while originals:
        corrected = examples.of_ids(tx, originals)
        found += [each for each in corrected if each["model_used"] != PEOPLE]
        originals = _originals(each for each in corrected if each["model_used"] == PEOPLE)
    return found


def _originals(rows: Iterable[Example]) -> list[str]:
    """Ids of what rows correct, each once: it was paid once, whatever it became."""
    named = (row["metadata"].get("corrects") for row in rows)
    return sorted({each for each in named if isinstance(each, str)})


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
