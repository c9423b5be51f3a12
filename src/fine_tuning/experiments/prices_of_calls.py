"""What a version and its incumbent cost per call: on the same requests of a test, else by their recorded calls."""

from __future__ import annotations

from math import isnan
from typing import NamedTuple

from fine_tuning._util.model_names import version_name
from fine_tuning.costs import call_costs
from fine_tuning.costs.call_costs import CallCost
from fine_tuning.costs.cost_intervals import UNKNOWN
from fine_tuning.costs.roi_facts import RECORDED, Incumbent, RoiRequest
from fine_tuning.experiments import prices_of_test
from fine_tuning.experiments.withheld_tests import WithheldTests
from fine_tuning.store import model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion


class CallPrices(NamedTuple):
    """US dollars per call of both, the calls they are the means of, and notes about these."""

    version: CallCost
    incumbent: CallCost
    source: str = RECORDED
    notes: tuple[str, ...] = ()


def of_both(
    tx: Transaction, request: RoiRequest, version: ModelVersion | None, incumbent: Incumbent | None
) -> CallPrices:
    """The measured prices. Tests whose verdict is withheld do not count: their models answered other requests."""
    tests, is_stated = WithheldTests(), request.incumbent_price is not None or bool(request.incumbent_answers)
    if version is not None and incumbent is not None and not is_stated:
        found = prices_of_test.of_newest_test(tx, version, incumbent, tests)
        if found is not None:
            source = f"its samples in A/B test {found.test}, on the requests of that test that came at the same time"
            return CallPrices(found.version, found.incumbent, source, (*_notes(found.version, found.incumbent, tests),))
    price = _price(tx, request.model_name, version, incumbent, tests)
    replaced = CallCost(UNKNOWN) if is_stated else _incumbent_price(tx, incumbent, tests)
    price, replaced = (_explained(each, tests) for each in (price, replaced))
    return CallPrices(price, replaced, notes=(*_notes(price, replaced, tests),))


def _notes(price: CallCost, replaced: CallCost, tests: WithheldTests) -> list[str]:
    """Which calls the prices are of, and which do not count."""
    known = [each for each in (price, replaced) if not isnan(each.measured.value)]
    return [*filter(None, (line for each in known for line in (each.note, each.share))), *tests.notes]


def _explained(cost: CallCost, tests: WithheldTests) -> CallCost:
    """A cost that is unknown though tests without a verdict have samples, with these."""
    if cost.missing or not isnan(cost.measured.value) or not tests.notes:
        return cost
    return cost._replace(missing=f"recorded calls of it, or a valid A/B test; {tests.notes[-1]}")


def _price(
    tx: Transaction, name: str, version: ModelVersion | None, incumbent: Incumbent | None, tests: WithheldTests
) -> CallCost:
    """The price of a version; where no call of it has one and its name is asked for, that of its other versions."""
    if version is None:
        return call_costs.of_name(tx, name, tests.counts)
    found = call_costs.of_version(tx, version, tests.counts)
    if not isnan(found.measured.value) or found.share or version["model_name"] != name:
        return found
    replaced = None if incumbent is None else incumbent.version
    for other in reversed(model_versions.versions(tx, name)):
        if other["version"] == version["version"] or other == replaced:
            continue
        of_other = call_costs.of_version(tx, other, tests.counts)
        if not isnan(of_other.measured.value):
            return of_other._replace(
                note=f"no call of {version_name(name, version['version'])} has a known price; "
                f"it is taken to cost what {version_name(name, other['version'])} does"
            )
    return found


def _incumbent_price(tx: Transaction, incumbent: Incumbent | None, tests: WithheldTests) -> CallCost:
    if incumbent is None:
        return CallCost(UNKNOWN)
    version = incumbent.version
    if version is None:
        found = call_costs.of_name(tx, incumbent.name, tests.counts)
    else:
        found = call_costs.of_version(tx, version, tests.counts)
    if isnan(found.measured.value):
        return found._replace(missing=f"{found.missing}, or give base_model_inference_cost") if found.share else found
    if version is not None:
        return found
    recorded = f", {found.note}" if found.note else ""
    return found._replace(note=f"calls of {incumbent.name} are those of all applications{recorded}")
