"""Comparisons that earlier versions stored, which knew the time of scores alone, read as those of today."""

from __future__ import annotations

from typing import NotRequired, TypedDict, cast

import numpy as np

from fine_tuning.experiments.propensity_strata import ERRORS, PropensityStrata, block_of
from fine_tuning.experiments.running_sums import ArmSums
from fine_tuning.experiments.share_cells import ByShare, Cells, by_share
from fine_tuning.experiments.shares import share_number
from fine_tuning.experiments.unit_sums import COLUMNS, Floats, UnitSums
from fine_tuning.store.records.experiment_json import BlockRecord, ComparisonRecord, UnitSumsRecord

Arms = tuple[ArmSums, ArmSums]


class EarlierStrata(TypedDict):
    """Sums of the scores alone."""

    current: UnitSumsRecord
    ended: NotRequired[UnitSumsRecord]
    by_share: dict[str, UnitSumsRecord]
    changing: NotRequired[dict[str, UnitSumsRecord]]
    before: NotRequired[list[float]]
    blocks: list[BlockRecord]


def as_now(state: ComparisonRecord, arms: Arms) -> ComparisonRecord:
    """The comparison, of which samples count as of the time of their score.

    Measures are compared from the beginning where the models' shares were even, else in the samples from now on.

    Args:
        arms: the sums of both models.
    """
    if "samples" in state:
        return state
    strata, since = (_strata(cast("dict[str, EarlierStrata]", state[key])) for key in ("strata", "since"))
    if len(strata) == 1 and not (only := next(iter(strata.values()))).has_drift:
        only.measures = measures_at_once(arms)
    for each in (*strata.values(), *since.values()):
        each.measures.setdefault(ERRORS, _failures(each.scores, arms))
    return {
        **state,
        "strata": {name: each.as_dict() for name, each in strata.items()},
        "since": {name: each.as_dict() for name, each in since.items()},
        "samples": [arm.samples for arm in arms],
    }


def _strata(state: dict[str, EarlierStrata]) -> dict[str, PropensityStrata]:
    found = {}
    for name, each in state.items():
        current, ended = UnitSums.of(each["current"]), each.get("ended")
        scores = Cells(
            current,
            UnitSums.of(ended) if ended else UnitSums(),
            by_share(each["by_share"]),
            by_share(each.get("changing", {})),
        )
        first, second = each.get("before", (0.0, 0.0))
        found[name] = PropensityStrata(scores, {}, (first, second), [block_of(block) for block in each["blocks"]])
    return found


def _failures(scores: Cells, arms: Arms) -> Cells:
    """As many samples as scores, of which as many failed everywhere as of all samples of the model."""
    rates = [arm.measure(ERRORS).mean for arm in arms]

    def failed(sums: UnitSums) -> UnitSums:
        totals, products = [0.0] * COLUMNS, np.zeros((COLUMNS, COLUMNS))
        for side, count, squares, rate in zip((0, 3), sums.counts, sums.squared_counts, rates, strict=True):
            totals[side : side + 2] = count, rate * count
            products[side, side] = squares
            products[side : side + 2, side + 1] = products[side + 1, side] = rate * squares
        return UnitSums.of_matrix(totals, products)

    def all_failed(cells: ByShare) -> ByShare:
        return {share: failed(sums) for share, sums in cells.items()}

    return Cells(failed(scores.current), failed(scores.ended), all_failed(scores.by_share), all_failed(scores.changing))


def measures_at_once(arms: Arms) -> dict[str, Cells]:
    """The sums of all measures of two models, as if all samples were of one time."""
    found = {}
    for name in sorted({*arms[0].measures, *arms[1].measures}):
        totals, products = [0.0] * COLUMNS, np.zeros((COLUMNS, COLUMNS))
        for side, arm in zip((0, 3), arms, strict=True):
            figures = arm.measure(name)
            totals[side : side + 2] = figures.count, figures.total
            products[side : side + 2, side : side + 2] = _products(arm, name)
        sums = UnitSums.of_matrix(totals, products)
        if sum(sums.counts):
            found[name] = Cells(by_share={share_number(sums.counts): sums})
    return found


def _products(arm: ArmSums, name: str) -> Floats:
    """Of the number of a unit's figures and their total: of users where the samples have some."""
    figures, users = arm.measure(name), arm.measure_clusters(name)
    if users.count:
        return np.array([[users.n_squared, users.s_n], [users.s_n, users.s_squared]])
    squares = figures.squares + figures.count * figures.mean**2
    return np.array([[figures.count, figures.total], [figures.total, squares]])
