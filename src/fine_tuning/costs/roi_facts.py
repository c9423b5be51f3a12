"""The facts of a return on investment: what was recorded about a model and what the user states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from fine_tuning._util import checks
from fine_tuning.costs import call_costs, training_costs
from fine_tuning.costs.cost_intervals import Measured, given
from fine_tuning.errors import UsageError
from fine_tuning.store import costs, model_versions
from fine_tuning.store.database import Transaction


class AccuracyGain(NamedTuple):
    """An absolute difference in accuracy (positive: the fine-tuned model is better), its 95 % interval and source."""

    value: float
    low: float
    high: float
    source: str


def given_gain(accuracy_improvement: float) -> AccuracyGain:
    """A difference in accuracy stated by the user, without an interval.

    Raises:
        UsageError: it is not between -1 and 1.
    """
    if not -1 <= checks.number("accuracy_improvement", accuracy_improvement) <= 1:
        raise UsageError(f"accuracy_improvement must be between -1 and 1, not {accuracy_improvement!r}")
    return AccuracyGain(accuracy_improvement, nan, nan, "as given")


@dataclass(frozen=True)
class RoiRequest:
    """What the user states.

    Attributes:
        base_price: US dollars per call of the base model; None to use the mean of its recorded calls.
        base_model: name of the model that is replaced, if known.
        calls: expected number of calls; calls_per_day: their rate.
        cost_per_error: US dollars that an avoided error is worth.
    """

    model_name: str
    base_price: float | None
    base_model: str | None
    calls: int
    calls_per_day: float
    cost_per_error: float


@dataclass(frozen=True)
class RoiFacts:
    """What an analysis is computed from; unknown costs are nan.

    Attributes:
        training_cost: US dollars over all versions; unpriced_jobs: training jobs without a known cost.
        price, base_price: US dollars per call.
        calls: expected number of calls; calls_per_day: their rate.
        cost_per_error: US dollars that an avoided error is worth.
        gain: difference in accuracy; None where it is unknown.
        is_base_price_given: the user states `base_price`, it is not measured.
    """

    model_name: str
    training_cost: float
    training_tokens: int | None
    price: Measured
    base_price: Measured
    calls: int
    calls_per_day: float
    cost_per_error: float
    gain: AccuracyGain | None = None
    base_model: str | None = None
    is_base_price_given: bool = False
    unpriced_jobs: Sequence[str] = ()


def gather(tx: Transaction, request: RoiRequest, gain: AccuracyGain | None) -> RoiFacts:
    """Look up the costs that a request does not state."""
    name, base_names = request.model_name, [request.base_model] if request.base_model else []
    recorded = costs.training_jobs(tx)
    trained = training_costs.by_model(recorded, model_versions.versions(tx)).get(name, {})
    tokens = [job["training_tokens"] for job in recorded if job["model_name"] == name]
    known_tokens = [count for count in tokens if count is not None]
    stated = request.base_price
    return RoiFacts(
        model_name=name,
        training_cost=training_costs.total(trained),
        training_tokens=sum(known_tokens) if known_tokens else None,
        price=call_costs.cost_per_call(tx, model_versions.recorded_names(tx, name)),
        base_price=call_costs.cost_per_call(tx, base_names) if stated is None else given(stated),
        calls=request.calls,
        calls_per_day=request.calls_per_day,
        cost_per_error=request.cost_per_error,
        gain=gain,
        base_model=request.base_model,
        is_base_price_given=stated is not None,
        unpriced_jobs=[job for job, cost in trained.items() if cost is None],
    )
