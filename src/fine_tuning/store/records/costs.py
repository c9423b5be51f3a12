"""What calls and trainings cost, and budgets."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from fine_tuning.store.records.rows import JsonColumn


class BudgetStatus(TypedDict):
    """A row of `budgets` with what is spent of it: US dollars of the current calendar month (UTC).

    A `hard` budget refuses calls when it is spent, any other one only training jobs. `spent` includes the estimates of
    jobs that have not ended; `unpriced` counts events without a known price.
    """

    model_name: str
    usd_per_month: float
    hard: bool
    spent: float
    left: float
    unpriced: int


class NewCostEvent(TypedDict):
    """A row of `cost_events` to be added. `tokens` and `cost` (US dollars) are None where unknown."""

    kind: str
    model_name: str
    tokens: int | None
    cost: float | None
    is_fine_tuned: bool | None
    metadata: JsonColumn
    base_model: NotRequired[str | None]
    job_id: NotRequired[str]
    dataset_size: NotRequired[int | None]
    recorded_at: NotRequired[datetime]


class CostEvent(TypedDict):
    """A row of `cost_events`, its time in ISO 8601."""

    id: int
    kind: str
    model_name: str
    base_model: str | None
    job_id: str | None
    dataset_size: int | None
    tokens: int | None
    cost: float | None
    is_fine_tuned: bool | None
    metadata: JsonColumn
    recorded_at: str


class TrainingCost(TypedDict):
    """The row of `cost_events` of a training job; `total_cost` is US dollars, None where unknown."""

    job_id: str
    model_name: str
    base_model: str
    dataset_size: int | None
    training_tokens: int | None
    total_cost: float | None
    recorded_at: str
    metadata: JsonColumn


class CallTotals(TypedDict):
    """Sums over recorded calls: `total` is US dollars of the priced ones, `unpriced` counts the others."""

    count: int
    total: float
    tokens: int
    unpriced: int


class DailyCost(CallTotals):
    """Sums over the events of a day (ISO 8601, UTC), a kind and a model, from `cost_totals` and `cost_events`."""

    day: str
    kind: str
    model_name: str
