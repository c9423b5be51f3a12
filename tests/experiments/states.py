"""States of tests, put together from all scores at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from fine_tuning.experiments.earlier_strata import measures_at_once
from fine_tuning.experiments.propensity_strata import Block, PropensityStrata
from fine_tuning.experiments.running_sums import Clusters, Moments
from fine_tuning.experiments.share_cells import Cells
from fine_tuning.experiments.sufficient_statistics import ARMS, Statistics
from fine_tuning.experiments.unit_sums import UnitSums


def moments(values: Any) -> Moments:
    """Those of an array."""
    apart = values - np.mean(values)
    return Moments(len(values), float(np.sum(values)), float((apart**2).sum()), float((apart**3).sum()))


def statistics(a: Any, b: Any, *, clusters: int | None = None, is_paired: bool = False) -> Statistics:
    """The state after these scores of each model: each a unit, or of so many equal units of each; or all pairs."""
    found = Statistics(origin=0.0)
    columns = []
    for arm, values in zip(ARMS, (np.asarray(a, float), np.asarray(b, float)), strict=True):
        state = found.arms[arm]
        state.samples, state.scores = len(values), moments(values)
        totals = values.reshape(clusters or len(values), -1).sum(axis=1)
        columns.append(np.stack([np.full(len(totals), len(values) / len(totals)), totals, np.zeros(len(totals))], 1))
    first, second = columns
    units = np.hstack([first, second]) if is_paired else np.vstack([np.pad(first, ((0, 0), (0, 3))),
                                                                    np.pad(second, ((0, 0), (3, 0)))])  # fmt: skip
    sums = UnitSums.of_matrix(units.sum(axis=0).tolist(), units.T @ units)
    cells = Cells(sums)
    for one, other in zip(a, b, strict=True) if is_paired else ():
        cells.pairs.add(float(one), float(other))
    found.comparison.strata[""] = PropensityStrata(cells, blocks=[Block((0, 0))])
    found.comparison.pairs = len(first) if is_paired else 0
    return found


def of_measure(name: str, a: Any, b: Any) -> Statistics:
    """The state after these figures of a measure of each model."""
    found = Statistics()
    for arm, values in zip(ARMS, (a, b), strict=True):
        found.arms[arm].measures[name] = moments(np.asarray(values, float))
        found.arms[arm].by_cluster[name] = Clusters(len(values), *_squares(np.asarray(values, float)))
    measures = measures_at_once((found.arms["model_a"], found.arms["model_b"]))
    found.comparison.strata[""] = PropensityStrata(measures=measures)
    return found


def _squares(values: Any) -> tuple[float, float, float]:
    return float((values**2).sum()), float(values.sum()), float(len(values))
