"""Return on investment of a fine-tuned model against its incumbent: savings, break-even, payback, 95 % intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf, isclose, isfinite, isnan, nan
from typing import Literal

from fine_tuning.costs import roi_notes
from fine_tuning.costs.cost_intervals import Interval, interval
from fine_tuning.costs.roi_facts import RoiFacts

DEFAULT_HORIZON_DAYS = 30.0
Bound = Literal["at most", "at least"]
AT_MOST: Bound = "at most"
AT_LEAST: Bound = "at least"


@dataclass
class CostAnalysis:
    """Costs in US dollars; an unknown figure is nan, and `unknown` names the missing input and how to provide it.

    `accuracy_value` is the value of avoided errors over the expected inferences: nan without a value of an error, and
    without measured accuracies of both models. It is not part of the ROI.

    Attributes:
        incumbent: the model that is replaced, which all figures compare with; None where it is unknown.
        incumbent_cost: of the incumbent over the expected inferences, its whole bill: savings cannot exceed it.
        data_cost: of the answers that the model was trained on; nan where it is unknown.
        judge_cost: of the calls that graded answers.
        investment: of training, judges and, where it is recorded, data: what the savings have to pay back.
        always_on_cost: of this machine over the same time, whether it answers or not; nan where a host answers.
        savings: over the expected inferences, before the investment is subtracted.
        agreement: share of the answers that are the incumbent's own, in evaluations whose references are these. It
            says how alike the models are, not which one is right.
        accuracy_improvement: absolute; nan where it was neither given nor measured.
        intervals: 95 % intervals of incumbent_cost, savings, accuracy_value, agreement, roi_at_expected,
            break_even_inferences and payback_days; a figure whose inputs were not measured is not among them.
        bounds: of figures that rest on a part of the investment alone, since the cost of the rest is unknown: "at most"
            or "at least", by their names. One end of their interval is known: the higher or the lower one.
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
    incumbent: str | None = None
    incumbent_cost: float = nan
    data_cost: float = nan
    judge_cost: float = 0.0
    investment: float = nan
    always_on_cost: float = nan
    agreement: float = nan
    bounds: dict[str, Bound] = field(default_factory=dict)

    def interval_of(self, figure: str) -> Interval | None:
        """The 95 % interval of a figure; None where it was not measured, or its inputs do not vary."""
        low, high = self.intervals.get(figure, (0.0, 0.0))
        return None if isclose(low, high) else (low, high)

    def shown(self, figure: str, show: Callable[[float], str]) -> tuple[str, str]:
        """A figure and its interval as texts, each with its bound; no interval where both of its ends read alike.

        Args:
            figure: the name of the attribute; show: what writes a value.
        """
        value, ends, bound = show(getattr(self, figure)), self.interval_of(figure), self.bounds.get(figure)
        low, high = ("", "") if ends is None else map(show, ends)
        if bound is not None:
            end = high if bound == AT_MOST else low
            return f"{bound} {value}", f"{bound} {end}" if end else ""
        return value, f"{low} to {high}" if low != high else ""


def analyze(facts: RoiFacts) -> CostAnalysis:
    """Compute all figures, each with its interval where its inputs were measured."""
    request, investment = facts.request, facts.investment
    saving = facts.incumbent_price.value - facts.price.value
    even = break_even(investment, saving)
    gain, agreement = facts.quality.gain, facts.quality.agreement
    analysis = CostAnalysis(
        model_name=request.model_name,
        training_cost=facts.training_cost,
        training_tokens=facts.training_tokens,
        inference_cost_per_call=facts.price.value,
        expected_inferences=request.calls,
        total_inference_cost=facts.price.value * request.calls,
        total_cost=investment + facts.price.value * request.calls,
        break_even_inferences=even,
        roi_at_expected=return_on_investment(investment, saving * request.calls),
        payback_days=payback_days(even, request.calls_per_day),
        accuracy_value=nan if gain is None else gain.value * _value_of_errors(facts) + 0.0,
        unknown=[*roi_notes.missing_costs(facts), *roi_notes.missing_accuracy(facts)],
        savings=saving * request.calls,
        accuracy_improvement=nan if gain is None else gain.value,
        intervals=_intervals(facts),
        assumptions=roi_notes.assumptions(facts),
        incumbent=None if facts.incumbent is None else facts.incumbent.name,
        incumbent_cost=facts.incumbent_price.value * request.calls,
        data_cost=facts.data.total,
        judge_cost=facts.judges.total,
        investment=investment,
        always_on_cost=facts.machine_per_day * request.calls / request.calls_per_day,
        agreement=nan if agreement is None else agreement.value,
    )
    return analysis if facts.data.is_whole else replace(analysis, bounds=_bounds(analysis))


def _bounds(analysis: CostAnalysis) -> dict[str, Bound]:
    """Of the figures, where a part of the investment is unknown: it is as high as the known part, or higher.

    The return (savings / investment - 1) of a higher one is lower; of negative savings it is nearer to -100 %.
    """
    found = dict.fromkeys(("investment", "total_cost", "break_even_inferences", "payback_days"), AT_LEAST)
    if analysis.savings:
        found["roi_at_expected"] = AT_MOST if analysis.savings > 0 else AT_LEAST
    return {name: bound for name, bound in found.items() if isfinite(getattr(analysis, name))}


def _value_of_errors(facts: RoiFacts) -> float:
    """US dollars, if every expected call were an error that is avoided; nan where an error has no value."""
    each = facts.request.cost_per_error
    return nan if each is None else facts.request.calls * each


def _intervals(facts: RoiFacts) -> dict[str, Interval]:
    request, investment = facts.request, facts.investment
    low, high = interval([(1.0, facts.incumbent_price), (-1.0, facts.price)])
    bill = interval([(1.0, facts.incumbent_price)])
    per_call = low, min(high, bill[1])  # no call costs less than nothing, so that the bill is the most that is saved
    # Each figure is monotonic in the saving per call, so the bounds of the saving give the bounds of the figure.
    of_saving: dict[str, Callable[[float], float]] = {
        "savings": lambda each: each * request.calls,
        "roi_at_expected": lambda each: return_on_investment(investment, each * request.calls),
        "break_even_inferences": lambda each: break_even(investment, each),
        "payback_days": lambda each: payback_days(break_even(investment, each), request.calls_per_day),
    }
    found = {name: (figure(per_call[0]), figure(per_call[1])) for name, figure in of_saving.items()}
    found["incumbent_cost"] = (bill[0] * request.calls, bill[1] * request.calls)
    if (gain := facts.quality.gain) is not None:
        found["accuracy_value"] = (gain.low * _value_of_errors(facts) + 0.0, gain.high * _value_of_errors(facts) + 0.0)
    if (agreement := facts.quality.agreement) is not None:
        found["agreement"] = (agreement.low, agreement.high)
    return {name: (min(ends), max(ends)) for name, ends in found.items() if not isnan(ends[0]) and not isnan(ends[1])}


def break_even(investment: float, saving_per_call: float) -> float:
    """Calls after which the savings cover the investment; inf where nothing is saved, nan where unknown."""
    if isnan(investment) or isnan(saving_per_call):
        return nan
    return investment / saving_per_call if saving_per_call > 0 else inf


def return_on_investment(investment: float, savings: float) -> float:
    """(savings - investment) / investment, as a ratio (1.0 is 100 %); inf where a free one saves, nan if unknown."""
    if isnan(investment) or isnan(savings):
        return nan
    if investment == 0:
        return inf if savings > 0 else (-inf if savings < 0 else nan)
    return (savings - investment) / investment


def payback_days(break_even_calls: float, calls_per_day: float) -> float:
    """Days until the break-even number of calls is reached; inf where it never is, nan where unknown."""
    if isnan(break_even_calls) or isnan(calls_per_day):
        return nan
    if break_even_calls == 0:
        return 0.0
    return break_even_calls / calls_per_day if calls_per_day > 0 else inf
