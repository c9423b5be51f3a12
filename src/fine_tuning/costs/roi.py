"""Return on investment of a fine-tuned model: savings, break-even, payback, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isnan, nan

from fine_tuning.costs import roi_notes
from fine_tuning.costs.cost_intervals import Interval, interval
from fine_tuning.costs.roi_facts import RoiFacts

DEFAULT_HORIZON_DAYS = 30.0


@dataclass
class CostAnalysis:
    """Costs in US dollars; an unknown figure is nan, and `unknown` names the missing input and how to provide it.

    `accuracy_value` is the value of avoided errors over the expected inferences (nan without measured accuracies). It
    is not part of the ROI.

    Attributes:
        savings: over the expected inferences, before the training cost is subtracted.
        accuracy_improvement: absolute; nan where it was neither given nor measured.
        intervals: 95 % intervals of savings, accuracy_value, roi_at_expected, break_even_inferences and payback_days;
            a figure whose inputs were not measured is not among them.
        assumptions: the inputs, and whether each was given or measured.
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
    savings: float = nan
    accuracy_improvement: float = nan
    intervals: dict[str, Interval] = field(default_factory=dict)
    assumptions: list[str] = field(default_factory=list)


def analyze(facts: RoiFacts) -> CostAnalysis:
    """Compute all figures, each with its interval where its inputs were measured."""
    saving = facts.base_price.value - facts.price.value
    per_call = interval([(1.0, facts.base_price), (-1.0, facts.price)])
    even = break_even(facts.training_cost, saving)
    error_value = facts.calls * facts.cost_per_error
    accuracy, accuracy_interval = (nan, (nan, nan)) if (gain := facts.gain) is None else (gain.value, gain[1:3])
    analysis = CostAnalysis(
        model_name=facts.model_name,
        training_cost=facts.training_cost,
        training_tokens=facts.training_tokens,
        inference_cost_per_call=facts.price.value,
        expected_inferences=facts.calls,
        total_inference_cost=facts.price.value * facts.calls,
        total_cost=facts.training_cost + facts.price.value * facts.calls,
        break_even_inferences=even,
        roi_at_expected=return_on_investment(facts.training_cost, saving * facts.calls),
        payback_days=payback_days(even, facts.calls_per_day),
        accuracy_value=accuracy * error_value,
        unknown=[*roi_notes.missing_costs(facts), *roi_notes.missing_accuracy(facts)],
        savings=saving * facts.calls,
        accuracy_improvement=accuracy,
        assumptions=roi_notes.assumptions(facts),
    )
    # Each figure is monotonic in the saving per call, so the bounds of the saving give the bounds of the figure.
    of_saving: dict[str, Callable[[float], float]] = {
        "savings": lambda each: each * facts.calls,
        "roi_at_expected": lambda each: return_on_investment(facts.training_cost, each * facts.calls),
        "break_even_inferences": lambda each: break_even(facts.training_cost, each),
        "payback_days": lambda each: payback_days(break_even(facts.training_cost, each), facts.calls_per_day),
    }
    found = {name: (figure(per_call[0]), figure(per_call[1])) for name, figure in of_saving.items()}
    found["accuracy_value"] = (accuracy_interval[0] * error_value, accuracy_interval[1] * error_value)
    analysis.intervals = {
        name: (min(ends), max(ends)) for name, ends in found.items() if not isnan(ends[0]) and not isnan(ends[1])
    }
    return analysis


def break_even(training_cost: float, saving_per_call: float) -> float:
    """Calls after which the savings cover the training; inf where nothing is saved, nan where unknown."""
    if isnan(training_cost) or isnan(saving_per_call):
        return nan
    return training_cost / saving_per_call if saving_per_call > 0 else inf


def return_on_investment(training_cost: float, savings: float) -> float:
    """(savings - training) / training, as a ratio (1.0 is 100 %); inf for free training that saves, nan if unknown."""
    if isnan(training_cost) or isnan(savings):
        return nan
    if training_cost == 0:
        return inf if savings > 0 else (-inf if savings < 0 else nan)
    return (savings - training_cost) / training_cost


def payback_days(break_even_calls: float, calls_per_day: float) -> float:
    """Days until the break-even number of calls is reached; inf where it never is, nan where unknown."""
    if isnan(break_even_calls) or isnan(calls_per_day):
        return nan
    if break_even_calls == 0:
        return 0.0
    return break_even_calls / calls_per_day if calls_per_day > 0 else inf
