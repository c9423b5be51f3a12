"""The facts of a return on investment: what was recorded about a model and what the user states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from fine_tuning._util import checks
from fine_tuning._util.model_names import parse_version_name
from fine_tuning.costs import call_costs, data_costs, training_costs
from fine_tuning.costs.cost_intervals import UNKNOWN, Measured, given
from fine_tuning.costs.data_costs import DataCost
from fine_tuning.costs.prices import PriceList
from fine_tuning.errors import UsageError
from fine_tuning.settings import Settings
from fine_tuning.store import costs, datasets, jobs, model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.model_versions import ModelVersion


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


LOCAL = "local"  # the provider of models on this machine


@dataclass(frozen=True)
class RoiRequest:
    """What the user states.

    Attributes:
        calls: expected number of calls; calls_per_day: their rate.
        incumbent_price: US dollars per call of the incumbent; None to use the mean of its recorded calls.
        incumbent: the name of the model that is replaced, and why it is taken; None where it is unknown.
        cost_per_error: US dollars that an avoided error is worth; None for no such figure.
        accuracy_improvement: over the incumbent, -1 to 1; None to use what was measured.
        data_cost: US dollars; None to use the price of the captured answers.
    """

    model_name: str
    calls: int
    calls_per_day: float
    incumbent_price: float | None = None
    incumbent: str | None = None
    incumbent_source: str = ""
    cost_per_error: float | None = None
    accuracy_improvement: float | None = None
    data_cost: float | None = None


@dataclass(frozen=True)
class RoiFacts:
    """What an analysis is computed from; unknown costs are nan.

    Attributes:
        training_cost: US dollars over all versions; unpriced_jobs: training jobs without a known cost.
        data: cost of the training data.
        price, incumbent_price: US dollars per call.
        machine_per_day: US dollars of a machine of our own that is always on; nan where a host answers.
        quality: of the answers, beside the incumbent's.
    """

    request: RoiRequest
    training_cost: float
    training_tokens: int | None
    data: DataCost
    price: Measured
    incumbent_price: Measured
    machine_per_day: float
    quality: Quality
    unpriced_jobs: Sequence[str] = ()

    @property
    def investment(self) -> float:
        """US dollars of training and data; nan where a part is unknown."""
        return self.training_cost + self.data.total


def gather(tx: Transaction, request: RoiRequest, version: ModelVersion | None, settings: Settings) -> RoiFacts:
    """Look up the costs that a request does not state; of the quality nothing is known yet."""
    name = request.model_name
    recorded = costs.training_jobs(tx)
    trained = training_costs.by_model(recorded, model_versions.versions(tx)).get(name, {})
    tokens = [job["training_tokens"] for job in recorded if job["model_name"] == name]
    known_tokens = [count for count in tokens if count is not None]
    stated = request.incumbent_price
    job = None if version is None else jobs.get(tx, version["job_id"])
    dataset = datasets.of_job(tx, job)
    hourly = settings.machine_usd_per_hour if _provider(version, job) == LOCAL else None
    return RoiFacts(
        request=request,
        training_cost=training_costs.total(trained),
        training_tokens=sum(known_tokens) if known_tokens else None,
        data=data_costs.of_dataset(tx, None if dataset is None else dataset["id"], PriceList(settings.prices)),
        price=call_costs.cost_per_call(tx, model_versions.recorded_names(tx, name)),
        incumbent_price=_price_of(tx, request.incumbent) if stated is None else given(stated),
        machine_per_day=nan if hourly is None else hourly * 24,
        quality=Quality(),
        unpriced_jobs=[job for job, cost in trained.items() if cost is None],
    )


def _provider(version: ModelVersion | None, job: Job | None) -> str | None:
    """What answers for a version: as registered, else where it was trained."""
    stated = None if version is None else version["provider"]
    return stated or (None if job is None else job["provider"])


def _price_of(tx: Transaction, model: str | None) -> Measured:
    if model is None:
        return UNKNOWN
    is_version = parse_version_name(model) is not None
    return call_costs.cost_per_call(tx, [model] if is_version else model_versions.recorded_names(tx, model))
