"""The assumptions of a return on investment and the inputs it lacks, a line each."""

from __future__ import annotations

from math import isnan

from fine_tuning.costs.cost_intervals import MIN_VALUES, is_skewed
from fine_tuning.costs.roi_facts import RoiFacts


def assumptions(facts: RoiFacts) -> list[str]:
    """What the figures are based on."""
    lines = [f"{facts.calls:,} calls are expected"]
    base, price = facts.base_price, facts.price
    if facts.is_base_price_given:
        lines.append(f"a call of the base model costs ${base.value:g}, as given; taken as certain")
    elif not isnan(base.value):
        lines.append(f"a call of {facts.base_model} costs ${base.value:.4g}, the mean of its recorded calls")
    for model, measured in ((facts.model_name, price), (facts.base_model, base)):
        if isnan(measured.error) and not isnan(measured.value):
            lines.append(f"fewer than {MIN_VALUES} calls of {model} are recorded: too few for an interval")
        if is_skewed(measured):
            lines.append(f"a few calls of {model} make up most of the cost: the intervals may be too short")
    if not isnan(price.value):
        lines.append(f"a call of {facts.model_name} costs ${price.value:.4g}, the mean of recorded calls")
    if not isnan(facts.training_cost):
        lines.append(f"training cost ${facts.training_cost:.4g}, all versions together")
    if facts.gain is not None:
        difference = f"accuracy differs by {facts.gain.value:+.1%} ({facts.gain.source})"
        lines.append(f"{difference}; an avoided error is worth ${facts.cost_per_error:g}")
    return lines


def missing_costs(facts: RoiFacts) -> list[str]:
    """The unknown costs, each with how to provide it. Without them the return is unknown."""
    missing = []
    if isnan(facts.base_price.value):
        missing.append("price per call of the base model: base_model_inference_cost, or recorded calls of it")
    if isnan(facts.training_cost):
        of_jobs = f", by job {', '.join(facts.unpriced_jobs)}" if facts.unpriced_jobs else ""
        how = "record_training_job, or register_model with a cost"
        missing.append(f"training cost of {facts.model_name}{of_jobs}: {how}")
    if isnan(facts.price.value):
        missing.append(f"price per call of {facts.model_name}: record_inference, or A/B samples with a cost")
    return missing


def missing_accuracy(facts: RoiFacts) -> list[str]:
    """How to provide the difference in accuracy, where it is unknown. Without it avoided errors have no value."""
    if facts.gain is not None:
        return []
    return ["accuracy: evaluations of this version and its base model over the same questions, or an A/B test"]
