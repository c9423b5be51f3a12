"""The facts of a return on investment: what was recorded about a model and what the user states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from fine_tuning._util import checks
from fine_tuning.costs import answering_host, counted_versions, data_costs, hosted_model, training_costs
from fine_tuning.costs.answering_host import LOCAL
from fine_tuning.costs.cost_intervals import UNKNOWN, Measured
from fine_tuning.costs.counted_versions import EVERY
from fine_tuning.costs.data_costs import NO_JUDGES, DataCost, JudgeCost
from fine_tuning.costs.prices import PriceList
from fine_tuning.errors import UsageError
from fine_tuning.settings import Settings
from fine_tuning.store import costs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion

RECORDED = "its recorded calls"


class AccuracyGain(NamedTuple):
    """An absolute difference in accuracy (positive: the fine-tuned model is better), its 95 % interval and source."""

    value: float
    low: float
    high: float
    source: str


class Agreement(NamedTuple):
    """The share of a version's answers that are the incumbent's own, its 95 % interval and source."""

    value: float
    low: float
    high: float
    source: str


class Quality(NamedTuple):
    """What is known of a version's answers beside its incumbent's.

    Attributes:
        gain: the difference in accuracy; None where it is unknown.
        agreement: with the incumbent; None where it was not measured. It has no value in dollars.
        missing: why the gain is unknown, and what would tell it.
    """

    gain: AccuracyGain | None = None
    agreement: Agreement | None = None
    missing: str = ""


def given_gain(accuracy_improvement: float) -> AccuracyGain:
    """A difference in accuracy stated by the user, without an interval.

    Raises:
        UsageError: it is not between -1 and 1.
    """
    if not -1 <= checks.number("accuracy_improvement", accuracy_improvement) <= 1:
        raise UsageError(f"accuracy_improvement must be between -1 and 1, not {accuracy_improvement!r}")
    return AccuracyGain(accuracy_improvement, nan, nan, "as given")


class Incumbent(NamedTuple):
    """The model that is replaced.

    Attributes:
        name: its name, or `<name>-v<version>` of a registered one.
        source: why it is taken.
        version: that name's version where it is registered.
    """

    name: str
    source: str
    version: ModelVersion | None = None

    def is_named(self, other: str) -> bool:
        """Whether another name is of this model: with or without its date, its provider, or the version's own host."""
        if self.version is None:
            return hosted_model.read(self.name).is_same(hosted_model.read(other))
        at_host = self.version["provider_model"]
        return other == self.name or (
            at_host is not None
            and hosted_model.read(at_host, self.version["provider"]).is_same(hosted_model.read(other))
        )

    def is_same(self, other: Incumbent) -> bool:
        """Whether both are one model, under whatever names; two versions are two models."""
        one, two = self.version, other.version
        if one is not None and two is not None:
            return (one["model_name"], one["version"]) == (two["model_name"], two["version"])
        return self.is_named(other.name) or other.is_named(self.name)


@dataclass(frozen=True)
class RoiRequest:
    """What the user states.

    Attributes:
        model_name: registered name, `<name>-v<version>` or `<name>@<alias>`.
        calls: expected number of calls; calls_per_day: their rate.
        incumbent_price: US dollars per call of the incumbent; None to use the mean of its recorded calls.
        incumbent_answers: US dollars of its answers to the same requests; their mean is its price where they are given.
        incumbent: the name of the model that is replaced; None to use what is recorded.
        cost_per_error: US dollars that an avoided error is worth; None for no such figure.
        accuracy_improvement: over the incumbent, -1 to 1; None to use what was measured.
        data_cost: US dollars of the data and its judges; None to use the price of the captured answers and the calls.
    """

    model_name: str
    calls: int
    calls_per_day: float
    incumbent_price: float | None = None
    incumbent_answers: tuple[float, ...] = ()
    incumbent: str | None = None
    cost_per_error: float | None = None
    accuracy_improvement: float | None = None
    data_cost: float | None = None


@dataclass(frozen=True)
class RoiFacts:
    """What an analysis is computed from; unknown costs are nan.

    Attributes:
        incumbent: None where it is unknown.
        training_cost: US dollars of the versions in `trained`, whose data and judges count too.
        unpriced_jobs: training jobs without a known cost.
        data, judges: cost of the training data, and of grading answers.
        price, incumbent_price: US dollars per call; price_notes: whose calls these are, where not just the model's own.
        price_missing, incumbent_price_missing: why a price is unknown, and what would tell it, where calls do not.
        prices_of: the calls that measured prices are the means of.
        machine_per_day: US dollars of a machine of our own that is always on; nan where a host answers.
        quality: of the answers, beside the incumbent's.
    """

    request: RoiRequest
    incumbent: Incumbent | None
    training_cost: float
    training_tokens: int | None
    data: DataCost
    price: Measured
    incumbent_price: Measured
    machine_per_day: float
    quality: Quality
    judges: JudgeCost = NO_JUDGES
    unpriced_jobs: Sequence[str] = ()
    trained: str = EVERY
    price_notes: Sequence[str] = ()
    prices_of: str = RECORDED
    price_missing: str = ""
    incumbent_price_missing: str = ""

    @property
    def investment(self) -> float:
        """US dollars of training, judges and, where it is recorded, data; nan where a part is unknown."""
        return self.training_cost + self.judges.total + (self.data.total if self.data.is_recorded else 0.0)


def gather(
    tx: Transaction,
    request: RoiRequest,
    version: ModelVersion | None,
    incumbent: Incumbent | None,
    settings: Settings,
) -> RoiFacts:
    """Look up what was invested; of the prices per call and the quality nothing is known yet.

    Args:
        version: that the request's name stands for; None where it is not registered.
    """
    replaced = None if incumbent is None else incumbent.version
    counted = counted_versions.of_name(tx, request.model_name, version, replaced)
    tokens = [job["training_tokens"] for job in costs.training_jobs(tx) if job["job_id"] in counted.jobs]
    known_tokens = [count for count in tokens if count is not None]
    is_local = version is not None and answering_host.of_version(tx, version).host == LOCAL
    hourly = settings.machine_usd_per_hour if is_local else None
    of_incumbent = [] if incumbent is None else [incumbent.name, hosted_model.read(incumbent.name).model]
    return RoiFacts(
        request=request,
        incumbent=incumbent,
        training_cost=training_costs.total(counted.jobs),
        training_tokens=sum(known_tokens) if known_tokens else None,
        data=data_costs.of_jobs(tx, counted.jobs, PriceList(settings.prices)),
        price=UNKNOWN,
        incumbent_price=UNKNOWN,
        machine_per_day=nan if hourly is None else hourly * 24,
        quality=Quality(),
        judges=data_costs.of_judges(tx, [*counted.names, *of_incumbent]),
        unpriced_jobs=[job for job, cost in counted.jobs.items() if cost is None],
        trained=counted.shown,
    )
