"""Running sums that version 1.0 stored of a test, read as those of today."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from fine_tuning.experiments.comparison import Comparison
from fine_tuning.experiments.earlier_strata import measures_at_once
from fine_tuning.experiments.effect import Look
from fine_tuning.experiments.propensity_strata import Block, PropensityStrata
from fine_tuning.experiments.running_sums import ArmSums
from fine_tuning.experiments.share_cells import Cells
from fine_tuning.experiments.shares import share_number
from fine_tuning.experiments.unit_sums import COLUMNS, Floats, UnitSums
from fine_tuning.store.records.experiment_json import (
    Arm,
    ArmRecord,
    ClusterSumsRecord,
    MomentsRecord,
    PlannedLookRecord,
)


class CovariateRecord(TypedDict):
    """Sums of a covariate x and the scores y."""

    count: int
    mean_x: float
    mean_y: float
    xx: float
    xy: float


class FormerArm(ArmRecord):
    """Sums of a model, over its clusters too."""

    covaried: CovariateRecord
    clusters: ClusterSumsRecord


class FormerPairs(TypedDict):
    """Differences of the scores of samples that both models answered."""

    differences: MomentsRecord


class FormerRecord(TypedDict):
    """`experiments.statistics` of version 1.0, as far as it is read."""

    arms: dict[Arm, FormerArm]
    by_id: FormerPairs
    pair_clusters: ClusterSumsRecord
    looks: list[PlannedLookRecord]
    next_look: int


def comparison(state: FormerRecord) -> Comparison:
    """The comparison of both models: all samples in one block of time.

    What both models have in common is that of their pairs, where all samples are pairs; else in proportion.
    """
    a, b = state["arms"]["model_a"], state["arms"]["model_b"]
    products = np.zeros((COLUMNS, COLUMNS))
    products[:3, :3], products[3:, 3:] = _own(a), _own(b)
    pairs = state["by_id"]["differences"]["count"]
    if pairs:
        shares = [pairs / arm["scores"]["count"] for arm in (a, b)]
        mixed = np.zeros((COLUMNS // 2, COLUMNS // 2))
        squares = [arm["clusters"]["s_squared"] * share for arm, share in zip((a, b), shares, strict=True)]
        mixed[0, 0] = state["pair_clusters"]["n_squared"]
        mixed[1, 0] = a["clusters"]["s_n"] * shares[0]
        mixed[0, 1] = b["clusters"]["s_n"] * shares[1]
        mixed[1, 1] = (sum(squares) - state["pair_clusters"]["s_squared"]) / 2
        products[:3, 3:] = mixed
    sums = UnitSums.of_matrix([*_totals(a), *_totals(b)], products)
    strata, arms = {}, (ArmSums.of(a), ArmSums.of(b))
    if sum(sums.counts):
        share = share_number(sums.counts)
        scores = Cells(by_share={share: sums})
        strata[""] = PropensityStrata(scores, measures_at_once(arms), blocks=[Block((0, 0), share)])
    looks = [Look.of_record(each) for each in state["looks"]]
    samples = arms[0].samples, arms[1].samples
    return Comparison(strata, pairs=pairs, looks=looks, next_look=state.get("next_look", 1), samples=samples)


def _totals(arm: FormerArm) -> tuple[float, float, float]:
    covaried = arm["covaried"]
    return arm["scores"]["count"], arm["scores"]["total"], covaried["count"] * covaried["mean_x"]


def _own(arm: FormerArm) -> Floats:
    """Products of a model's number of scores, their total, and that of the covariate."""
    clusters, covaried = arm["clusters"], arm["covaried"]
    n, x, y = covaried["count"], covaried["mean_x"], covaried["mean_y"]
    return np.array(
        [
            [clusters["n_squared"], clusters["s_n"], n * x],
            [clusters["s_n"], clusters["s_squared"], covaried["xy"] + n * x * y],
            [n * x, covaried["xy"] + n * x * y, covaried["xx"] + n * x * x],
        ]
    )
