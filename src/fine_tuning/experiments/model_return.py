"""The return on a registered model: what is stated of it, and what is recorded of it and of its incumbent."""

from __future__ import annotations

import logging
from dataclasses import replace

from fine_tuning.costs import roi, roi_facts, roi_notes
from fine_tuning.costs.data_costs import DataCost
from fine_tuning.costs.roi import CostAnalysis
from fine_tuning.costs.roi_facts import Quality, RoiFacts, RoiRequest
from fine_tuning.experiments import incumbent, measured_gain
from fine_tuning.settings import Settings
from fine_tuning.store import model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion

_log = logging.getLogger("fine_tuning.cost_tracker")


def calculate(tx: Transaction, request: RoiRequest, settings: Settings) -> CostAnalysis:
    """The analysis of the deployed version, or the latest; inputs that make the return unknown are logged."""
    version = model_versions.deployed(tx, request.model_name) or model_versions.get(tx, request.model_name)
    facts = _facts(tx, _with_incumbent(tx, request, version), version, settings)
    for line in roi_notes.missing_costs(facts):
        _log.warning("ROI is unknown for lack of %s", line)
    return roi.analyze(facts)


def _with_incumbent(tx: Transaction, request: RoiRequest, version: ModelVersion | None) -> RoiRequest:
    if request.incumbent is not None:
        return replace(request, incumbent_source="as given")
    found = None if version is None else incumbent.find(tx, version)
    return request if found is None else replace(request, incumbent=found.name, incumbent_source=found.source)


def _facts(tx: Transaction, request: RoiRequest, version: ModelVersion | None, settings: Settings) -> RoiFacts:
    facts = roi_facts.gather(tx, request, version, settings)
    if request.data_cost is not None:
        facts = replace(facts, data=DataCost(request.data_cost, 0))
    if request.accuracy_improvement is not None:
        return replace(facts, quality=Quality(roi_facts.given_gain(request.accuracy_improvement)))
    if version is None:
        return replace(facts, quality=Quality(missing=f"accuracy: no version of {request.model_name} is registered"))
    return replace(facts, quality=measured_gain.between(tx, version, request.incumbent))
