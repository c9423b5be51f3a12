"""What a fine-tuned model is worth over a number of calls, from the costs per call and the gain in accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan, nan
from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning.costs.roi import break_even
from fine_tuning.errors import UsageError

VALUE_PER_AVOIDED_ERROR = 10.0  # US dollars, as CONTRACT assumes unless the caller gives another value


@dataclass(frozen=True)
class CallCosts:
    """US dollars per call of both models; nan is unknown."""

    base_cost: float
    finetuned_cost: float


class ReturnOnAccuracy(TypedDict):
    """What `ModelEvaluator.calculate_roi` returns; US dollars unless the name says otherwise."""

    inference_count: int
    total_base_cost: float
    total_finetuned_cost: float
    cost_savings: float
    accuracy_improvement: float
    value_from_improvement: float
    total_roi: float
    payback_period_inferences: float
    assumptions: list[str]


def calculate(
    costs: CallCosts,
    accuracy_improvement: float,
    inference_count: int,
    value_per_avoided_error: float,
    training_cost: float | None,
) -> ReturnOnAccuracy:
    """Savings plus the value of avoided errors; see `ModelEvaluator.calculate_roi`.

    Raises:
        UsageError: a negative count or cost, or an improvement outside -1 to 1.
    """
    checks.count("inference_count", inference_count, maximum=int(checks.MAX_AMOUNT))
    checks.amount("base_cost", costs.base_cost)
    checks.amount("finetuned_cost", costs.finetuned_cost)
    if not (isnan(accuracy_improvement) or -1 <= accuracy_improvement <= 1):
        raise UsageError(f"accuracy_improvement must be between -1 and 1, not {accuracy_improvement}")
    savings = (costs.base_cost - costs.finetuned_cost) * inference_count
    value = accuracy_improvement * inference_count * value_per_avoided_error + 0.0  # no -0.0
    gain = savings + value
    return {
        "inference_count": inference_count,
        "total_base_cost": costs.base_cost * inference_count,
        "total_finetuned_cost": costs.finetuned_cost * inference_count,
        "cost_savings": savings,
        "accuracy_improvement": accuracy_improvement,
        "value_from_improvement": value,
        "total_roi": gain - (training_cost or 0.0),
        "payback_period_inferences": _payback(gain, inference_count, training_cost),
        "assumptions": _assumptions(accuracy_improvement, value_per_avoided_error, training_cost),
    }


def _assumptions(improvement: float, value: float, training_cost: float | None) -> list[str]:
    worth = "the default" if value == VALUE_PER_AVOIDED_ERROR else "as given"
    lines = [
        f"accuracy differs by {improvement:+z.1%}, as given",
        f"an avoided error is worth ${value:g}, {worth}",
    ]
    if isnan(improvement):
        lines[0] = "the difference in accuracy is unknown"
    if isnan(value):
        lines[1] = "what an avoided error is worth is unknown"
    return lines if training_cost is not None else [*lines, "no training cost is counted"]


def _payback(gain: float, inference_count: int, training_cost: float | None) -> float:
    """Calls until the gain has paid the training; without its cost, the whole period or never."""
    if isnan(gain):
        return nan
    if gain <= 0:
        return inf
    return inference_count if training_cost is None else break_even(training_cost, gain / inference_count)
