"""The return on a registered model: what is stated of it, and what is recorded of it and of its incumbent."""

from __future__ import annotations

import logging
from dataclasses import replace

from fine_tuning.costs import roi, roi_facts, roi_notes
from fine_tuning.costs.cost_intervals import given, mean_of
from fine_tuning.costs.data_costs import NO_JUDGES, DataCost
from fine_tuning.costs.roi import CostAnalysis
from fine_tuning.costs.roi_facts import Incumbent, Quality, RoiFacts, RoiRequest
from fine_tuning.errors import UsageError
from fine_tuning.experiments import incumbent, measured_gain, prices_of_calls
from fine_tuning.experiments.prices_of_calls import CallPrices
from fine_tuning.settings import Settings
from fine_tuning.store import named_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion

_log = logging.getLogger("fine_tuning.cost_tracker")


def calculate(tx: Transaction, request: RoiRequest, settings: Settings) -> CostAnalysis:
    """The analysis of the version that a name stands for; inputs that make the return unknown are logged.

    Raises:
        NotFoundError: the model or the incumbent is registered, and has no such version or alias.
        UsageError: both are the same version.
    """
    version = named_versions.find_or_raise(tx, request.model_name)
    facts = _facts(tx, request, version, settings)
    for line in roi_notes.missing_costs(facts):
        _log.warning("ROI is unknown for lack of %s", line)
    return roi.analyze(facts)


def _incumbent(tx: Transaction, request: RoiRequest, version: ModelVersion | None) -> Incumbent | None:
    if request.incumbent is None:
        return None if version is None else incumbent.find(tx, version)
    found = incumbent.stated(tx, request.incumbent)
    if version is not None and found.version == version:
        raise UsageError(f"{request.model_name} and its incumbent {request.incumbent} are both {found.name}")
    return found


def _facts(tx: Transaction, request: RoiRequest, version: ModelVersion | None, settings: Settings) -> RoiFacts:
    replaced = _incumbent(tx, request, version)
    facts = roi_facts.gather(tx, request, version, replaced, settings)
    facts = _priced(facts, prices_of_calls.of_both(tx, request, version, replaced))
    if request.data_cost is not None:
        facts = replace(facts, data=DataCost(request.data_cost, 0), judges=NO_JUDGES)
    if request.accuracy_improvement is not None:
        return replace(facts, quality=Quality(roi_facts.given_gain(request.accuracy_improvement)))
    if version is None:
        return replace(facts, quality=Quality(missing=f"accuracy: no version of {request.model_name} is registered"))
    return replace(facts, quality=measured_gain.between(tx, version, replaced))


def _priced(facts: RoiFacts, prices: CallPrices) -> RoiFacts:
    """With the measured prices; that of the incumbent only where none was given."""
    stated, answers = facts.request.incumbent_price, facts.request.incumbent_answers
    measured = mean_of(answers) if answers else prices.incumbent.measured
    return replace(
        facts,
        price=prices.version.measured,
        incumbent_price=measured if stated is None else given(stated),
        prices_of=prices.source,
        price_notes=prices.notes,
        price_missing=prices.version.missing,
        incumbent_price_missing=prices.incumbent.missing,
    )
