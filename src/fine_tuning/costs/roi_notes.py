"""The assumptions of a return on investment and the inputs it lacks, a line each."""

from __future__ import annotations

from math import isnan

from fine_tuning.costs.cost_intervals import MIN_VALUES, is_skewed
from fine_tuning.costs.roi_facts import RoiFacts

UNKNOWN_INCUMBENT = "the model that it replaces"


def assumptions(facts: RoiFacts) -> list[str]:
    """What the figures are based on."""
    return [f"{facts.request.calls:,} calls are expected", *_of_prices(facts), *_of_costs(facts), *_of_quality(facts)]


def _of_prices(facts: RoiFacts) -> list[str]:
    request, lines = facts.request, []
    incumbent = UNKNOWN_INCUMBENT if facts.incumbent is None else facts.incumbent.name
    if facts.incumbent is not None:
        lines.append(f"it replaces {incumbent} ({facts.incumbent.source})")
    if request.incumbent_price is not None:
        lines.append(f"a call of {incumbent} costs ${facts.incumbent_price.value:g}, as given; taken as certain")
    elif request.incumbent_answers:
        answers = f"its {len(request.incumbent_answers):,} answers to the same requests, by their texts"
        lines.append(f"a call of {incumbent} costs ${facts.incumbent_price.value:.4g}, the mean price of {answers}")
    elif not isnan(facts.incumbent_price.value):
        lines.append(f"a call of {incumbent} costs ${facts.incumbent_price.value:.4g}, the mean of {facts.prices_of}")
    for model, measured in ((request.model_name, facts.price), (incumbent, facts.incumbent_price)):
        if isnan(measured.error) and not isnan(measured.value):
            lines.append(f"fewer than {MIN_VALUES} calls of {model} have a known price: too few for an interval")
        if is_skewed(measured):
            lines.append(f"a few calls of {model} make up most of the cost: the intervals may be too short")
    if not isnan(facts.price.value):
        lines.append(f"a call of {request.model_name} costs ${facts.price.value:.4g}, the mean of {facts.prices_of}")
    lines += facts.price_notes
    if not isnan(facts.machine_per_day):
        lines.append(
            "a local call costs its share of the machine's hours; always on, the machine costs what stands beside"
        )
    return lines


def _of_costs(facts: RoiFacts) -> list[str]:
    lines, data, judges = list[str](), facts.data, facts.judges
    if not isnan(facts.training_cost):
        lines.append(f"training cost ${facts.training_cost:.4g}, {facts.trained}")
    if not data.is_recorded:
        rest = "training and judges" if judges.calls else "the training cost"
        lines.append(
            f"the cost of the data is not known, so that the return rests on {rest} alone, a bound; give data_cost"
        )
    elif data.answers and not isnan(data.total):
        bought = data.answers - data.by_people + data.corrected
        lines.append(
            f"the data cost ${data.total:.4g}: {bought:,} answers, as paid or by today's prices of their "
            f"texts; {facts.trained}"
        )
        lines += data.notes
    if data.unrecorded:
        lines.append(
            f"the data of job {', '.join(data.unrecorded)} is not recorded and not in its cost, so that "
            "the return is a bound; give data_cost"
        )
    if data.held_out:
        lines.append(
            f"{data.held_out:,} of the {data.answers:,} answers are held out for tests; they belong to the data"
        )
    if data.corrected:
        lines.append(f"{data.corrected:,} answers were paid and then corrected by people; they belong to the data")
    if data.by_people:
        lines.append(
            f"{data.by_people:,} answers were written by people, whose work has no price here; "
            "the return is a bound without it"
        )
    if judges.calls and not isnan(judges.total):
        lines.append(f"judges cost ${judges.total:.4g}: {judges.calls:,} calls")
    if judges.unnamed:
        lines.append(f"{judges.unnamed:,} calls of judges are recorded without the model they graded; all are counted")
    return lines


def _of_quality(facts: RoiFacts) -> list[str]:
    lines, quality, each = [], facts.quality, facts.request.cost_per_error
    if quality.agreement is not None:
        whose = facts.incumbent.name if facts.incumbent else UNKNOWN_INCUMBENT
        low, high = quality.agreement.low, quality.agreement.high
        between = "" if isnan(low) else f" (95 % interval {low:.1%} to {high:.1%})"
        alike = f"{quality.agreement.value:.1%}{between} of the answers are those of {whose}"
        lines.append(f"{alike} ({quality.agreement.source}); agreement has no value in dollars")
    if quality.gain is not None:
        worth = "" if each is None else f"; an avoided error is worth ${each:g}, as given"
        low, high = quality.gain.low, quality.gain.high
        between = "" if isnan(low) else f", 95 % interval {low:+z.1%} to {high:+z.1%}"
        lines.append(f"accuracy differs by {quality.gain.value:+z.1%}{between} ({quality.gain.source}){worth}")
    return lines


def missing_costs(facts: RoiFacts) -> list[str]:
    """The unknown costs, each with how to provide it. Without them the return is unknown."""
    missing, request = [], facts.request
    if isnan(facts.incumbent_price.value):
        how = facts.incumbent_price_missing or "base_model_inference_cost, or recorded calls of it"
        which = facts.incumbent.name if facts.incumbent else f"{UNKNOWN_INCUMBENT} (name it as the incumbent)"
        missing.append(f"price per call of {which}: {how}")
    if isnan(facts.training_cost):
        of_jobs = f", by job {', '.join(facts.unpriced_jobs)}" if facts.unpriced_jobs else ""
        how = "record_training_job, or register_model with a cost"
        missing.append(f"training cost of {request.model_name}{of_jobs}: {how}")
    if facts.data.is_recorded and isnan(facts.data.total):
        missing.append(f"cost of the data, which {', '.join(facts.data.unpriced)} answered: data_cost")
    if isnan(facts.judges.total):
        missing.append("price of the judges' calls: FINE_TUNING_PRICES, or data_cost")
    if isnan(facts.price.value):
        how = facts.price_missing or "record_inference, or A/B samples with a cost"
        missing.append(f"price per call of {request.model_name}: {how}")
    return missing


def missing_accuracy(facts: RoiFacts) -> list[str]:
    """Why the difference in accuracy is unknown, and what would tell it. Without it avoided errors have no value."""
    return [facts.quality.missing] if facts.quality.missing else []
