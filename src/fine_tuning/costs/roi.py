"""When a fine-tuned model has paid for itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isnan, nan

DEFAULT_HORIZON_DAYS = 30.0


@dataclass
class CostAnalysis:
    """Costs in US dollars; unknown is nan, and `unknown` says what is missing and where it would come from.

    `accuracy_value` is the worth of avoided errors over the expected inferences (nan without measured accuracies); it
    is shown beside the ROI and is not part of it.
    """

    model_name: str
    training_cost: float
    training_tokens: int | None
    inference_cost_per_call: float
    expected_inferences: int
    total_inference_cost: float
    total_cost: float
    break_even_inferences: float
    roi_at_expected: float
    payback_days: float
    accuracy_value: float = nan
    unknown: list[str] = field(default_factory=list)


def break_even(training_cost: float, saving_per_call: float) -> float:
    """Calls after which the savings cover the training; inf where nothing is saved, nan where unknown."""
    if isnan(training_cost) or isnan(saving_per_call):
        return nan
    return training_cost / saving_per_call if saving_per_call > 0 else (0.0 if training_cost == 0 else inf)


def return_on_investment(training_cost: float, savings: float) -> float:
    """(savings - training) / training, as a ratio (1.0 is 100 %); inf for free training that saves, nan if unknown."""
    if isnan(training_cost) or isnan(savings):
        return nan
    if training_cost == 0:
        return inf if savings > 0 else nan
    return (savings - training_cost) / training_cost


def payback_days(break_even_calls: float, calls_per_day: float) -> float:
    """Days until the break-even number of calls is reached; inf where it never is, nan where unknown."""
    if isnan(break_even_calls) or isnan(calls_per_day):
        return nan
    if break_even_calls == 0:
        return 0.0
    return break_even_calls / calls_per_day if calls_per_day > 0 else inf
